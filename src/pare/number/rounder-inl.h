// Rounding on vectors: included once a target by sources that Highway compiles once a target.
//
// A magnitude a of exponent E has the step 2^s, s = max(slope * E + offset, lowest) (grid.h), found by integer
// arithmetic on the exponent field; n = round(a / step) is a multiplication by the exact 1 / step. Adding the float
// below one half and truncating rounds halves up and is right at 0.49999997, where adding one half is not.

// Highway's guard: toggled, so that every target of one source includes this once.
#if defined(PARE_NUMBER_ROUNDER_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef PARE_NUMBER_ROUNDER_INL_H
#undef PARE_NUMBER_ROUNDER_INL_H
#else
#define PARE_NUMBER_ROUNDER_INL_H
#endif

#include <hwy/highway.h>

#include <cmath>
#include <cstdint>

#include "pare/number/grid.h"

HWY_BEFORE_NAMESPACE();
namespace pare::number::vector {
namespace HWY_NAMESPACE {
#if HWY_TARGET != HWY_SCALAR && HWY_TARGET != HWY_EMU128

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

#endif
}  // namespace HWY_NAMESPACE
}  // namespace pare::number::vector
HWY_AFTER_NAMESPACE();

#endif
