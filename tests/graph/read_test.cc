#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "pare/graph/graph.h"
#include "pare/graph/parse.h"
#include "random_graphs.h"

namespace pare::graph {
namespace {
namespace fs = std::filesystem;

TEST(Assets, AreReadAndWrittenAgain) {
  const char* assets = std::getenv("PARE_ASSETS");
  if (!assets) GTEST_SKIP() << "PARE_ASSETS is not set";
  const fs::path folder = fs::path(assets) / "graphs", copy = fs::path(testing::TempDir()) / "graph_copy.npz";
  std::size_t files = 0;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() != ".npz") continue;
    const Graph g = read_graph(entry.path());
    SCOPED_TRACE(g.name);
    ++files;
    EXPECT_TRUE(is_sound(g.adjacency));
    EXPECT_TRUE(g.symmetric);
    EXPECT_TRUE(g.adjacency.weight.empty());
    write_graph_npz(copy, g);
    const Graph again = read_graph(copy);
    EXPECT_EQ(again.adjacency.begin, g.adjacency.begin);
    EXPECT_EQ(again.adjacency.column, g.adjacency.column);
    EXPECT_EQ(again.sparse_features.begin, g.sparse_features.begin);
    EXPECT_EQ(again.sparse_features.column, g.sparse_features.column);
    EXPECT_EQ(again.sparse_features.weight, g.sparse_features.weight);
    EXPECT_EQ(again.labels, g.labels);
    EXPECT_EQ(again.test, g.test);
    EXPECT_EQ(again.graph_of, g.graph_of);
    EXPECT_EQ(again.graph_labels, g.graph_labels);
    EXPECT_EQ(again.tags, g.tags);
  }
  EXPECT_GE(files, 19u);
  const Graph cora = read_graph(folder / "cora.npz");
  EXPECT_EQ(cora.vertices(), 2708);
  EXPECT_EQ(cora.adjacency.nonzeros(), 2 * 5278);
  EXPECT_EQ(cora.feature_width, 1433);
  EXPECT_EQ(cora.classes, 7);
  EXPECT_EQ(cora.training.size(), 140u);
  EXPECT_EQ(cora.validation.size(), 500u);
  EXPECT_EQ(cora.test.size(), 1000u);
  const Graph proteins = read_graph(folder / "PROTEINS.npz");
  EXPECT_EQ(proteins.graph_labels.size(), 1113u);
  EXPECT_EQ(proteins.tag_kinds, 3);
  EXPECT_EQ(proteins.graph_classes, 2);
}

}  // namespace
}  // namespace pare::graph
