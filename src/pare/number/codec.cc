#include "pare/number/codec.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cmath>

#include "pare/number/grid.h"
#include "pare/number/scalar.h"

namespace pare::number {
namespace {

/// Codes between two stages wait in a buffer of this many, which stays in the first-level cache; a multiple of 8, so
/// that a block begins at a whole byte of the packed stream.
constexpr std::size_t block = 4096;

[[maybe_unused]] bool is_scale(float scale) { return scale > 0 && std::isfinite(scale); }

std::array<float, 256> scaled_values(const Format& format, float scale) {
  const std::vector<float>& values = code_values(format);
  std::array<float, 256> table{};
  std::transform(values.begin(), values.end(), table.begin(), [scale](float v) { return scale * v; });
  return table;
}

}  // namespace

void encode(const Format& format, Ties ties, const float* x, std::size_t n, float scale, std::uint8_t* codes) {
  check(format, ties);
  assert(is_scale(scale));
  scalar::encode(grid_of(format), ties, x, n, scale, codes);
}

void decode(const Format& format, const std::uint8_t* codes, std::size_t n, float scale, float* x) {
  assert(is_scale(scale));
  scalar::decode(scaled_values(format, scale).data(), codes, n, x);
}

void round_to(const Format& format, Ties ties, const float* x, std::size_t n, float scale, float* y) {
  check(format, ties);
  assert(is_scale(scale));
  scalar::round_to(grid_of(format), ties, x, n, scale, y);
}

void encode_packed(const Format& format, Ties ties, const float* x, std::size_t n, float scale, std::uint8_t* packed) {
  std::array<std::uint8_t, block> codes;
  for (std::size_t i = 0; i < n; i += block) {
    const std::size_t count = std::min(block, n - i);
    encode(format, ties, x + i, count, scale, codes.data());
    pack(codes.data(), count, format.bits, packed + packed_bytes(i, format.bits));
  }
}

void decode_packed(const Format& format, const std::uint8_t* packed, std::size_t n, float scale, float* x) {
  std::array<std::uint8_t, block> codes;
  for (std::size_t i = 0; i < n; i += block) {
    const std::size_t count = std::min(block, n - i);
    unpack(packed + packed_bytes(i, format.bits), count, format.bits, codes.data());
    decode(format, codes.data(), count, scale, x + i);
  }
}

bool all_finite(const float* x, std::size_t n) { return scalar::all_finite(x, n); }

}  // namespace pare::number
