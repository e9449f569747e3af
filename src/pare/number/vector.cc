// One source for all vector widths: Highway compiles it once a target.
//
// A magnitude a of exponent E has the step 2^s, s = max(slope * E + offset, lowest) (grid.h), found by integer
// arithmetic on the exponent field; n = round(a / step) is a multiplication by the exact 1 / step. Adding the float
// below one half and truncating rounds halves up and is right at 0.49999997, where adding one half is not.
#include "pare/number/vector.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstring>

#include "pare/base/simd.h"
#include "pare/number/scalar.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "pare/number/vector.cc"
#include <hwy/foreach_target.h>
// after foreach_target.h
#include <hwy/highway.h>

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

namespace hn = hwy::HWY_NAMESPACE;

using F = hn::ScalableTag<float>;
using I = hn::RebindToSigned<F>;
using U = hn::RebindToUnsigned<F>;
using U8 = hn::ScalableTag<std::uint8_t>;
using Bytes = hn::Rebind<std::uint8_t, I>;  // one byte a lane
using VF = hn::VFromD<F>;
using VI = hn::VFromD<I>;
using VU = hn::VFromD<U>;

constexpr std::int32_t exponent_field = 0x7f800000;
constexpr float below_half = 0x1.fffffep-2f;

/// How a grid's step depends on the exponent: never (int), with it (power-of-two, float), twice as fast (flint).
enum class Steps { one, follow, twice };

/// int32 whose float32 of the same bits is 2^exponent.
constexpr std::int32_t power_bits(int exponent) { return static_cast<std::int32_t>((exponent + 127) * (1 << 23)); }

/// A grid, its numbers spread over vectors.
template <Steps steps, Ties ties>
class Rounder {
 public:
  explicit Rounder(const Grid& grid, float scale)
      : scale_(hn::Set(f, scale)),
        least_(hn::Set(f, -inside(-grid.most_negative))),
        most_(hn::Set(f, inside(grid.largest))),
        // slope 2: 2 (E + 127) + offset - 127, wraps on the way and ends in range
        offset_(hn::Set(i, (grid.offset - (steps == Steps::twice ? 127 : 0)) * (1 << 23))),
        lowest_(hn::Set(i, power_bits(grid.lowest_step))),
        sign_flip_(hn::Set(i, grid.twos_complement ? -1 : 0)),
        sign_add_(hn::Set(i, grid.twos_complement ? 1 : 1 << grid.k)),
        code_mask_(hn::Set(i, (1 << (grid.k + (grid.is_signed ? 1 : 0))) - 1)),
        sign_field_(hn::Set(i, grid.is_signed ? std::int32_t{1} << 30 : 0)),
        bands_(hn::Set(u, (254u + 2 * static_cast<unsigned>(grid.k - 1)) * (1u << 23) + 0x400000u)),
        half_codes_(hn::Set(f, static_cast<float>(1 << (grid.k - 1)))),
        all_codes_(hn::Set(f, static_cast<float>(1 << grid.k))),
        shift_(23 - grid.mantissa_bits),
        k_(grid.k) {}

  /// The code of x / scale, in an int32 lane.
  HWY_INLINE VI code(VF x) const {
    const Rounded r = round(x);
    VI magnitude;
    if constexpr (steps == Steps::twice) {
      // t|r of the rounded value, whose binade may be the next one; the maximum gives r = 0 by truncation
      const VI step = step_of(r.value);
      const VF rest = hn::Trunc(hn::Mul(r.value, inverse(step)));
      magnitude = to_int(hn::Add(rest, hn::IfThenElseZero(hn::Ge(r.value, half_codes_), half_codes_)));
    } else {
      magnitude = magnitude_code(r);
    }
    const VI negative = hn::VecFromMask(i, hn::RebindMask(i, hn::Lt(with_sign(r.n, r.q), hn::Zero(f))));
    const VI flipped = hn::Xor(magnitude, hn::And(negative, sign_flip_));
    return hn::And(hn::Add(flipped, hn::And(negative, sign_add_)), code_mask_);
  }

  /// How many magnitudes lie below that of the rounded x / scale, and above these k bits the sign, also of zero: the
  /// place in a table of codes.
  HWY_INLINE VI place(VF x) const {
    const Rounded r = round(x);
    VI ordinal;
    if constexpr (steps == Steps::twice) {
      // Band z = E - (k - 1) has the n of half its end to its end 2^(k-1-z), and 2^k - 2^(k-1-z) values lie below it,
      // so the ordinal is n + 2^k - 3 * 2^(k-2-z); below the bands it is n. 3 * 2^(k-2-z) = 1.5 * 2^(2(k-1)-E) comes
      // from the exponent; far below the bands it leaves float32 but as an unsigned number stays above 2^k.
      const VU exponent = hn::And(hn::BitCast(u, r.q), hn::Set(u, exponent_field));
      const VU missing = hn::Min(hn::Sub(bands_, exponent), hn::BitCast(u, all_codes_));
      ordinal = to_int(hn::Add(r.n, hn::Sub(all_codes_, hn::BitCast(f, missing))));
    } else {
      ordinal = magnitude_code(r);
    }
    const VI sign = hn::And(hn::ShiftRight<1>(hn::BitCast(i, r.q)), sign_field_);
    return hn::Or(ordinal, hn::ShiftRightSame(sign, 30 - k_));
  }

  /// scale times the value nearest to x / scale.
  HWY_INLINE VF value(VF x) const {
    const Rounded r = round(x);
    const VF positive = hn::Mul(r.value, scale_);
    return hn::IfThenElseZero(hn::Ne(r.n, hn::Zero(f)), with_sign(positive, r.q));  // minus zero is +0
  }

 private:
  struct Rounded {
    VF q;      // x / scale, saturated
    VF n;      // |value| in steps
    VI step;   // bits of the step, not for int
    VF value;  // |value|
  };

  static HWY_INLINE VF with_sign(VF magnitude, VF sign) { return hn::Or(magnitude, hn::And(sign, hn::SignBit(F()))); }

  /// A whole number below 2^23 to the low bits of a lane; what is above is masked off later.
  static HWY_INLINE VI to_int(VF whole) {
    return hn::And(hn::BitCast(I(), hn::Add(whole, hn::Set(F(), 0x1p23f))), hn::Set(I(), 0x7fffff));
  }

  static HWY_INLINE VF inverse(VI step) { return hn::BitCast(F(), hn::Sub(hn::Set(I(), 254 * (1 << 23)), step)); }

  /// Short of flint's maximum, which would open a band of its own; the numbers just below it are rounded up to it.
  static float inside(float end) { return steps == Steps::twice ? std::nextafter(end, 0.0f) : end; }

  /// Of all but flint.
  HWY_INLINE VI magnitude_code(const Rounded& r) const {
    VI code = to_int(r.n);
    if constexpr (steps == Steps::follow) code = hn::Add(code, hn::ShiftRightSame(hn::Sub(r.step, lowest_), shift_));
    return code;
  }

  HWY_INLINE VI step_of(VF magnitude) const {
    VI exponent = hn::And(hn::BitCast(i, magnitude), hn::Set(i, exponent_field));
    if constexpr (steps == Steps::twice) exponent = hn::Add(exponent, exponent);
    return hn::Max(hn::Add(exponent, offset_), lowest_);
  }

  HWY_INLINE Rounded round(VF x) const {
    Rounded r;
    r.q = hn::Min(hn::Max(hn::Div(x, scale_), least_), most_);
    const VF a = hn::Abs(r.q);
    VF in_steps = a;
    if constexpr (steps == Steps::one) {
      r.step = lowest_;
    } else {
      r.step = step_of(a);
      in_steps = hn::Mul(a, inverse(r.step));
    }
    r.n = hn::Trunc(hn::Add(in_steps, hn::Set(f, below_half)));
    if constexpr (ties != Ties::away) {
      const auto tie = hn::Eq(hn::Sub(r.n, in_steps), hn::Set(f, 0.5f));
      const VF half = hn::Mul(r.n, hn::Set(f, 0.5f));
      const auto wrong = ties == Ties::even ? hn::Ne(hn::Trunc(half), half) : hn::Lt(r.q, hn::Zero(f));
      r.n = hn::Sub(r.n, hn::IfThenElseZero(hn::And(tie, wrong), hn::Set(f, 1.0f)));
    }
    r.value = r.n;
    if constexpr (steps != Steps::one) r.value = hn::Mul(r.n, hn::BitCast(f, r.step));
    return r;
  }

  F f;
  I i;
  U u;
  VF scale_, least_, most_;
  VI offset_, lowest_, sign_flip_, sign_add_, code_mask_, sign_field_;
  VU bands_;
  VF half_codes_, all_codes_;
  int shift_, k_;
};

/// Calls work(rounder) with the one that grid and ties need.
template <class Work>
void with_rounder(const Grid& grid, Ties ties, float scale, const Work& work) {
  const bool published = ties == Ties::published;
  switch (grid.slope) {
    case 0:
      if (ties == Ties::even) return work(Rounder<Steps::one, Ties::even>(grid, scale));
      if (published) return work(Rounder<Steps::one, Ties::published>(grid, scale));
      return work(Rounder<Steps::one, Ties::away>(grid, scale));
    case 1:
      if (published) return work(Rounder<Steps::follow, Ties::published>(grid, scale));
      return work(Rounder<Steps::follow, Ties::away>(grid, scale));
    default:
      if (published) return work(Rounder<Steps::twice, Ties::published>(grid, scale));
      return work(Rounder<Steps::twice, Ties::away>(grid, scale));
  }
}

/// A step below float32's normal numbers has no exponent field to compute.
bool has_tiny_steps(const Grid& grid) { return grid.lowest_step < -126; }

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
