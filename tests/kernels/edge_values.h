// Dots and softmax of random edges, run by the kernels under test and held against their definition in double.
#pragma once
#include <gtest/gtest.h>

#include <functional>

#include "reference.h"

namespace pare::kernels {

struct EdgeKernels {
  std::function<void(const Csr&, const Input&, const Input&, int, float*)> dots;
  std::function<void(const Csr&, const float*, int, float*)> softmax;
  std::function<void(const Csr&, const float*, const float*, int, float*)> softmax_gradient;
};

inline void check_edge_values(std::uint64_t seed, const EdgeKernels& kernels) {
  Random random(seed);
  constexpr std::int64_t rows = 60, columns = 50;
  const RandomCsr a(rows, columns, 5, 400, random);
  const int heads =
      random.below(8) == 0 ? 33 + static_cast<int>(random.below(40)) : 1 + static_cast<int>(random.below(8));
  const std::int64_t part = random.below(2) ? 4 * (1 + static_cast<std::int64_t>(random.below(40)))
                                            : 1 + static_cast<std::int64_t>(random.below(40));
  const std::int64_t width = heads * part;
  const Features u(rows, width, random.below(2) ? 1 : 4, Float::float32, random),
      v(columns, width, 0, Float::float32, random);
  const auto nonzeros = static_cast<std::size_t>(a.view().nonzeros());
  std::vector<float> dots(nonzeros * heads), p(dots.size()), back(dots.size());
  kernels.dots(a.view(), u.in(), v.in(), heads, dots.data());
  const auto grad = random_floats(static_cast<std::int64_t>(dots.size()), random);
  kernels.softmax(a.view(), dots.data(), heads, p.data());
  kernels.softmax_gradient(a.view(), p.data(), grad.data(), heads, back.data());
  for (std::int64_t r = 0; r < rows; ++r)
    for (int h = 0; h < heads; ++h) {
      double most = -INFINITY, sum = 0, slope = 0;
      for (std::int64_t e = a.begin[r]; e < a.begin[r + 1]; ++e) {
        double dot = 0, size = 0;
        for (std::int64_t f = h * part; f < (h + 1) * part; ++f) {
          dot += u.at(r, f) * v.at(a.column[e], f);
          size += std::abs(u.at(r, f) * v.at(a.column[e], f));
        }
        ASSERT_NEAR(dots[e * heads + h], dot, 1e-5 * size + 1e-30) << "seed " << seed;
        most = std::max(most, static_cast<double>(dots[e * heads + h]));
      }
      for (std::int64_t e = a.begin[r]; e < a.begin[r + 1]; ++e) sum += std::exp(dots[e * heads + h] - most);
      for (std::int64_t e = a.begin[r]; e < a.begin[r + 1]; ++e) {
        ASSERT_NEAR(p[e * heads + h], std::exp(dots[e * heads + h] - most) / sum, 1e-5) << "seed " << seed;
        slope += p[e * heads + h] * grad[e * heads + h];
      }
      for (std::int64_t e = a.begin[r]; e < a.begin[r + 1]; ++e)
        ASSERT_NEAR(back[e * heads + h], p[e * heads + h] * (grad[e * heads + h] - slope), 1e-5) << "seed " << seed;
    }
}

}  // namespace pare::kernels
