// Aggregation in double precision, as its definition reads.
#pragma once
#include <algorithm>
#include <cmath>
#include <vector>

#include "pare/base/random.h"
#include "pare/kernels/aggregate.h"
#include "pare/kernels/bfloat16.h"

namespace pare::kernels {

/// Random matrix with empty rows, one giant row and rows of every length between; columns may repeat.
struct RandomCsr {
  std::vector<std::int64_t> begin{0};
  std::vector<std::int32_t> column;
  std::int64_t columns;

  RandomCsr(std::int64_t rows, std::int64_t columns_, double degree, std::int64_t giant, Random& random)
      : columns(columns_) {
    const std::int64_t chosen = rows > 0 ? static_cast<std::int64_t>(random.below(rows)) : 0;
    for (std::int64_t r = 0; r < rows; ++r) {
      std::int64_t n = columns == 0 ? 0 : static_cast<std::int64_t>(degree * 2 * random.uniform() * random.uniform());
      if (r == chosen && columns > 0) n = giant;
      for (std::int64_t i = 0; i < n; ++i) column.push_back(static_cast<std::int32_t>(random.below(columns)));
      begin.push_back(static_cast<std::int64_t>(column.size()));
    }
  }
  Csr view() const { return {static_cast<std::int64_t>(begin.size()) - 1, columns, begin.data(), column.data()}; }
};

/// Features with their stride, of one type, and what they are as doubles.
struct Features {
  Float type;
  std::int64_t width, stride;
  std::vector<float> floats;
  std::vector<std::uint16_t> halves;

  Features(std::int64_t rows, std::int64_t width_, std::int64_t gap, Float type_, Random& random)
      : type(type_), width(width_), stride(width_ + gap) {
    for (std::int64_t i = 0; i < rows * stride; ++i) {
      const auto value = static_cast<float>(random.normal());
      floats.push_back(value);
      halves.push_back(to_bfloat16(value));
    }
  }
  double at(std::int64_t row, std::int64_t f) const {
    const std::int64_t i = row * stride + f;
    return type == Float::float32 ? floats[i] : from_bfloat16(halves[i]);
  }
  const void* data() const { return type == Float::float32 ? static_cast<const void*>(floats.data()) : halves.data(); }
  void* data() { return type == Float::float32 ? static_cast<void*>(floats.data()) : halves.data(); }
  Input in() const { return {data(), width, stride, type}; }
  Output out() { return {data(), width, stride, type}; }
};

struct Expected {
  double value, size;  // size: the sum of magnitudes, which rounding is measured against
  std::int64_t winner;
};

/// `own`: weights of the matrix beside those given; may be null.
inline Expected expected(const Csr& a, const float* own, const Weights& w, Reduce reduce, const Features& x,
                         const Epilogue& e, const Features* own_features, std::int64_t r, std::int64_t f) {
  Expected y{0, 0, -1};
  const std::int64_t part = x.width / w.heads;
  for (std::int64_t k = a.begin[r]; k < a.begin[r + 1]; ++k) {
    double value = x.at(a.column[k], f);
    if (reduce == Reduce::max) {
      if (y.winner < 0 || value > y.value) y = {value, std::abs(value), k};
      continue;
    }
    if (own) value *= own[k];
    if (w.edge) value *= w.edge[k * w.heads + f / part];
    if (w.column) value *= w.column[a.column[k]];
    y.value += value;
    y.size += std::abs(value);
  }
  const auto scale = [&](double s) {
    y.value *= s;
    y.size *= std::abs(s);
  };
  if (reduce == Reduce::mean && a.begin[r + 1] > a.begin[r])
    scale(1.0 / static_cast<double>(a.begin[r + 1] - a.begin[r]));
  if (e.row_scale) scale(e.row_scale[r]);
  const auto add = [&](double s) {
    y.value += s;
    y.size += std::abs(s);
  };
  if (e.self != 0) add(e.self * own_features->at(r, f));
  if (e.bias) add(e.bias[f]);
  if (e.relu) y.value = std::max(y.value, 0.0);
  return y;
}

/// Rounding of float32 sums, and of the result where it is bfloat16.
inline double tolerance(const Expected& y, Float type) {
  return 1e-5 * y.size + 1e-30 + (type == Float::bfloat16 ? std::abs(y.value) / 250 : 0);
}

inline std::vector<float> random_floats(std::int64_t n, Random& random) {
  std::vector<float> v(static_cast<std::size_t>(n));
  for (float& x : v) x = static_cast<float>(random.normal());
  return v;
}

}  // namespace pare::kernels
