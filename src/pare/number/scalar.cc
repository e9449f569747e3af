#include "pare/number/scalar.h"

#include <algorithm>
#include <cmath>

namespace pare::number::scalar {
namespace {

float power_of_two(int exponent) { return std::ldexp(1.0f, exponent); }

/// Whether a number halfway between n and n + 1 steps (of a magnitude) goes to n + 1.
bool tie_goes_up(Ties ties, float n, bool negative) {
  switch (ties) {
    case Ties::away: return true;
    case Ties::published: return !negative;
    case Ties::even: return std::fmod(n, 2.0f) == 1;
  }
  return true;
}

/// The magnitude of the grid nearest to |q|, q within the ends of the format.
float nearest_magnitude(const Grid& grid, Ties ties, float q) {
  const float a = std::fabs(q);
  if (a == 0) return 0;
  const float step = power_of_two(grid.step_exponent(std::ilogb(a)));
  const float steps = a / step;  // exact, as step is a power of two
  const float n = std::floor(steps), rest = steps - n;
  const bool up = rest > 0.5f || (rest == 0.5f && tie_goes_up(ties, n, q < 0));
  return (up ? n + 1 : n) * step;
}

/// The code of a magnitude of the grid.
int magnitude_code(const Grid& grid, float value) {
  if (value == 0) return 0;
  const int step = grid.unclamped_step(std::ilogb(value));
  const int n = static_cast<int>(value / power_of_two(step));  // mantissa with its leading one; flint's maximum: 0
  switch (grid.family) {
    case Family::integer: return n;
    case Family::power_of_two:
    case Family::floating: return n + ((step - grid.lowest_step) << grid.mantissa_bits);
    case Family::flint: return n + (value >= power_of_two(grid.k - 1) ? 1 << (grid.k - 1) : 0);
  }
  return 0;
}

float saturate(const Grid& grid, float q) { return std::clamp(q, grid.most_negative, grid.largest); }

}  // namespace

void encode(const Grid& grid, Ties ties, const float* x, std::size_t n, float scale, std::uint8_t* codes) {
  for (std::size_t i = 0; i < n; ++i) {
    const float q = saturate(grid, x[i] / scale);
    const int code = magnitude_code(grid, nearest_magnitude(grid, ties, q));
    const bool negative = q < 0 && code != 0;
    const int all = 1 << (grid.k + (grid.is_signed ? 1 : 0));
    codes[i] = static_cast<std::uint8_t>(!negative ? code : grid.twos_complement ? all - code : (1 << grid.k) + code);
  }
}

void decode(const float* table, const std::uint8_t* codes, std::size_t n, float* x) {
  for (std::size_t i = 0; i < n; ++i) x[i] = table[codes[i]];
}

void round_to(const Grid& grid, Ties ties, const float* x, std::size_t n, float scale, float* y) {
  for (std::size_t i = 0; i < n; ++i) {
    const float q = saturate(grid, x[i] / scale);
    const float value = nearest_magnitude(grid, ties, q);
    y[i] = scale * (q < 0 && value != 0 ? -value : value);
  }
}

bool all_finite(const float* x, std::size_t n) {
  return std::all_of(x, x + n, [](float v) { return std::isfinite(v); });
}

}  // namespace pare::number::scalar
