// Codes to bit streams and back: eight codes of b bits are b whole bytes, so groups of eight are independent.
#include <algorithm>
#include <cassert>
#include <cstddef>

#include "pare/number/codec.h"
#include "pare/number/vector.h"

namespace pare::number {
namespace {

constexpr std::size_t group = 8;

/// `count` codes, at most a group; with constants for `count` and `bits` the loops unroll.
inline void pack_group(const std::uint8_t* codes, std::size_t count, std::size_t bits, std::uint8_t* packed) {
  std::uint64_t word = 0;
  for (std::size_t j = 0; j < count; ++j) {
    assert(codes[j] >> bits == 0);
    word |= std::uint64_t{codes[j]} << (bits * j);
  }
  const std::size_t bytes = packed_bytes(count, static_cast<int>(bits));
  for (std::size_t j = 0; j < bytes; ++j) packed[j] = static_cast<std::uint8_t>(word >> (8 * j));
}

inline void unpack_group(const std::uint8_t* packed, std::size_t count, std::size_t bits, std::uint8_t* codes) {
  std::uint64_t word = 0;
  const std::size_t bytes = packed_bytes(count, static_cast<int>(bits));
  for (std::size_t j = 0; j < bytes; ++j) word |= std::uint64_t{packed[j]} << (8 * j);
  for (std::size_t j = 0; j < count; ++j)
    codes[j] = static_cast<std::uint8_t>((word >> (bits * j)) & ((1u << bits) - 1));
}

template <std::size_t bits>
void pack_width(const std::uint8_t* codes, std::size_t n, std::uint8_t* packed) {
  for (; n >= group; n -= group, codes += group, packed += bits) pack_group(codes, group, bits, packed);
  pack_group(codes, n, bits, packed);
}

template <std::size_t bits>
void unpack_width(const std::uint8_t* packed, std::size_t n, std::uint8_t* codes) {
  for (; n >= group; n -= group, codes += group, packed += bits) unpack_group(packed, group, bits, codes);
  unpack_group(packed, n, bits, codes);
}

void pack_four(const std::uint8_t* codes, std::size_t n, std::uint8_t* packed) {
  vector::pack_nibbles(codes, n / 2 * 2, packed);
  if (n % 2 != 0) packed[n / 2] = codes[n - 1];
}

}  // namespace

void pack(const std::uint8_t* codes, std::size_t n, int bits, std::uint8_t* packed) {
  assert(bits >= 1 && bits <= 8);
  switch (bits) {
    case 1: return pack_width<1>(codes, n, packed);
    case 2: return pack_width<2>(codes, n, packed);
    case 3: return pack_width<3>(codes, n, packed);
    case 4: return pack_four(codes, n, packed);
    case 5: return pack_width<5>(codes, n, packed);
    case 6: return pack_width<6>(codes, n, packed);
    case 7: return pack_width<7>(codes, n, packed);
    default: std::copy(codes, codes + n, packed);
  }
}

void unpack(const std::uint8_t* packed, std::size_t n, int bits, std::uint8_t* codes) {
  assert(bits >= 1 && bits <= 8);
  switch (bits) {
    case 1: return unpack_width<1>(packed, n, codes);
    case 2: return unpack_width<2>(packed, n, codes);
    case 3: return unpack_width<3>(packed, n, codes);
    case 4: return unpack_width<4>(packed, n, codes);
    case 5: return unpack_width<5>(packed, n, codes);
    case 6: return unpack_width<6>(packed, n, codes);
    case 7: return unpack_width<7>(packed, n, codes);
    default: std::copy(packed, packed + n, codes);
  }
}

}  // namespace pare::number
