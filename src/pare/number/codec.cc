#include "pare/number/codec.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cmath>
#include <numeric>

#include "pare/number/grid.h"
#include "pare/number/scalar.h"
#include "pare/number/vector.h"

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

/// Codes in the order of their magnitudes, positive ones first; zero has code 0 under both signs.
std::array<std::uint8_t, 16> codes_by_magnitude(const Format& format) {
  const std::vector<float>& values = code_values(format);
  const std::size_t half = std::size_t{1} << magnitude_bits(format);
  std::array<std::uint8_t, 16> codes{};
  std::iota(codes.begin(), codes.end(), std::uint8_t{0});
  const auto smaller = [&](std::uint8_t a, std::uint8_t b) { return std::fabs(values[a]) < std::fabs(values[b]); };
  std::sort(codes.begin(), codes.begin() + static_cast<std::ptrdiff_t>(half), smaller);
  std::sort(codes.begin() + static_cast<std::ptrdiff_t>(half), codes.end(), smaller);
  if (half < codes.size()) codes[half] = 0;
  return codes;
}

}  // namespace

void encode(const Format& format, Ties ties, const float* x, std::size_t n, float scale, std::uint8_t* codes) {
  check(format, ties);
  assert(is_scale(scale));
  vector::encode(grid_of(format), ties, x, n, scale, codes);
}

void decode(const Format& format, const std::uint8_t* codes, std::size_t n, float scale, float* x) {
  assert(is_scale(scale));
  const auto table = scaled_values(format, scale);
  if (format.bits <= 4) return vector::decode16(table.data(), codes, n, x);
  scalar::decode(table.data(), codes, n, x);
}

void round_to(const Format& format, Ties ties, const float* x, std::size_t n, float scale, float* y) {
  check(format, ties);
  assert(is_scale(scale));
  vector::round_to(grid_of(format), ties, x, n, scale, y);
}

void encode_packed(const Format& format, Ties ties, const float* x, std::size_t n, float scale, std::uint8_t* packed) {
  check(format, ties);
  assert(is_scale(scale));
  const Grid& grid = grid_of(format);
  if (format.bits == 8) return vector::encode(grid, ties, x, n, scale, packed);
  if (format.bits == 4 && !grid.twos_complement)
    return vector::encode_nibbles(grid, ties, codes_by_magnitude(format).data(), x, n, scale, packed);
  std::array<std::uint8_t, block> codes;
  for (std::size_t i = 0; i < n; i += block) {
    const std::size_t count = std::min(block, n - i);
    vector::encode(grid, ties, x + i, count, scale, codes.data());
    pack(codes.data(), count, format.bits, packed + packed_bytes(i, format.bits));
  }
}

void decode_packed(const Format& format, const std::uint8_t* packed, std::size_t n, float scale, float* x) {
  assert(is_scale(scale));
  const auto table = scaled_values(format, scale);
  if (format.bits == 8) return scalar::decode(table.data(), packed, n, x);
  if (format.bits == 4) return vector::decode_nibbles(table.data(), packed, n, x);
  std::array<std::uint8_t, block> codes;
  for (std::size_t i = 0; i < n; i += block) {
    const std::size_t count = std::min(block, n - i);
    unpack(packed + packed_bytes(i, format.bits), count, format.bits, codes.data());
    if (format.bits < 4)
      vector::decode16(table.data(), codes.data(), count, x + i);
    else
      scalar::decode(table.data(), codes.data(), count, x + i);
  }
}

bool all_finite(const float* x, std::size_t n) { return vector::all_finite(x, n); }

}  // namespace pare::number
