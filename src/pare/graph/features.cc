#include "pare/graph/features.h"

#include <ATen/Functions.h>

#include <algorithm>
#include <numeric>

#include "pare/graph/sample.h"

namespace pare::graph {
namespace {

/// Kinds as rows with a single one.
Adjacency one_hot(const std::vector<std::int32_t>& kinds, std::int32_t count) {
  Adjacency out;
  out.columns = count;
  for (const std::int32_t kind : kinds) {
    out.column.push_back(kind);
    out.begin.push_back(static_cast<std::int64_t>(out.column.size()));
  }
  return out;
}

/// Rows of bags of words sum to 1, so that long texts do not weigh more; rows with negative values stay.
void normalise_rows(Adjacency& a) {
  if (std::ranges::any_of(a.weight, [](float w) { return w < 0; })) return;
  if (a.weight.empty()) a.weight.assign(a.column.size(), 1);
  for (std::int64_t r = 0; r < a.rows(); ++r) {
    double sum = 0;
    for (std::int64_t e = a.begin[r]; e < a.begin[r + 1]; ++e) sum += a.weight[e];
    if (sum > 0)
      for (std::int64_t e = a.begin[r]; e < a.begin[r + 1]; ++e) a.weight[e] = static_cast<float>(a.weight[e] / sum);
  }
}

/// The vertices' degrees, the edges that each gathers over.
std::vector<std::int32_t> degrees(const Adjacency& a) {
  std::vector<std::int32_t> out;
  for (std::int64_t v = 0; v < a.rows(); ++v) out.push_back(static_cast<std::int32_t>(a.begin[v + 1] - a.begin[v]));
  return out;
}

bool has_kinds(const Graph& graph) { return !graph.tags.empty() && graph.tag_kinds > 1; }

Features sparse(Adjacency a) { return {{}, c10::make_intrusive<Propagation>(std::move(a)), {}}; }

}  // namespace

Features features_of(const Graph& graph, WithoutFeatures without, bool sum_to_one, const FeatureFormat& format) {
  if (!graph.dense_features.empty()) {
    at::Tensor x = at::empty({graph.vertices(), graph.feature_width}, at::kFloat);
    std::ranges::copy(graph.dense_features, x.data_ptr<float>());
    if (format) round_features(*format, graph.vertices(), graph.feature_width, x.data_ptr<float>());
    return {x, {}, {}};
  }
  if (graph.sparse_features.rows() > 0) {
    Adjacency x = graph.sparse_features;
    const auto values = static_cast<std::int64_t>(x.weight.size());
    if (format && values > 0) round_features(*format, values, 1, x.weight.data());
    if (sum_to_one) normalise_rows(x);
    return sparse(std::move(x));
  }
  if (has_kinds(graph)) return sparse(one_hot(graph.tags, graph.tag_kinds));
  std::vector<std::int32_t> kinds = degrees(graph.adjacency);
  if (without == WithoutFeatures::degree) {
    const std::int32_t most = kinds.empty() ? 0 : *std::ranges::max_element(kinds);
    return sparse(one_hot(kinds, most + 1));
  }
  std::iota(kinds.begin(), kinds.end(), 0);
  return sparse(one_hot(kinds, static_cast<std::int32_t>(kinds.size())));
}

const char* which_features(const Graph& graph, WithoutFeatures without) {
  if (!graph.dense_features.empty()) return "the file's, dense";
  if (graph.sparse_features.rows() > 0) return "the file's, sparse";
  if (has_kinds(graph)) return "kinds of vertices";
  return without == WithoutFeatures::degree ? "degrees of vertices" : "none: every vertex is its own";
}

Features rows_of(const Features& x, const std::vector<std::int32_t>& vertices) {
  if (x.dense.defined()) return {x.dense.index_select(0, indices(vertices)), {}, {}};
  return {{}, c10::make_intrusive<Propagation>(rows_of(x.sparse->matrix(), vertices), Propagation::Kernels::plain), {}};
}

at::Tensor indices(const std::vector<std::int32_t>& vertices) {
  at::Tensor out = at::empty({static_cast<std::int64_t>(vertices.size())}, at::kLong);
  std::ranges::copy(vertices, out.data_ptr<std::int64_t>());
  return out;
}

}  // namespace pare::graph
