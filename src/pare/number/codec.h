// Arrays of float32 to codes and back, on the widest vectors of the machine, and codes packed to their width.
//
// encode rounds x / scale (divided in float32) to the nearest value of the format, ties as asked, saturating at the
// ends; zero always gets code 0, also from -0 and from negative numbers that round to zero. NaN is a programming
// mistake here: callers check with all_finite first. scale > 0 and finite.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "pare/number/format.h"

namespace pare::number {

/// codes[i] = code of x[i] / scale, one byte a code.
void encode(const Format& format, Ties ties, const float* x, std::size_t n, float scale, std::uint8_t* codes);

/// x[i] = scale * value(codes[i]), the product rounded once to float32. Codes must be below 2^bits.
void decode(const Format& format, const std::uint8_t* codes, std::size_t n, float scale, float* x);

/// y[i] = decode(encode(x[i])): what the quantised tensor holds. x and y may be the same.
void round_to(const Format& format, Ties ties, const float* x, std::size_t n, float scale, float* y);

/// Bytes that n codes of `bits` bits need: ceil(n * bits / 8).
constexpr std::size_t packed_bytes(std::size_t n, int bits) { return (n * static_cast<std::size_t>(bits) + 7) / 8; }

/// Code i occupies bits [i * bits, (i + 1) * bits) of the stream, bit 0 of a byte first; unused bits are zero.
void pack(const std::uint8_t* codes, std::size_t n, int bits, std::uint8_t* packed);
void unpack(const std::uint8_t* packed, std::size_t n, int bits, std::uint8_t* codes);

/// encode and pack, unpack and decode, without a pass over memory between.
void encode_packed(const Format& format, Ties ties, const float* x, std::size_t n, float scale, std::uint8_t* packed);
void decode_packed(const Format& format, const std::uint8_t* packed, std::size_t n, float scale, float* x);

/// No NaN and no infinity among them.
bool all_finite(const float* x, std::size_t n);

}  // namespace pare::number
