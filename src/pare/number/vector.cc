// Encoding, decoding and packing on vectors: one source, which Highway compiles once a target (rounding:
// rounder-inl.h).
#include "pare/number/vector.h"

#include <algorithm>
#include <cassert>
#include <cstring>

#include "pare/base/simd.h"
#include "pare/number/scalar.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "pare/number/vector.cc"
#include <hwy/foreach_target.h>
// after foreach_target.h
#include <hwy/highway.h>

#include "pare/number/rounder-inl.h"

HWY_BEFORE_NAMESPACE();
namespace pare::number::vector {
namespace HWY_NAMESPACE {
#if HWY_TARGET == HWY_SCALAR || HWY_TARGET == HWY_EMU128

// The fallback is the twin itself, so that forcing `scalar` runs what reads like the formula.

void Encode(const Grid& grid, Ties ties, const float* x, std::size_t n, float scale, std::uint8_t* codes) {
  scalar::encode(grid, ties, x, n, scale, codes);
}

void RoundTo(const Grid& grid, Ties ties, const float* x, std::size_t n, float scale, float* y) {
  scalar::round_to(grid, ties, x, n, scale, y);
}

void Decode16(const float* table, const std::uint8_t* codes, std::size_t n, float* x) {
  scalar::decode(table, codes, n, x);
}

void DecodeNibbles(const float* table, const std::uint8_t* packed, std::size_t n, float* x) {
  for (std::size_t i = 0; i < n; ++i) x[i] = table[(packed[i / 2] >> (i % 2 * 4)) & 15];
}

void EncodeNibbles(const Grid& grid, Ties ties, const std::uint8_t* /*places*/, const float* x, std::size_t n,
                   float scale, std::uint8_t* packed) {
  for (std::size_t i = 0; i < n; i += 2) {
    std::uint8_t codes[2] = {0, 0};
    scalar::encode(grid, ties, x + i, std::min<std::size_t>(2, n - i), scale, codes);
    packed[i / 2] = static_cast<std::uint8_t>(codes[0] | codes[1] << 4);
  }
}

void PackNibbles(const std::uint8_t* codes, std::size_t n, std::uint8_t* packed) {
  for (std::size_t i = 0; i < n; i += 2) packed[i / 2] = static_cast<std::uint8_t>(codes[i] | codes[i + 1] << 4);
}

bool AllFinite(const float* x, std::size_t n) { return scalar::all_finite(x, n); }

#else

/// bytes[i] = of_lane(x[i ...]), one a float; the last, partial vector through a copy.
template <class OfLane>
HWY_INLINE void bytes_of(const float* x, std::size_t n, std::uint8_t* bytes, const OfLane& of_lane) {
  const F f;
  const Bytes d;
  const std::size_t lanes = hn::Lanes(f);
  std::size_t i = 0;
  for (; i + lanes <= n; i += lanes) hn::StoreU(hn::DemoteTo(d, of_lane(hn::LoadU(f, x + i))), d, bytes + i);
  if (i == n) return;
  HWY_ALIGN float rest[hn::MaxLanes(f)] = {};
  HWY_ALIGN std::uint8_t rest_bytes[hn::MaxLanes(f)];
  std::copy(x + i, x + n, rest);
  hn::StoreU(hn::DemoteTo(d, of_lane(hn::Load(f, rest))), d, rest_bytes);
  std::copy(rest_bytes, rest_bytes + (n - i), bytes + i);
}

void Encode(const Grid& grid, Ties ties, const float* x, std::size_t n, float scale, std::uint8_t* codes) {
  if (has_tiny_steps(grid)) return scalar::encode(grid, ties, x, n, scale, codes);
  with_rounder(grid, ties, scale, [=](const auto& rounder) {
    bytes_of(x, n, codes, [&rounder](VF v) HWY_ATTR { return rounder.code(v); });
  });
}

void RoundTo(const Grid& grid, Ties ties, const float* x, std::size_t n, float scale, float* y) {
  if (has_tiny_steps(grid)) return scalar::round_to(grid, ties, x, n, scale, y);
  with_rounder(grid, ties, scale, [=](const auto& rounder) {
    const F f;
    const std::size_t lanes = hn::Lanes(f);
    std::size_t i = 0;
    for (; i + lanes <= n; i += lanes) hn::StoreU(rounder.value(hn::LoadU(f, x + i)), f, y + i);
    if (i == n) return;
    HWY_ALIGN float rest[hn::MaxLanes(f)] = {};
    std::copy(x + i, x + n, rest);
    hn::Store(rounder.value(hn::Load(f, rest)), f, rest);
    std::copy(rest, rest + (n - i), y + i);
  });
}

/// Looks up a vector of bytes below 16 in a table of 16 floats and stores the floats in order.
class Table16 {
 public:
  explicit Table16(const float* table) {
#if HWY_MAX_BYTES >= 64
    table_ = hn::LoadU(F(), table);
#else
    // byte p of every entry, so that a shuffle of bytes is a lookup of a quarter of 16 floats
    for (std::size_t p = 0; p < 4; ++p) {
      HWY_ALIGN std::uint8_t plane[16];
      for (std::size_t c = 0; c < 16; ++c) {
        std::uint32_t bits;
        std::memcpy(&bits, table + c, 4);
        plane[c] = static_cast<std::uint8_t>(bits >> (8 * p));
      }
      plane_[p] = hn::LoadDup128(U8(), plane);
    }
#endif
  }

  HWY_INLINE void lookup(hn::VFromD<U8> codes, float* x) const {
    const F f;
    const std::size_t lanes = hn::Lanes(f);
#if HWY_MAX_BYTES >= 64
    HWY_ALIGN std::uint8_t bytes[64];
    hn::Store(codes, U8(), bytes);
    const I i;
    for (std::size_t part = 0; part < 4; ++part) {
      const VI index = hn::PromoteTo(i, hn::Load(Bytes(), bytes + part * lanes));
      hn::StoreU(hn::TableLookupLanes(table_, hn::IndicesFromVec(f, index)), f, x + part * lanes);
    }
#else
    const hn::Repartition<std::uint16_t, U8> u16;
    const auto p0 = hn::TableLookupBytes(plane_[0], codes), p1 = hn::TableLookupBytes(plane_[1], codes);
    const auto p2 = hn::TableLookupBytes(plane_[2], codes), p3 = hn::TableLookupBytes(plane_[3], codes);
    const auto low01 = hn::BitCast(u16, hn::InterleaveLower(U8(), p0, p1));
    const auto low23 = hn::BitCast(u16, hn::InterleaveLower(U8(), p2, p3));
    const auto high01 = hn::BitCast(u16, hn::InterleaveUpper(U8(), p0, p1));
    const auto high23 = hn::BitCast(u16, hn::InterleaveUpper(U8(), p2, p3));
    const VF v0 = hn::BitCast(f, hn::InterleaveLower(u16, low01, low23));
    const VF v1 = hn::BitCast(f, hn::InterleaveUpper(u16, low01, low23));
    const VF v2 = hn::BitCast(f, hn::InterleaveLower(u16, high01, high23));
    const VF v3 = hn::BitCast(f, hn::InterleaveUpper(u16, high01, high23));
#if HWY_MAX_BYTES == 32
    // v0 holds floats 0..3 and 16..19, v1 4..7 and 20..23, ...
    hn::StoreU(hn::ConcatLowerLower(f, v1, v0), f, x);
    hn::StoreU(hn::ConcatLowerLower(f, v3, v2), f, x + lanes);
    hn::StoreU(hn::ConcatUpperUpper(f, v1, v0), f, x + 2 * lanes);
    hn::StoreU(hn::ConcatUpperUpper(f, v3, v2), f, x + 3 * lanes);
#else
    hn::StoreU(v0, f, x);
    hn::StoreU(v1, f, x + lanes);
    hn::StoreU(v2, f, x + 2 * lanes);
    hn::StoreU(v3, f, x + 3 * lanes);
#endif
#endif
  }

 private:
#if HWY_MAX_BYTES >= 64
  VF table_;
#else
  hn::VFromD<U8> plane_[4];
#endif
};

void Decode16(const float* table, const std::uint8_t* codes, std::size_t n, float* x) {
  const Table16 lookup(table);
  const std::size_t lanes = hn::Lanes(U8());
  std::size_t i = 0;
  for (; i + lanes <= n; i += lanes) lookup.lookup(hn::LoadU(U8(), codes + i), x + i);
  scalar::decode(table, codes + i, n - i, x + i);
}

void DecodeNibbles(const float* table, const std::uint8_t* packed, std::size_t n, float* x) {
  const Table16 lookup(table);
  const hn::Half<U8> half;  // bytes of a full vector of codes
  const hn::Repartition<std::uint16_t, U8> u16;
  const std::size_t lanes = hn::Lanes(U8());
  std::size_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    // a byte b becomes the two bytes b & 15, b >> 4
    const auto wide = hn::PromoteTo(u16, hn::LoadU(half, packed + i / 2));
    const auto both = hn::Or(wide, hn::ShiftLeft<4>(wide));
    lookup.lookup(hn::And(hn::BitCast(U8(), both), hn::Set(U8(), 15)), x + i);
  }
  for (; i < n; ++i) x[i] = table[(packed[i / 2] >> (i % 2 * 4)) & 15];
}

/// Packs `n` bytes below 16, an even number, in pairs; each first goes through `of_bytes`.
template <class OfBytes>
HWY_INLINE void pack_pairs(const std::uint8_t* bytes, std::size_t n, std::uint8_t* packed, const OfBytes& of_bytes) {
  const hn::Half<U8> half;
  const hn::ScalableTag<std::uint16_t> u16;
  const hn::ScalableTag<std::int16_t> i16;
  const std::size_t lanes = hn::Lanes(U8());
  const auto pack = [&](const std::uint8_t* from) HWY_ATTR {
    const auto pair = hn::BitCast(u16, of_bytes(hn::LoadU(U8(), from)));  // low byte first
    const auto both = hn::And(hn::Or(pair, hn::ShiftRight<4>(pair)), hn::Set(u16, 0xff));
    return hn::DemoteTo(half, hn::BitCast(i16, both));
  };
  std::size_t i = 0;
  for (; i + lanes <= n; i += lanes) hn::StoreU(pack(bytes + i), half, packed + i / 2);
  if (i == n) return;
  HWY_ALIGN std::uint8_t rest[hn::MaxLanes(U8())] = {};
  HWY_ALIGN std::uint8_t rest_packed[hn::MaxLanes(U8())];
  std::copy(bytes + i, bytes + n, rest);
  hn::StoreU(pack(rest), half, rest_packed);
  std::copy(rest_packed, rest_packed + (n - i) / 2, packed + i / 2);
}

void PackNibbles(const std::uint8_t* codes, std::size_t n, std::uint8_t* packed) {
  pack_pairs(codes, n, packed, [](auto bytes) HWY_ATTR { return bytes; });
}

void EncodeNibbles(const Grid& grid, Ties ties, const std::uint8_t* places, const float* x, std::size_t n, float scale,
                   std::uint8_t* packed) {
  with_rounder(grid, ties, scale, [=](const auto& rounder) {
    constexpr std::size_t block = 2048;  // places wait in the first-level cache
    HWY_ALIGN std::uint8_t bytes[block];
    const auto table = hn::LoadDup128(U8(), places);
    for (std::size_t i = 0; i < n; i += block) {
      const std::size_t count = std::min(block, n - i), even = (count + 1) / 2 * 2;
      bytes_of(x + i, count, bytes, [&rounder](VF v) HWY_ATTR { return rounder.place(v); });
      if (even != count) bytes[count] = 0;  // place 0 is code 0
      pack_pairs(bytes, even, packed + i / 2, [&table](auto b) HWY_ATTR { return hn::TableLookupBytes(table, b); });
    }
  });
}

bool AllFinite(const float* x, std::size_t n) {
  const F f;
  const I i;
  const std::size_t lanes = hn::Lanes(f);
  const VI field = hn::Set(i, exponent_field);
  constexpr std::size_t stride = 4096;  // numbers between two looks at what was found
  std::size_t at = 0;
  while (at + lanes <= n) {
    const std::size_t end = std::min(n, at + stride);
    VI most = hn::Zero(i);
    for (; at + lanes <= end; at += lanes) most = hn::Max(most, hn::And(hn::BitCast(i, hn::LoadU(f, x + at)), field));
    if (!hn::AllFalse(i, hn::Eq(most, field))) return false;
  }
  return scalar::all_finite(x + at, n - at);
}

#endif
}  // namespace HWY_NAMESPACE
}  // namespace pare::number::vector
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace pare::number::vector {

HWY_EXPORT(Encode);
HWY_EXPORT(RoundTo);
HWY_EXPORT(Decode16);
HWY_EXPORT(DecodeNibbles);
HWY_EXPORT(PackNibbles);
HWY_EXPORT(EncodeNibbles);
HWY_EXPORT(AllFinite);

void encode(const Grid& grid, Ties ties, const float* x, std::size_t n, float scale, std::uint8_t* codes) {
  ready_simd();
  HWY_DYNAMIC_DISPATCH(Encode)(grid, ties, x, n, scale, codes);
}

void round_to(const Grid& grid, Ties ties, const float* x, std::size_t n, float scale, float* y) {
  ready_simd();
  HWY_DYNAMIC_DISPATCH(RoundTo)(grid, ties, x, n, scale, y);
}

void decode16(const float* table, const std::uint8_t* codes, std::size_t n, float* x) {
  ready_simd();
  HWY_DYNAMIC_DISPATCH(Decode16)(table, codes, n, x);
}

void decode_nibbles(const float* table, const std::uint8_t* packed, std::size_t n, float* x) {
  ready_simd();
  HWY_DYNAMIC_DISPATCH(DecodeNibbles)(table, packed, n, x);
}

void encode_nibbles(const Grid& grid, Ties ties, const std::uint8_t* places, const float* x, std::size_t n, float scale,
                    std::uint8_t* packed) {
  assert(grid.k + (grid.is_signed ? 1 : 0) == 4 && !grid.twos_complement);
  ready_simd();
  HWY_DYNAMIC_DISPATCH(EncodeNibbles)(grid, ties, places, x, n, scale, packed);
}

void pack_nibbles(const std::uint8_t* codes, std::size_t n, std::uint8_t* packed) {
  assert(n % 2 == 0);
  ready_simd();
  HWY_DYNAMIC_DISPATCH(PackNibbles)(codes, n, packed);
}

bool all_finite(const float* x, std::size_t n) {
  ready_simd();
  return HWY_DYNAMIC_DISPATCH(AllFinite)(x, n);
}

}  // namespace pare::number::vector
#endif
