// What all number formats share: between two powers of two their magnitudes are evenly spaced.
//
// The step of a magnitude in [2^E, 2^(E+1)) is 2^step_exponent(E), so rounding needs the exponent of a number and
// nothing else, and int, power-of-two, float and flint differ in three small integers.
#pragma once
#include <algorithm>
#include <cstdint>

#include "pare/number/format.h"

namespace pare::number {

struct Grid {
  // step_exponent(E) = clamp(slope * E + offset, lowest_step, highest_step)
  int slope = 0, offset = 0, lowest_step = 0, highest_step = 0;
  int k = 0;              // magnitude bits
  int mantissa_bits = 0;  // of float; 0 for power-of-two
  Family family = Family::integer;
  bool is_signed = true, twos_complement = false;
  float most_negative = 0, largest = 0;  // the ends of the format, where it saturates; most_negative is 0 if unsigned

  int unclamped_step(int exponent) const { return std::max(slope * exponent + offset, lowest_step); }
  int step_exponent(int exponent) const { return std::min(unclamped_step(exponent), highest_step); }
};

/// The grid of a format; throws as check() does.
const Grid& grid_of(const Format& format);

/// The grid of a format whose values end at these two.
Grid make_grid(const Format& format, float most_negative, float largest);

/// The exact value of a magnitude code, before normalisation: int, power-of-two, float and flint (see docs/formats.md).
double magnitude(const Format& format, std::uint32_t code);

/// The power of two that a format's magnitudes are multiplied by: 0 for most, negative for the widest.
int normalisation(const Format& format);

}  // namespace pare::number
