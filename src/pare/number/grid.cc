#include "pare/number/grid.h"

#include <bit>
#include <cassert>
#include <cmath>

namespace pare::number {
namespace {

int mantissa_bits(const Format& f) { return f.family == Family::floating ? magnitude_bits(f) - f.exponent_bits : 0; }

double flint_magnitude(std::uint32_t code, int k) {
  const std::uint32_t top = 1u << (k - 1), rest = code & (top - 1);
  if (code < top) return rest;
  if (rest == 0) return std::ldexp(1.0, 2 * k - 2);
  const int leading_zeros = k - 1 - std::bit_width(rest);
  return std::ldexp(rest, 2 * leading_zeros + 1);
}

double float_magnitude(std::uint32_t code, int mantissa) {
  const std::uint32_t field = code >> mantissa, fraction = code & ((1u << mantissa) - 1);
  if (field == 0) return std::ldexp(fraction, -mantissa);
  return std::ldexp((1u << mantissa) + fraction, static_cast<int>(field) - 1 - mantissa);
}

/// The largest magnitude as a power of two, rounded down.
int top_exponent(const Format& f) {
  double most = 0;
  for (std::uint32_t code = 0; code < 1u << magnitude_bits(f); ++code) most = std::max(most, magnitude(f, code));
  return std::ilogb(most);
}

}  // namespace

double magnitude(const Format& f, std::uint32_t code) {
  const int k = magnitude_bits(f);
  assert(code < 1u << k);
  switch (f.family) {
    case Family::integer: return code;
    case Family::power_of_two: return code == 0 ? 0 : std::ldexp(1.0, static_cast<int>(code) - 1);
    case Family::floating: return float_magnitude(code, mantissa_bits(f));
    case Family::flint: return flint_magnitude(code, k);
  }
  return 0;
}

int normalisation(const Format& f) {
  const int top = top_exponent(f);
  return top >= 64 ? -top : 0;
}

Grid make_grid(const Format& f, float most_negative, float largest) {
  const int k = magnitude_bits(f), mantissa = mantissa_bits(f);
  Grid g{.slope = 0,
         .offset = 0,
         .lowest_step = 0,
         .highest_step = 127,
         .k = k,
         .mantissa_bits = mantissa,
         .family = f.family,
         .is_signed = f.is_signed,
         .twos_complement = f.range == IntRange::full,
         .most_negative = most_negative,
         .largest = largest};
  if (f.family == Family::power_of_two || f.family == Family::floating) {
    g.slope = 1;
    g.offset = -mantissa;
    g.lowest_step = normalisation(f) - mantissa;
  } else if (f.family == Family::flint) {
    // 2^(k-1+z) <= magnitude: steps of 2^(2z+1); the maximum ends the band before it and opens none
    g.slope = 2;
    g.offset = 1 - 2 * (k - 1);
    g.highest_step = 2 * k - 3;
  }
  return g;
}

}  // namespace pare::number
