#include "pare/graph/gcn.h"

#include <fmt/format.h>

#include <cmath>

#include "pare/base/error.h"

namespace pare::graph {

std::vector<float> degree_scales(const Adjacency& a) {
  std::vector<float> scales(static_cast<std::size_t>(a.rows()));
  for (std::int64_t r = 0; r < a.rows(); ++r) {
    double sum = 0;
    for (std::int64_t e = a.begin[r]; e < a.begin[r + 1]; ++e) sum += a.weight.empty() ? 1 : a.weight[e];
    if (sum < 0)
      throw Error(fmt::format("the weights of row {} sum to {}, and GCN's scale is one over their root", r, sum),
                  "the graph", "take another model, or weights of 0 and above");
    if (sum > 0) scales[r] = static_cast<float>(1 / std::sqrt(sum));
  }
  return scales;
}

Adjacency gcn_matrix(const Adjacency& given) {
  Adjacency a = with_self_loops(given);
  const std::vector<float> scales = degree_scales(a);
  a.weight.resize(a.column.size(), 1);
  for (std::int64_t r = 0; r < a.rows(); ++r)
    for (std::int64_t e = a.begin[r]; e < a.begin[r + 1]; ++e) a.weight[e] *= scales[r] * scales[a.column[e]];
  return a;
}

}  // namespace pare::graph
