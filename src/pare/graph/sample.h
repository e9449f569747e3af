// Mini-batches of a large graph: the vertices asked for, and a few neighbours of each, layer by layer (Hamilton, Ying,
// Leskovec 2017).
#pragma once
#include <cstdint>
#include <vector>

#include "pare/graph/adjacency.h"

namespace pare::graph {

/// The edges that one layer gathers over.
struct Block {
  /// [targets, sources]. Weights are left out where all are 1.
  Adjacency matrix;
  std::vector<std::int32_t> vertices;  // [sources]: vertices of the graph; the targets are the first
};

/// What rows are gathered for. sums: where k of a row's d edges were drawn, each is weighted by d / k beside its own
/// weight, so that the expected sum is the whole one. means: of the edges drawn, as they are; maxima, too.
enum class Gathers { sums, means };

class Sampler {
 public:
  /// fanouts: neighbours drawn at most, a layer, of the first layer first; 0: all of them. The graph, square, must
  /// outlive the sampler. An edge from a vertex to itself is always there, and not counted.
  Sampler(const Adjacency& a, std::vector<int> fanouts, Gathers gathers);

  /// One block a layer, of the first layer first; the last one's targets are `targets`, which must differ. Neighbours
  /// are drawn uniformly without replacement. What is drawn for a vertex depends on the seed, the layer and the vertex
  /// only: parts of a batch are sampled as the whole is.
  std::vector<Block> sample(const std::vector<std::int32_t>& targets, std::uint64_t seed);

 private:
  Block sample_layer(const std::vector<std::int32_t>& targets, int fanout, std::uint64_t seed);

  const Adjacency& a_;
  std::vector<int> fanouts_;
  Gathers gathers_;
  std::vector<std::int32_t> place_of_;  // [vertices]: in the block being made, or -1
};

/// Rows of a matrix, in the order given.
Adjacency rows_of(const Adjacency& a, const std::vector<std::int32_t>& rows);

}  // namespace pare::graph
