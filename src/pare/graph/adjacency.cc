// Everything is built by counting sorts (a matrix sorted by rows is the transpose of its transpose) and by merging
// sorted rows, so the cost is linear in rows, columns and nonzeros.
#include "pare/graph/adjacency.h"

#include <algorithm>
#include <cassert>
#include <numeric>

namespace pare::graph {
namespace {

/// begin[i + 1] holds the count of row i: makes it where rows begin.
void sum_up(std::vector<std::int64_t>& begin) { std::partial_sum(begin.begin(), begin.end(), begin.begin()); }

void drop_ones(Adjacency& a) {
  if (std::ranges::all_of(a.weight, [](float w) { return w == 1; })) a.weight = {};
}

/// An empty matrix with room for the entries of `like`.
Adjacency room_for(const Adjacency& like, std::size_t more) {
  Adjacency out;
  out.columns = like.columns;
  out.begin.reserve(like.begin.size());
  out.column.reserve(like.column.size() + more);
  if (!like.weight.empty()) out.weight.reserve(like.column.size() + more);
  return out;
}

void put(Adjacency& a, std::int32_t column, float weight, bool weighted) {
  a.column.push_back(column);
  if (weighted) a.weight.push_back(weight);
}

void end_row(Adjacency& a) { a.begin.push_back(static_cast<std::int64_t>(a.column.size())); }

float weight_at(const Adjacency& a, std::int64_t e) { return a.weight.empty() ? 1 : a.weight[e]; }

std::vector<std::int64_t> counted_columns(const Adjacency& a) {
  std::vector<std::int64_t> begin(static_cast<std::size_t>(a.columns) + 1);
  for (const std::int32_t c : a.column) ++begin[c + 1];
  sum_up(begin);
  return begin;
}

/// The transpose; rows of it come in the order of the original's rows, sorted or not.
Adjacency flipped(const Adjacency& a, std::vector<std::int64_t>* source = nullptr) {
  Adjacency t;
  t.columns = a.rows();
  t.begin = counted_columns(a);
  t.column.resize(a.column.size());
  t.weight.resize(a.weight.size());
  if (source) source->resize(a.column.size());
  std::vector<std::int64_t> next(t.begin.begin(), t.begin.end() - 1);
  for (std::int64_t r = 0; r < a.rows(); ++r)
    for (std::int64_t e = a.begin[r]; e < a.begin[r + 1]; ++e) {
      const std::int64_t to = next[a.column[e]]++;
      t.column[to] = static_cast<std::int32_t>(r);
      if (!a.weight.empty()) t.weight[to] = a.weight[e];
      if (source) (*source)[to] = e;
    }
  return t;
}

/// Equal neighbours become one, weights added in their order. Columns must not fall within a row.
void merge_equal(Adjacency& a) {
  const auto falls_short = [&](std::int64_t r) {
    for (std::int64_t e = a.begin[r] + 1; e < a.begin[r + 1]; ++e)
      if (a.column[e] == a.column[e - 1]) return true;
    return false;
  };
  std::int64_t row = 0;
  while (row < a.rows() && !falls_short(row)) ++row;
  if (row == a.rows()) return;
  if (a.weight.empty()) a.weight.assign(a.column.size(), 1);
  std::int64_t to = a.begin[row];
  for (; row < a.rows(); ++row) {
    const std::int64_t from = a.begin[row], first = to;
    a.begin[row] = to;
    for (std::int64_t e = from; e < a.begin[row + 1]; ++e)
      if (to > first && a.column[to - 1] == a.column[e]) {
        a.weight[to - 1] += a.weight[e];
      } else {
        a.column[to] = a.column[e];
        a.weight[to++] = a.weight[e];
      }
  }
  a.begin.back() = to;
  a.column.resize(static_cast<std::size_t>(to));
  a.weight.resize(static_cast<std::size_t>(to));
}

bool rises(const Adjacency& a) {
  for (std::int64_t r = 0; r < a.rows(); ++r)
    for (std::int64_t e = a.begin[r] + 1; e < a.begin[r + 1]; ++e)
      if (a.column[e] <= a.column[e - 1]) return false;
  return true;
}

}  // namespace

Transposed transpose(const Adjacency& a) {
  Transposed t;
  t.matrix = flipped(a, &t.source);
  return t;
}

Adjacency canonical(Adjacency a) {
  if (!rises(a)) {
    a = flipped(flipped(a));
    merge_equal(a);
  }
  drop_ones(a);
  return a;
}

Adjacency from_edges(std::int64_t rows, std::int64_t columns, std::vector<Edge> edges) {
  const bool weighted = std::ranges::any_of(edges, [](const Edge& e) { return e.weight != 1; });
  Adjacency t;  // by columns, in the order given
  t.columns = rows;
  t.begin.assign(static_cast<std::size_t>(columns) + 1, 0);
  for (const Edge& e : edges) {
    assert(e.row >= 0 && e.row < rows && e.column >= 0 && e.column < columns);
    ++t.begin[e.column + 1];
  }
  sum_up(t.begin);
  t.column.resize(edges.size());
  if (weighted) t.weight.resize(edges.size());
  std::vector<std::int64_t> next(t.begin.begin(), t.begin.end() - 1);
  for (const Edge& e : edges) {
    const std::int64_t to = next[e.column]++;
    t.column[to] = e.row;
    if (weighted) t.weight[to] = e.weight;
  }
  edges = {};
  Adjacency a = flipped(t);
  merge_equal(a);
  drop_ones(a);
  return a;
}

bool is_symmetric(const Adjacency& a) {
  if (a.rows() != a.columns) return false;
  const Adjacency t = flipped(a);
  return t.begin == a.begin && t.column == a.column && t.weight == a.weight;
}

Adjacency without_self_loops(const Adjacency& a) {
  Adjacency out = room_for(a, 0);
  for (std::int64_t r = 0; r < a.rows(); ++r) {
    for (std::int64_t e = a.begin[r]; e < a.begin[r + 1]; ++e)
      if (a.column[e] != r) put(out, a.column[e], weight_at(a, e), !a.weight.empty());
    end_row(out);
  }
  drop_ones(out);
  return out;
}

Adjacency with_self_loops(const Adjacency& a) {
  assert(a.rows() == a.columns);
  Adjacency out = room_for(a, static_cast<std::size_t>(a.rows()));
  const bool weighted = !a.weight.empty();
  for (std::int64_t r = 0; r < a.rows(); ++r) {
    const auto own = static_cast<std::int32_t>(r);
    std::int64_t e = a.begin[r];
    for (; e < a.begin[r + 1] && a.column[e] < own; ++e) put(out, a.column[e], weight_at(a, e), weighted);
    if (e == a.begin[r + 1] || a.column[e] != own) put(out, own, 1, weighted);
    for (; e < a.begin[r + 1]; ++e) put(out, a.column[e], weight_at(a, e), weighted);
    end_row(out);
  }
  return out;
}

Adjacency symmetric(const Adjacency& a) {
  assert(a.rows() == a.columns);
  const Adjacency t = flipped(a);
  const bool weighted = !a.weight.empty();
  Adjacency out = room_for(a, a.column.size() / 4);
  for (std::int64_t r = 0; r < a.rows(); ++r) {
    std::int64_t e = a.begin[r], f = t.begin[r];
    while (e < a.begin[r + 1] || f < t.begin[r + 1]) {
      const bool own = e < a.begin[r + 1] && (f == t.begin[r + 1] || a.column[e] <= t.column[f]);
      const std::int32_t column = own ? a.column[e] : t.column[f];
      put(out, column, own ? weight_at(a, e) : weight_at(t, f), weighted);
      if (f < t.begin[r + 1] && t.column[f] == column) ++f;
      if (own) ++e;
    }
    end_row(out);
  }
  return out;
}

Adjacency renumbered(const Adjacency& a, const std::vector<std::int32_t>& new_of) {
  assert(a.rows() == a.columns && static_cast<std::int64_t>(new_of.size()) == a.rows());
  std::vector<std::int32_t> old_of(new_of.size());
  for (std::size_t v = 0; v < new_of.size(); ++v) old_of[new_of[v]] = static_cast<std::int32_t>(v);
  Adjacency moved;  // rows where they belong, columns not in order yet
  moved.columns = a.columns;
  moved.begin.reserve(a.begin.size());
  moved.column.resize(a.column.size());
  moved.weight.resize(a.weight.size());
  std::int64_t to = 0;
  for (const std::int32_t old : old_of) {
    for (std::int64_t e = a.begin[old]; e < a.begin[old + 1]; ++e, ++to) {
      moved.column[to] = new_of[a.column[e]];
      if (!a.weight.empty()) moved.weight[to] = a.weight[e];
    }
    moved.begin.push_back(to);
  }
  return flipped(flipped(moved));
}

}  // namespace pare::graph
