// Which vertices or graphs are learnt from, which choose, and which test.
#pragma once
#include <cstdint>
#include <vector>

#include "pare/graph/graph.h"

namespace pare::graph {

struct Split {
  std::vector<std::int32_t> training, validation, test;  // rising, disjoint
};

/// The graph's own split of its vertices, else one drawn by the seed as Shchur et al. 2018 do: 20 of each class for
/// training, 30 for validation, the others for the test; of small classes up to a third each. Vertices without a label
/// are in none. Throws Error for a graph without labels, or whose parts lack them.
Split split_of(const Graph& graph, std::uint64_t seed);

/// [labels]: the fold of each, of `folds` of about equal size, each class spread evenly over them.
std::vector<int> folds_of(const std::vector<std::int32_t>& labels, int folds, std::uint64_t seed);

}  // namespace pare::graph
