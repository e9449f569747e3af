// Number formats of 3 to 8 bits: which values a code can stand for (ANT, MICRO 2022, section 4; value tables in
// docs/formats.md).
//
// A code has `bits` bits; a signed one is sign and magnitude, so k = bits - 1 magnitude bits, an unsigned one has
// k = bits. Only integers of the full range are two's complement, which has room for their extra value. Values are in
// grid units: a tensor is stored as codes and a scale, x = scale * value(code).
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace pare::number {

enum class Family { integer, power_of_two, floating, flint };

/// symmetric: -(2^k - 1) .. 2^k - 1; full: one more negative value, -2^k (two's complement range). Signed integers
/// only.
enum class IntRange { symmetric, full };

/// Where a number exactly between two values goes. away: the larger magnitude; published: the later, more positive
/// value, as the authors' code does; even: the even integer, as ONNX QuantizeLinear does (integers only).
enum class Ties { away, published, even };

struct Format {
  Family family = Family::integer;
  int bits = 8;  // 3 .. 8
  bool is_signed = true;
  int exponent_bits = 0;  // floating only: 1 .. k, the rest of the k magnitude bits is mantissa
  IntRange range = IntRange::symmetric;

  bool operator==(const Format&) const = default;
};

/// Magnitude bits k.
constexpr int magnitude_bits(const Format& f) { return f.is_signed ? f.bits - 1 : f.bits; }

/// int4, uint4, int4_full, pot4, upot4, float4_e2m1, ufloat4_e3m1, flint4, uflint4.
std::string name(const Format& format);

/// The inverse of name(); `float4` alone means three exponent bits (or as many as fit). Throws UsageError.
Format parse_format(std::string_view text);

/// Throws UsageError with the reason where the format does not exist or its values leave float32's range.
void check(const Format& format);

/// The same, and that the format knows these ties (Ties::even is for integers).
void check(const Format& format, Ties ties);

/// The value of every code, exact in float32, indexed by code [2^bits]. Sets whose largest value exceeds 2^64 are
/// normalised by a power of two so that the largest lies in [1, 2). The one code that no
/// encoder writes (minus zero, 100..0 of a sign-and-magnitude code) decodes to +0.
const std::vector<float>& code_values(const Format& format);

/// The distinct values, ascending, from the most negative (or 0) to the largest.
const std::vector<float>& values(const Format& format);

/// The largest value.
float largest(const Format& format);

}  // namespace pare::number
