// Matrices are built by grouping entries by row and sorting within rows, changed by merging sorted rows: the cost is
// linear in rows, columns and nonzeros, but for the sort within each row.
#include "pare/graph/adjacency.h"

#include <algorithm>
#include <cassert>
#include <tuple>
#include <utility>

#include "pare/base/parallel.h"
#include "pare/graph/group.h"

namespace pare::graph {
namespace {

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

/// Calls f(row, nonzero) for every nonzero.
template <class F>
void each_nonzero(const Adjacency& a, const F& f) {
  for (std::int64_t r = 0; r < a.rows(); ++r)
    for (std::int64_t e = a.begin[r]; e < a.begin[r + 1]; ++e) f(static_cast<std::int32_t>(r), e);
}

/// The transpose without its sources.
Adjacency flipped(const Adjacency& a) {
  Adjacency t;
  t.columns = a.rows();
  const auto room = [&](std::int64_t count) {
    t.column.resize(static_cast<std::size_t>(count));
    if (!a.weight.empty()) t.weight.resize(static_cast<std::size_t>(count));
  };
  if (a.weight.empty()) {
    const auto each = [&](const auto& f) {
      each_nonzero(a, [&](std::int32_t r, std::int64_t e) { f(a.column[e], r); });
    };
    t.begin = group<std::int32_t>(a.columns, each, room, [&](std::int32_t r, std::int64_t to) { t.column[to] = r; });
    return t;
  }
  using Item = std::pair<std::int32_t, float>;
  const auto each = [&](const auto& f) {
    each_nonzero(a, [&](std::int32_t r, std::int64_t e) { f(a.column[e], Item(r, a.weight[e])); });
  };
  t.begin = group<Item>(a.columns, each, room, [&](const Item& item, std::int64_t to) {
    t.column[to] = item.first;
    t.weight[to] = item.second;
  });
  return t;
}

/// Columns of each row into their order, equal ones in the order that they had.
void sort_rows(Adjacency& a) {
  constexpr std::int64_t step = 4096;
  parallel_for(static_cast<std::size_t>((a.rows() + step - 1) / step), [&](std::size_t part) {
    std::vector<std::pair<std::int32_t, float>> row;
    const std::int64_t first = static_cast<std::int64_t>(part) * step, last = std::min(a.rows(), first + step);
    for (std::int64_t r = first; r < last; ++r) {
      const auto begin = a.column.begin() + a.begin[r], end = a.column.begin() + a.begin[r + 1];
      if (std::is_sorted(begin, end)) continue;
      if (a.weight.empty()) {
        std::sort(begin, end);
        continue;
      }
      row.clear();
      for (std::int64_t e = a.begin[r]; e < a.begin[r + 1]; ++e) row.emplace_back(a.column[e], a.weight[e]);
      std::ranges::stable_sort(row, {}, &std::pair<std::int32_t, float>::first);
      for (std::size_t i = 0; i < row.size(); ++i)
        std::tie(begin[static_cast<std::ptrdiff_t>(i)], a.weight[a.begin[r] + static_cast<std::int64_t>(i)]) = row[i];
    }
  });
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

}  // namespace

Transposed transpose(const Adjacency& a) {
  using Item = std::pair<std::int32_t, std::int64_t>;  // row and nonzero
  Transposed t;
  t.matrix.columns = a.rows();
  t.matrix.begin = group<Item>(
      a.columns,
      [&](const auto& f) { each_nonzero(a, [&](std::int32_t r, std::int64_t e) { f(a.column[e], Item(r, e)); }); },
      [&](std::int64_t count) {
        t.matrix.column.resize(static_cast<std::size_t>(count));
        t.matrix.weight.resize(a.weight.size());
        t.source.resize(static_cast<std::size_t>(count));
      },
      [&](const Item& item, std::int64_t to) {
        t.matrix.column[to] = item.first;
        if (!a.weight.empty()) t.matrix.weight[to] = a.weight[item.second];
        t.source[to] = item.second;
      });
  return t;
}

Adjacency canonical(Adjacency a) {
  sort_rows(a);
  merge_equal(a);
  drop_ones(a);
  return a;
}

Adjacency from_edges(std::int64_t rows, std::int64_t columns, std::vector<Edge> edges) {
  using Item = std::pair<std::int32_t, float>;
  const bool weighted = std::ranges::any_of(edges, [](const Edge& e) { return e.weight != 1; });
  Adjacency a;
  a.columns = columns;
  a.begin = group<Item>(
      rows,
      [&](const auto& f) {
        for (const Edge& e : edges) {
          assert(e.row >= 0 && e.row < rows && e.column >= 0 && e.column < columns);
          f(e.row, Item(e.column, e.weight));
        }
      },
      [&](std::int64_t count) {
        a.column.resize(static_cast<std::size_t>(count));
        if (weighted) a.weight.resize(static_cast<std::size_t>(count));
      },
      [&](const Item& item, std::int64_t to) {
        a.column[to] = item.first;
        if (weighted) a.weight[to] = item.second;
      });
  edges = {};
  return canonical(std::move(a));
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
  sort_rows(moved);
  return moved;
}

}  // namespace pare::graph
