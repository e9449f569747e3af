// Numbers at which a rounding can go wrong.
#pragma once
#include <cmath>
#include <limits>
#include <vector>

#include "pare/base/random.h"
#include "pare/number/format.h"

namespace pare::number {

/// Values, midpoints, their neighbours in float32, ends and beyond, tiny and huge, both zeros and infinities, random.
inline std::vector<float> interesting(const Format& format) {
  constexpr float inf = std::numeric_limits<float>::infinity();
  std::vector<float> xs{0.0f, -0.0f, inf, -inf, 0.49999997f, -0.49999997f};
  const auto around = [&xs](double x) {
    const auto f = static_cast<float>(x);
    for (const float v : {f, std::nextafter(f, inf), std::nextafter(f, -inf)}) xs.insert(xs.end(), {v, -v});
  };
  const std::vector<float>& v = values(format);
  for (std::size_t i = 0; i < v.size(); ++i) {
    around(v[i]);
    if (i > 0) around((static_cast<double>(v[i - 1]) + v[i]) / 2);
  }
  around(1.5 * largest(format));
  around(static_cast<double>(largest(format)) + 1);
  around(std::numeric_limits<float>::denorm_min());
  around(std::numeric_limits<float>::min());
  around(std::numeric_limits<float>::max());
  Random random(11);
  for (int i = 0; i < 300; ++i) {
    xs.push_back(static_cast<float>(random.normal() * largest(format) / 3));
    xs.push_back(static_cast<float>(random.normal() * std::exp2(random.uniform(-130, 20))));
  }
  return xs;
}

inline std::vector<Ties> ties_of(const Format& format) {
  if (format.family == Family::integer) return {Ties::away, Ties::published, Ties::even};
  return {Ties::away, Ties::published};
}

}  // namespace pare::number
