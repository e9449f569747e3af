#include "pare/graph/adjacency.h"

#include <algorithm>
#include <cassert>
#include <numeric>
#include <tuple>

namespace pare::graph {
namespace {

/// begin[i + 1] holds the count of row i: makes it where rows begin.
void sum_up(std::vector<std::int64_t>& begin) { std::partial_sum(begin.begin(), begin.end(), begin.begin()); }

void drop_ones(Adjacency& a) {
  if (std::ranges::all_of(a.weight, [](float w) { return w == 1; })) a.weight = {};
}

std::vector<Edge> edges_of(const Adjacency& a) {
  std::vector<Edge> edges;
  edges.reserve(a.column.size());
  for (std::int64_t r = 0; r < a.rows(); ++r)
    for (std::int64_t e = a.begin[r]; e < a.begin[r + 1]; ++e)
      edges.push_back({static_cast<std::int32_t>(r), a.column[e], a.weight.empty() ? 1 : a.weight[e]});
  return edges;
}

}  // namespace

Transposed transpose(const Adjacency& a) {
  Transposed t;
  t.matrix.columns = a.rows();
  t.matrix.begin.assign(static_cast<std::size_t>(a.columns) + 1, 0);
  for (const std::int32_t c : a.column) ++t.matrix.begin[c + 1];
  sum_up(t.matrix.begin);
  t.matrix.column.resize(a.column.size());
  t.matrix.weight.resize(a.weight.size());
  t.source.resize(a.column.size());
  std::vector<std::int64_t> next(t.matrix.begin.begin(), t.matrix.begin.end() - 1);
  for (std::int64_t r = 0; r < a.rows(); ++r)
    for (std::int64_t e = a.begin[r]; e < a.begin[r + 1]; ++e) {
      const std::int64_t to = next[a.column[e]]++;
      t.matrix.column[to] = static_cast<std::int32_t>(r);
      if (!a.weight.empty()) t.matrix.weight[to] = a.weight[e];
      t.source[to] = e;
    }
  return t;
}

Adjacency from_edges(std::int64_t rows, std::int64_t columns, std::vector<Edge> edges) {
  std::ranges::stable_sort(edges, {}, [](const Edge& e) { return std::tuple(e.row, e.column); });
  Adjacency a;
  a.columns = columns;
  a.begin.assign(static_cast<std::size_t>(rows) + 1, 0);
  for (std::size_t i = 0; i < edges.size(); ++i) {
    const Edge& e = edges[i];
    assert(e.row >= 0 && e.row < rows && e.column >= 0 && e.column < columns);
    if (i > 0 && edges[i - 1].row == e.row && edges[i - 1].column == e.column) {
      a.weight.back() += e.weight;
      continue;
    }
    ++a.begin[e.row + 1];
    a.column.push_back(e.column);
    a.weight.push_back(e.weight);
  }
  sum_up(a.begin);
  drop_ones(a);
  return a;
}

bool is_symmetric(const Adjacency& a) {
  if (a.rows() != a.columns) return false;
  const Adjacency t = transpose(a).matrix;
  return t.begin == a.begin && t.column == a.column && t.weight == a.weight;
}

Adjacency without_self_loops(const Adjacency& a) {
  std::vector<Edge> edges = edges_of(a);
  std::erase_if(edges, [](const Edge& e) { return e.row == e.column; });
  return from_edges(a.rows(), a.columns, std::move(edges));
}

Adjacency with_self_loops(const Adjacency& a) {
  std::vector<Edge> edges = edges_of(a);
  std::vector<bool> there(static_cast<std::size_t>(a.rows()));
  for (const Edge& e : edges)
    if (e.row == e.column) there[e.row] = true;
  for (std::int32_t v = 0; v < a.rows(); ++v)
    if (!there[v]) edges.push_back({v, v});
  return from_edges(a.rows(), a.columns, std::move(edges));
}

Adjacency symmetric(const Adjacency& a) {
  std::vector<Edge> edges = edges_of(a);
  const std::size_t own = edges.size();
  for (std::size_t i = 0; i < own; ++i) {
    const Edge e = edges[i];
    const auto first = a.column.begin() + a.begin[e.column], last = a.column.begin() + a.begin[e.column + 1];
    if (!std::binary_search(first, last, e.row)) edges.push_back({e.column, e.row, e.weight});
  }
  return from_edges(a.rows(), a.columns, std::move(edges));
}

Adjacency renumbered(const Adjacency& a, const std::vector<std::int32_t>& new_of) {
  std::vector<Edge> edges = edges_of(a);
  for (Edge& e : edges) e = {new_of[e.row], new_of[e.column], e.weight};
  return from_edges(a.rows(), a.columns, std::move(edges));
}

}  // namespace pare::graph
