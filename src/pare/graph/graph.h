// A graph with what is known of its vertices, as data sets have it.
#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "pare/graph/adjacency.h"

namespace pare::graph {

struct Graph {
  std::string name;  // the file's, without folder and ending
  std::string hash;  // content hash of the file it came from
  Adjacency adjacency;
  bool symmetric = false;

  /// Features of the vertices, one of the two, or neither: sparse [vertices, width], or dense, row-major.
  Adjacency sparse_features;
  std::vector<float> dense_features;
  std::int64_t feature_width = 0;

  std::vector<std::int32_t> labels;  // [vertices], 0 ..., or empty; -1: not known
  std::int32_t classes = 0;
  std::vector<std::int32_t> training, validation, test;  // vertices, rising, disjoint; empty: no split

  /// A union of small graphs: vertices of one lie together, graphs in order.
  std::vector<std::int32_t> graph_of;      // [vertices], never falling from 0, or empty
  std::vector<std::int32_t> graph_labels;  // [graphs], from 0
  std::int32_t graph_classes = 0;
  std::vector<std::int32_t> tags;  // [vertices], kinds of vertices from 0, or empty
  std::int32_t tag_kinds = 0;

  std::int64_t vertices() const { return adjacency.rows(); }
};

/// By ending: .npz, .mtx (Matrix Market), else a list of edges; a further .gz is unpacked (docs/graph.md). Throws Error
/// for what is no sound graph.
Graph read_graph(const std::filesystem::path& path);

/// With the keys of the gnn-benchmark format; written whole. What read_graph makes of it is equal but for name and
/// hash.
void write_graph_npz(const std::filesystem::path& path, const Graph& graph);

}  // namespace pare::graph
