#include "pare/graph/sample.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <set>

#include "random_graphs.h"

namespace pare::graph {
namespace {

std::vector<std::int32_t> every(std::int64_t n) {
  std::vector<std::int32_t> out;
  for (std::int32_t v = 0; v < n; ++v) out.push_back(v);
  return out;
}

/// Entries of a block by the graph's vertices.
Dense by_vertex(const Block& block, const std::vector<std::int32_t>& targets) {
  Dense out;
  for (const auto& [place, weight] : dense(block.matrix))
    out[{targets[static_cast<std::size_t>(place.first)], block.vertices[static_cast<std::size_t>(place.second)]}] =
        weight;
  return out;
}

TEST(Sample, WithoutFanoutsItIsTheGraph) {
  for (const auto& [name, a] : shapes()) {
    Sampler sampler(a, {0, 0}, Gathers::sums);
    const auto all = every(a.rows());
    for (const Block& block : sampler.sample(all, 1)) {
      EXPECT_TRUE(is_sound(block.matrix)) << name;
      EXPECT_EQ(block.vertices, all) << name;
      EXPECT_EQ(by_vertex(block, all), dense(a)) << name;
    }
  }
}

TEST(Sample, BlocksFitTogether) {
  for (const auto& [name, a] : shapes()) {
    if (a.rows() < 4) continue;
    Sampler sampler(a, {2, 3, 1}, Gathers::sums);
    const std::vector<std::int32_t> targets{3, 0, 2};
    const auto blocks = sampler.sample(targets, 5);
    ASSERT_EQ(blocks.size(), 3u);
    const Dense whole = dense(a);
    for (std::size_t layer = 0; layer < 3; ++layer) {
      const auto& wanted = layer == 2 ? targets : blocks[layer + 1].vertices;
      const Block& block = blocks[layer];
      const int fanout = std::vector{2, 3, 1}[layer];
      EXPECT_TRUE(is_sound(block.matrix)) << name;
      ASSERT_EQ(block.matrix.rows(), static_cast<std::int64_t>(wanted.size())) << name;
      ASSERT_GE(block.vertices.size(), wanted.size()) << name;
      EXPECT_TRUE(std::equal(wanted.begin(), wanted.end(), block.vertices.begin())) << name;
      EXPECT_EQ(std::set(block.vertices.begin(), block.vertices.end()).size(), block.vertices.size()) << name;
      std::map<std::int64_t, int> drawn, there;
      for (const auto& [ends, weight] : whole) there[ends.first] += ends.first != ends.second;
      for (const auto& [ends, weight] : by_vertex(block, wanted)) {
        ASSERT_TRUE(whole.contains(ends)) << name;
        if (ends.first == ends.second) {
          EXPECT_EQ(weight, whole.at(ends)) << name;
          continue;
        }
        ++drawn[ends.first];
        const float scale = std::max(1.0f, static_cast<float>(there[ends.first]) / static_cast<float>(fanout));
        EXPECT_FLOAT_EQ(weight, whole.at(ends) * scale) << name;
      }
      for (const std::int32_t v : wanted) {
        EXPECT_EQ(drawn[v], std::min(fanout, there[v])) << name << ", vertex " << v;
        EXPECT_EQ(by_vertex(block, wanted).contains({v, v}), whole.contains({v, v})) << name;
      }
    }
  }
}

/// Every subset of three of eight neighbours must come up equally often, and so must the estimate be right on average.
TEST(Sample, SubsetsAreEquallyLikelyAndSumsUnbiased) {
  std::vector<Edge> edges{{0, 0, 9}};
  for (std::int32_t v = 1; v <= 8; ++v) edges.push_back({0, v, static_cast<float>(v)});
  const Adjacency a = from_edges(9, 9, edges);
  Sampler sampler(a, {3}, Gathers::sums);
  std::map<std::set<std::int64_t>, int> count;
  double sum = 0;
  const int trials = 56 * 400;
  for (int t = 0; t < trials; ++t) {
    const Block block = sampler.sample({0}, static_cast<std::uint64_t>(t))[0];
    std::set<std::int64_t> drawn;
    for (const auto& [ends, weight] : by_vertex(block, {0})) {
      sum += weight;
      if (ends.second > 0) drawn.insert(ends.second);
    }
    ++count[drawn];
  }
  ASSERT_EQ(count.size(), 56u);
  double chi_square = 0;
  for (const auto& [drawn, times] : count) chi_square += (times - 400.0) * (times - 400.0) / 400;
  EXPECT_LT(chi_square, 94);  // of 55 degrees of freedom: one in a thousand is above
  EXPECT_NEAR(sum / trials, 9 + 36, 0.3);
}

TEST(Sample, MeansTakeEdgesAsTheyAre) {
  const Adjacency a = shapes().at("weighted 333");
  const Dense whole = dense(a);
  const auto all = every(a.rows());
  Sampler sampler(a, {2}, Gathers::means);
  const Block block = sampler.sample(all, 3)[0];
  EXPECT_LT(block.matrix.nonzeros(), a.nonzeros());
  for (const auto& [ends, weight] : by_vertex(block, all)) EXPECT_EQ(whole.at(ends), weight);
}

TEST(Sample, PartsOfABatchAreSampledAsTheWhole) {
  const Adjacency a = shapes().at("weighted 333");
  Sampler sampler(a, {4, 4}, Gathers::sums);
  const std::vector<std::int32_t> whole{5, 9, 200, 17}, part{200, 17};
  const auto of_whole = sampler.sample(whole, 3), of_part = sampler.sample(part, 3);
  const Dense all = by_vertex(of_whole[1], whole);
  for (const auto& entry : by_vertex(of_part[1], part)) EXPECT_TRUE(all.contains(entry.first));
  const Dense deeper = by_vertex(of_whole[0], of_whole[1].vertices);
  for (const auto& [ends, weight] : by_vertex(of_part[0], of_part[1].vertices)) EXPECT_EQ(deeper.at(ends), weight);
  EXPECT_EQ(by_vertex(sampler.sample(whole, 3)[0], of_whole[1].vertices), deeper);
  EXPECT_NE(sampler.sample(whole, 4)[0].vertices, of_whole[0].vertices);
}

TEST(Sample, RowsOfAMatrix) {
  const Adjacency a = shapes().at("weighted 64");
  const std::vector<std::int32_t> rows{7, 0, 7, 63};
  const Adjacency some = rows_of(a, rows);
  EXPECT_TRUE(is_sound(some));
  Dense wanted;
  const Dense whole = dense(a);
  for (const auto& [ends, weight] : whole)
    for (std::size_t i = 0; i < rows.size(); ++i)
      if (ends.first == rows[i]) wanted[{static_cast<std::int64_t>(i), ends.second}] = weight;
  EXPECT_EQ(dense(some), wanted);
}

}  // namespace
}  // namespace pare::graph
