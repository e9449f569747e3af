#include "pare/number/codec.h"

#include <algorithm>
#include <cmath>

namespace pare::number {
namespace {

/// Encodes by search among the ascending values.
class Searcher {
 public:
  Searcher(const Format& format, Ties ties) : grid_(values(format)), ties_(ties) {
    const auto& by_code = code_values(format);
    for (const float v : grid_)
      code_of_.push_back(static_cast<std::uint8_t>(std::ranges::find(by_code, v) - by_code.begin()));
  }

  std::size_t nearest(float q) const {
    const auto above = static_cast<std::size_t>(std::ranges::lower_bound(grid_, q) - grid_.begin());
    if (above == 0) return 0;
    if (above == grid_.size()) return above - 1;
    const double low = static_cast<double>(q) - grid_[above - 1], high = static_cast<double>(grid_[above]) - q;
    if (low != high) return low < high ? above - 1 : above;
    switch (ties_) {
      case Ties::away: return q > 0 ? above : above - 1;
      case Ties::published: return above;
      case Ties::even: return std::fmod(grid_[above], 2.0f) == 0 ? above : above - 1;
    }
    return above;
  }

  std::uint8_t code(float q) const { return code_of_[nearest(q)]; }
  float value(float q) const { return grid_[nearest(q)]; }

 private:
  const std::vector<float>& grid_;
  std::vector<std::uint8_t> code_of_;
  Ties ties_;
};

}  // namespace

void encode(const Format& format, Ties ties, const float* x, std::size_t n, float scale, std::uint8_t* codes) {
  const Searcher search(format, ties);
  for (std::size_t i = 0; i < n; ++i) codes[i] = search.code(x[i] / scale);
}

void decode(const Format& format, const std::uint8_t* codes, std::size_t n, float scale, float* x) {
  const auto& table = code_values(format);
  for (std::size_t i = 0; i < n; ++i) x[i] = table[codes[i]] * scale;
}

void round_to(const Format& format, Ties ties, const float* x, std::size_t n, float scale, float* y) {
  const Searcher search(format, ties);
  for (std::size_t i = 0; i < n; ++i) y[i] = search.value(x[i] / scale) * scale;
}

void pack(const std::uint8_t* codes, std::size_t n, int bits, std::uint8_t* packed) {
  std::fill_n(packed, packed_bytes(n, bits), std::uint8_t{0});
  for (std::size_t i = 0; i < n; ++i) {
    const std::size_t at = i * static_cast<std::size_t>(bits);
    const unsigned shifted = static_cast<unsigned>(codes[i]) << (at % 8);
    packed[at / 8] |= static_cast<std::uint8_t>(shifted);
    if (at % 8 + static_cast<std::size_t>(bits) > 8) packed[at / 8 + 1] |= static_cast<std::uint8_t>(shifted >> 8);
  }
}

void unpack(const std::uint8_t* packed, std::size_t n, int bits, std::uint8_t* codes) {
  for (std::size_t i = 0; i < n; ++i) {
    const std::size_t at = i * static_cast<std::size_t>(bits);
    unsigned word = packed[at / 8];
    if (at % 8 + static_cast<std::size_t>(bits) > 8) word |= static_cast<unsigned>(packed[at / 8 + 1]) << 8;
    codes[i] = static_cast<std::uint8_t>((word >> (at % 8)) & ((1u << bits) - 1));
  }
}

void encode_packed(const Format& format, Ties ties, const float* x, std::size_t n, float scale, std::uint8_t* packed) {
  std::vector<std::uint8_t> codes(n);
  encode(format, ties, x, n, scale, codes.data());
  pack(codes.data(), n, format.bits, packed);
}

void decode_packed(const Format& format, const std::uint8_t* packed, std::size_t n, float scale, float* x) {
  std::vector<std::uint8_t> codes(n);
  unpack(packed, n, format.bits, codes.data());
  decode(format, codes.data(), n, scale, x);
}

bool all_finite(const float* x, std::size_t n) {
  return std::all_of(x, x + n, [](float v) { return std::isfinite(v); });
}

}  // namespace pare::number
