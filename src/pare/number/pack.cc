// Codes to bit streams and back: eight codes of b bits are b whole bytes, so blocks of eight are independent.
#include <algorithm>
#include <cassert>

#include "pare/number/codec.h"

namespace pare::number {
namespace {

constexpr std::size_t block = 8;

void store_bytes(std::uint64_t word, std::size_t count, std::uint8_t* out) {
  for (std::size_t i = 0; i < count; ++i) out[i] = static_cast<std::uint8_t>(word >> (8 * i));
}

std::uint64_t load_bytes(const std::uint8_t* in, std::size_t count) {
  std::uint64_t word = 0;
  for (std::size_t i = 0; i < count; ++i) word |= std::uint64_t{in[i]} << (8 * i);
  return word;
}

}  // namespace

void pack(const std::uint8_t* codes, std::size_t n, int bits, std::uint8_t* packed) {
  assert(bits >= 1 && bits <= 8);
  for (std::size_t i = 0; i < n; i += block, packed += bits) {
    const std::size_t count = std::min(block, n - i);
    std::uint64_t word = 0;
    for (std::size_t j = 0; j < count; ++j) {
      assert(codes[i + j] >> bits == 0);
      word |= std::uint64_t{codes[i + j]} << (static_cast<std::size_t>(bits) * j);
    }
    store_bytes(word, packed_bytes(count, bits), packed);
  }
}

void unpack(const std::uint8_t* packed, std::size_t n, int bits, std::uint8_t* codes) {
  assert(bits >= 1 && bits <= 8);
  const std::uint64_t mask = (1u << bits) - 1;
  for (std::size_t i = 0; i < n; i += block, packed += bits) {
    const std::size_t count = std::min(block, n - i);
    const std::uint64_t word = load_bytes(packed, packed_bytes(count, bits));
    for (std::size_t j = 0; j < count; ++j)
      codes[i + j] = static_cast<std::uint8_t>((word >> (static_cast<std::size_t>(bits) * j)) & mask);
  }
}

}  // namespace pare::number
