#include "pare/graph/splits.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "pare/base/error.h"
#include "pare/base/random.h"

namespace pare::graph {
namespace {

Graph labelled(std::vector<int> sizes) {
  Graph graph;
  graph.name = "made";
  for (std::size_t c = 0; c < sizes.size(); ++c) graph.labels.insert(graph.labels.end(), sizes[c], static_cast<int>(c));
  graph.classes = static_cast<std::int32_t>(sizes.size());
  graph.adjacency =
      from_edges(static_cast<std::int64_t>(graph.labels.size()), static_cast<std::int64_t>(graph.labels.size()), {});
  return graph;
}

TEST(Splits, TwentyAndThirtyOfEachClass) {
  Graph graph = labelled({500, 60, 9});
  graph.labels.push_back(-1);
  const Split split = split_of(graph, 4);
  std::set<std::int32_t> seen;
  std::map<int, std::array<int, 3>> count;
  int part_number = 0;
  for (const auto* part : {&split.training, &split.validation, &split.test}) {
    EXPECT_TRUE(std::ranges::is_sorted(*part));
    for (const std::int32_t v : *part) {
      EXPECT_TRUE(seen.insert(v).second);
      ++count[graph.labels[v]][part_number];
    }
    ++part_number;
  }
  EXPECT_EQ(seen.size(), 569u);
  EXPECT_FALSE(seen.contains(569));  // has no label
  EXPECT_EQ(count[0], (std::array{20, 30, 450}));
  EXPECT_EQ(count[1], (std::array{20, 20, 20}));
  EXPECT_EQ(count[2], (std::array{3, 3, 3}));
  EXPECT_EQ(split_of(graph, 4).training, split.training);
  EXPECT_NE(split_of(graph, 5).training, split.training);
}

TEST(Splits, TheFilesOwnIsKept) {
  Graph graph = labelled({10, 10});
  graph.training = {1, 12};
  graph.validation = {2};
  graph.test = {3, 4};
  for (const std::uint64_t seed : {0, 1}) EXPECT_EQ(split_of(graph, seed).test, graph.test);
  graph.labels[3] = -1;
  EXPECT_THROW(split_of(graph, 0), Error);
  graph.labels[3] = 0;
  graph.test.clear();
  EXPECT_THROW(split_of(graph, 0), Error);
  graph.labels.clear();
  EXPECT_THROW(split_of(graph, 0), Error);
}

TEST(Splits, FoldsHoldTheClassesEvenly) {
  Random random(1);
  std::vector<std::int32_t> labels;
  for (int i = 0; i < 1113; ++i) labels.push_back(random.below(5) < 3 ? 0 : 1);
  const auto folds = folds_of(labels, 10, 7);
  std::map<int, std::array<int, 2>> count;
  for (std::size_t i = 0; i < labels.size(); ++i) ++count[folds[i]][labels[i]];
  ASSERT_EQ(count.size(), 10u);
  for (const auto& [fold, of_class] : count) {
    EXPECT_NEAR(of_class[0] + of_class[1], 111.3, 1);
    for (const int c : {0, 1}) EXPECT_NEAR(of_class[c], static_cast<double>(std::ranges::count(labels, c)) / 10, 1);
  }
  EXPECT_EQ(folds_of(labels, 10, 7), folds);
  EXPECT_NE(folds_of(labels, 10, 8), folds);
}

}  // namespace
}  // namespace pare::graph
