// Small graphs of every shape, and matrices written out in full to hold them against.
#pragma once
#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "pare/base/random.h"
#include "pare/graph/adjacency.h"

namespace pare::graph {

/// Entries that are there, with their weights: what a matrix means, whatever its form.
using Dense = std::map<std::pair<std::int64_t, std::int64_t>, float>;

inline Dense dense(const Adjacency& a) {
  Dense out;
  for (std::int64_t r = 0; r < a.rows(); ++r)
    for (std::int64_t e = a.begin[r]; e < a.begin[r + 1]; ++e)
      out[{r, a.column[e]}] = a.weight.empty() ? 1 : a.weight[e];
  return out;
}

/// Whether the form is the one that adjacency.h promises.
inline bool is_sound(const Adjacency& a) {
  if (a.begin.empty() || a.begin[0] != 0 || a.nonzeros() != static_cast<std::int64_t>(a.column.size())) return false;
  if (!a.weight.empty() && a.weight.size() != a.column.size()) return false;
  for (std::int64_t r = 0; r < a.rows(); ++r) {
    if (a.begin[r] > a.begin[r + 1]) return false;
    for (std::int64_t e = a.begin[r]; e < a.begin[r + 1]; ++e)
      if (a.column[e] < 0 || a.column[e] >= a.columns || (e > a.begin[r] && a.column[e] <= a.column[e - 1]))
        return false;
  }
  return true;
}

inline std::vector<Edge> random_edges(std::int64_t rows, std::int64_t columns, std::size_t count, bool weighted,
                                      Random& random) {
  std::vector<Edge> edges;
  if (rows == 0 || columns == 0) return edges;
  for (std::size_t i = 0; i < count; ++i) {
    // half of the ends crowd at the low numbers, so that rows differ and entries repeat
    const auto pick = [&](std::int64_t n) {
      const auto most = static_cast<std::uint64_t>(random.below(2) ? n : std::min<std::int64_t>(n, 3));
      return static_cast<std::int32_t>(random.below(most));
    };
    const std::int32_t r = pick(rows), c = pick(columns);
    // multiples of 1/4: sums are exact in any order
    edges.push_back({r, c, weighted ? static_cast<float>(random.below(16)) / 4 - 2 : 1});
  }
  return edges;
}

/// Square graphs by name: empty, one vertex, isolated, star, path, cliques, directed, weighted, with self loops.
inline std::map<std::string, Adjacency> shapes() {
  Random random(5);
  std::map<std::string, Adjacency> out;
  out["empty"] = from_edges(0, 0, {});
  out["one"] = from_edges(1, 1, {});
  out["one with a loop"] = from_edges(1, 1, {{0, 0}});
  out["isolated"] = from_edges(50, 50, {});
  std::vector<Edge> star, path, loops;
  for (std::int32_t v = 1; v < 300; ++v) star.insert(star.end(), {{0, v}, {v, 0}});
  for (std::int32_t v = 1; v < 100; ++v) path.insert(path.end(), {{v - 1, v}, {v, v - 1}});
  for (std::int32_t v = 0; v < 20; ++v) loops.push_back({v, v});
  out["star"] = from_edges(300, 300, star);
  out["directed star"] = from_edges(300, 300, {{0, 5}, {0, 9}, {0, 1}, {0, 299}});
  out["path"] = from_edges(100, 100, path);
  out["loops only"] = from_edges(20, 20, loops);
  out["chain"] = from_edges(4, 4, {{0, 1}, {1, 2}, {2, 3}});
  std::vector<Edge> cliques;
  for (std::int32_t c = 0; c < 9; ++c)
    for (std::int32_t i = 0; i < 11; ++i)
      for (std::int32_t j = 0; j < 11; ++j)
        if (i != j) cliques.push_back({i * 9 + c, j * 9 + c});
  out["cliques"] = from_edges(120, 120, cliques);
  for (const int n : {2, 3, 17, 64, 333}) {
    const auto size = static_cast<std::size_t>(n);
    out["directed " + std::to_string(n)] = from_edges(n, n, random_edges(n, n, 4 * size, false, random));
    out["weighted " + std::to_string(n)] = from_edges(n, n, random_edges(n, n, 4 * size, true, random));
    out["sparse " + std::to_string(n)] = symmetric(from_edges(n, n, random_edges(n, n, size / 2, false, random)));
  }
  return out;
}

}  // namespace pare::graph
