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

std::int64_t row_at(const Layout& layout, std::int64_t place) { return layout.row_of ? layout.row_of[place] : place; }

/// Calls use(edge, column) for the row's edges of `edges`.
template <class Use>
void each_edge(const Layout& layout, const Edges& edges, std::int64_t place, const Use& use) {
  if (!edges.begin) return;
  for (std::int64_t e = edges.begin[place]; e < edges.begin[place + 1]; ++e) {
    if (edges.local)
      use(e, row_at(layout, place / layout.block * layout.block + edges.local[e]));
    else
      use(e, edges.column[e]);
  }
}

float weight_of(const Job& job, const Edges& edges, std::int64_t e, std::int64_t column, std::int64_t f) {
  const Weights& w = job.weights;
  float value = 1;
  if (job.own_weights && edges.weight) value = edges.weight[e];
  if (w.edge) value *= w.edge[(edges.source ? edges.source[e] : e) * w.heads + f / (job.x.width / w.heads)];
  if (w.column) value *= w.column[column];
  return value;
}

float sum_of(const Job& job, std::int64_t place, std::int64_t f) {
  const Layout& layout = job.layout;
  double sum = 0;  // the vectors add long sums in steps
  const auto adds = [&](const Edges& edges) {
    return [&](std::int64_t e, std::int64_t column) {
      sum += weight_of(job, edges, e, column, f) * load(job.x, column, f);
    };
  };
  if (layout.tile) {
    const std::int64_t block = place / layout.block * layout.block;
    for (std::int64_t k = 0; k < layout.block && block + k < layout.rows; ++k)
      sum += layout.tile[place * layout.block + k] * load(job.x, row_at(layout, block + k), f);
  }
  each_edge(layout, layout.intra, place, adds(layout.intra));
  each_edge(layout, layout.inter, place, adds(layout.inter));
  if (layout.block_begin) {
    const std::int64_t block = place / layout.block;
    for (std::int64_t e = layout.block_begin[block]; e < layout.block_begin[block + 1]; ++e)
      if (layout.row_in_block[e] == place % layout.block) adds(layout.inter)(e, layout.inter.column[e]);
  }
  return static_cast<float>(sum);
}

float most_of(const Job& job, std::int64_t place, std::int64_t f) {
  float most = 0;
  std::int64_t winner = -1;
  each_edge(job.layout, job.layout.inter, place, [&](std::int64_t e, std::int64_t column) {
    const float value = load(job.x, column, f);
    if (winner >= 0 && !(value > most) && !std::isnan(value)) return;
    most = value;
    winner = e;
  });
  if (job.argmax)
    job.argmax[row_at(job.layout, place) * job.x.width + f] =
        winner >= 0 && job.layout.inter.source ? job.layout.inter.source[winner] : winner;
  return most;
}

void finish(const Job& job, std::int64_t row, std::int64_t f, float sum) {
  const Epilogue& e = job.epilogue;
  if (job.last) {
    if (job.reduce == Reduce::mean) {
      const std::int64_t degree = job.layout.degree_begin[row + 1] - job.layout.degree_begin[row];
      if (degree > 0) sum /= static_cast<float>(degree);
    }
    if (e.row_scale) sum *= e.row_scale[row];
    if (e.self != 0) sum += e.self * load(e.own, row, f);
    if (e.bias) sum += e.bias[f];
    if (e.relu) sum = std::max(sum, 0.0f);
  }
  store(job.y, row, f, sum);
}

}  // namespace

void rows(const Job& job, std::int64_t first, std::int64_t last) {
  for (std::int64_t place = first; place < last; ++place)
    for (std::int64_t f = 0; f < job.x.width; ++f) {
      const std::int64_t row = row_at(job.layout, place);
      float sum = job.reduce == Reduce::max ? most_of(job, place, f) : sum_of(job, place, f);
      if (!job.first) sum += load({job.y.data, job.y.width, job.y.stride, job.y.type}, row, f);
      finish(job, row, f, sum);
    }
}

void partial(const Job& job, std::int64_t first, std::int64_t last, float* sums) {
  const Edges& inter = job.layout.inter;
  for (std::int64_t f = 0; f < job.x.width; ++f) {
    double sum = 0;
    for (std::int64_t e = first; e < last; ++e) {
      const std::int64_t column = inter.column[e];
      sum += weight_of(job, inter, e, column, f) * load(job.x, column, f);
    }
    sums[f] = static_cast<float>(sum);
  }
}

void finish(const Job& job, std::int64_t place, const float* sums) {
  for (std::int64_t f = 0; f < job.x.width; ++f) finish(job, row_at(job.layout, place), f, sums[f]);
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
