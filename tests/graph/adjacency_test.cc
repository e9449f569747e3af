// Matrices against the same thing done entry by entry.
#include "pare/graph/adjacency.h"

#include <gtest/gtest.h>

#include "random_graphs.h"

namespace pare::graph {
namespace {

/// Asks that `a` is sound and means `entries`.
void expect_means(const Adjacency& a, const Dense& entries, const std::string& name) {
  EXPECT_TRUE(is_sound(a)) << name;
  EXPECT_EQ(dense(a), entries) << name;
}

TEST(FromEdges, AddsUpEqualEntries) {
  Random random(1);
  for (int round = 0; round < 300; ++round) {
    const auto rows = static_cast<std::int64_t>(random.below(40)),
               columns = static_cast<std::int64_t>(random.below(40));
    const bool weighted = random.below(2) == 1;
    const std::vector<Edge> edges = random_edges(rows, columns, random.below(200), weighted, random);
    Dense sums;
    for (const Edge& e : edges) sums[{e.row, e.column}] += e.weight;
    const Adjacency a = from_edges(rows, columns, edges);
    EXPECT_EQ(a.rows(), rows);
    EXPECT_EQ(a.columns, columns);
    expect_means(a, sums, "round " + std::to_string(round));
    const bool ones = std::ranges::all_of(sums, [](const auto& entry) { return entry.second == 1; });
    EXPECT_EQ(a.weight.empty(), ones);
  }
}

TEST(Canonical, SortsAndAddsUp) {
  Random random(2);
  for (int round = 0; round < 300; ++round) {
    Adjacency loose;
    loose.columns = 1 + static_cast<std::int64_t>(random.below(12));
    const bool weighted = random.below(2) == 1;
    Dense sums;
    for (std::int64_t r = 0, rows = static_cast<std::int64_t>(random.below(12)); r < rows; ++r) {
      for (std::uint64_t k = random.below(9); k-- > 0;) {
        loose.column.push_back(static_cast<std::int32_t>(random.below(static_cast<std::uint64_t>(loose.columns))));
        const float weight = weighted ? static_cast<float>(random.below(8)) / 4 : 1;
        if (weighted) loose.weight.push_back(weight);
        sums[{r, loose.column.back()}] += weight;
      }
      loose.begin.push_back(static_cast<std::int64_t>(loose.column.size()));
    }
    expect_means(canonical(loose), sums, "round " + std::to_string(round));
  }
}

TEST(Transpose, SwapsAndSaysWhereFrom) {
  Random random(3);
  for (const auto& [rows, columns] : {std::pair(0, 0), {0, 5}, {5, 0}, {1, 30}, {30, 1}, {25, 40}}) {
    const Adjacency a = from_edges(rows, columns, random_edges(rows, columns, 90, true, random));
    const Transposed t = transpose(a);
    Dense swapped;
    for (const auto& [at, weight] : dense(a)) swapped[{at.second, at.first}] = weight;
    EXPECT_EQ(t.matrix.rows(), columns);
    EXPECT_EQ(t.matrix.columns, rows);
    expect_means(t.matrix, swapped, "transpose");
    for (std::int64_t r = 0; r < t.matrix.rows(); ++r)
      for (std::int64_t e = t.matrix.begin[r]; e < t.matrix.begin[r + 1]; ++e) {
        EXPECT_EQ(a.column[t.source[e]], r);
        EXPECT_GE(t.source[e], a.begin[t.matrix.column[e]]);
        EXPECT_LT(t.source[e], a.begin[t.matrix.column[e] + 1]);
      }
  }
}

TEST(Square, SelfLoopsSymmetryAndNumbers) {
  Random random(4);
  for (const auto& [name, a] : shapes()) {
    const Dense own = dense(a);
    Dense with = own, without, both = own;
    bool is = true;
    for (std::int64_t v = 0; v < a.rows(); ++v) with.try_emplace({v, v}, 1.0f);
    for (const auto& [at, weight] : own) {
      if (at.first != at.second) without[at] = weight;
      both.try_emplace({at.second, at.first}, weight);
      const auto other = own.find({at.second, at.first});
      is = is && other != own.end() && other->second == weight;
    }
    expect_means(with_self_loops(a), with, name);
    expect_means(without_self_loops(a), without, name);
    expect_means(symmetric(a), both, name);
    EXPECT_EQ(is_symmetric(a), is) << name;

    std::vector<std::int32_t> new_of;
    for (const std::size_t v : random.permutation(static_cast<std::size_t>(a.rows())))
      new_of.push_back(static_cast<std::int32_t>(v));
    Dense moved;
    for (const auto& [at, weight] : own) moved[{new_of[at.first], new_of[at.second]}] = weight;
    expect_means(renumbered(a, new_of), moved, name);
  }
}

TEST(Square, OneSidedWeightsAreNotSymmetric) {
  EXPECT_FALSE(is_symmetric(from_edges(2, 2, {{0, 1, 2}, {1, 0, 3}})));
  EXPECT_TRUE(is_symmetric(from_edges(2, 2, {{0, 1, 2}, {1, 0, 2}})));
  EXPECT_FALSE(is_symmetric(from_edges(2, 3, {})));
}

}  // namespace
}  // namespace pare::graph
