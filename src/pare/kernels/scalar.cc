#include "pare/kernels/scalar.h"

#include <algorithm>
#include <cmath>

#include "pare/kernels/bfloat16.h"

namespace pare::kernels::scalar {
namespace {

float load(const Input& x, std::int64_t row, std::int64_t f) {
  const std::int64_t i = row * x.stride + f;
  return x.type == Float::float32 ? static_cast<const float*>(x.data)[i]
                                  : from_bfloat16(static_cast<const std::uint16_t*>(x.data)[i]);
}

void store(const Output& y, std::int64_t row, std::int64_t f, float value) {
  const std::int64_t i = row * y.stride + f;
  if (y.type == Float::float32)
    static_cast<float*>(y.data)[i] = value;
  else
    static_cast<std::uint16_t*>(y.data)[i] = to_bfloat16(value);
}

float finish(const Epilogue& e, std::int64_t row, std::int64_t f, float sum) {
  if (e.row_scale) sum *= e.row_scale[row];
  if (e.self != 0) sum += e.self * load(e.own, row, f);
  if (e.bias) sum += e.bias[f];
  return e.relu ? std::max(sum, 0.0f) : sum;
}

}  // namespace

void aggregate(const Csr& a, const Weights& weights, Reduce reduce, const Input& x, const Epilogue& epilogue,
               const Output& y, std::int64_t* argmax) {
  const std::int64_t part = x.width / weights.heads;
  for (std::int64_t r = 0; r < a.rows; ++r) {
    const std::int64_t first = a.begin[r], last = a.begin[r + 1];
    for (std::int64_t f = 0; f < x.width; ++f) {
      float sum = 0;
      std::int64_t winner = -1;
      for (std::int64_t e = first; e < last; ++e) {
        float value = load(x, a.column[e], f);
        if (weights.edge) value *= weights.edge[e * weights.heads + f / part];
        if (weights.column) value *= weights.column[a.column[e]];
        if (reduce != Reduce::max)
          sum += value;
        else if (winner < 0 || value > sum) {
          sum = value;
          winner = e;
        }
      }
      if (reduce == Reduce::mean && last > first) sum /= static_cast<float>(last - first);
      if (argmax) argmax[r * x.width + f] = winner;
      store(y, r, f, finish(epilogue, r, f, sum));
    }
  }
}

void edge_dots(const Csr& a, const Input& u, const Input& v, int heads, float* out) {
  const std::int64_t part = u.width / heads;
  for (std::int64_t r = 0; r < a.rows; ++r)
    for (std::int64_t e = a.begin[r]; e < a.begin[r + 1]; ++e)
      for (int h = 0; h < heads; ++h) {
        float dot = 0;
        for (std::int64_t f = h * part; f < (h + 1) * part; ++f) dot += load(u, r, f) * load(v, a.column[e], f);
        out[e * heads + h] = dot;
      }
}

void edge_softmax(const Csr& a, const float* score, int heads, float* out) {
  for (std::int64_t r = 0; r < a.rows; ++r)
    for (int h = 0; h < heads; ++h) {
      float most = -INFINITY, sum = 0;
      for (std::int64_t e = a.begin[r]; e < a.begin[r + 1]; ++e) most = std::max(most, score[e * heads + h]);
      for (std::int64_t e = a.begin[r]; e < a.begin[r + 1]; ++e)
        sum += out[e * heads + h] = std::exp(score[e * heads + h] - most);
      for (std::int64_t e = a.begin[r]; e < a.begin[r + 1]; ++e) out[e * heads + h] /= sum;
    }
}

void edge_softmax_gradient(const Csr& a, const float* p, const float* grad, int heads, float* out) {
  for (std::int64_t r = 0; r < a.rows; ++r)
    for (int h = 0; h < heads; ++h) {
      float dot = 0;
      for (std::int64_t e = a.begin[r]; e < a.begin[r + 1]; ++e) dot += p[e * heads + h] * grad[e * heads + h];
      for (std::int64_t e = a.begin[r]; e < a.begin[r + 1]; ++e)
        out[e * heads + h] = p[e * heads + h] * (grad[e * heads + h] - dot);
    }
}

}  // namespace pare::kernels::scalar
