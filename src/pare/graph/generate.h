// Graphs made by rule, for tests and measurements at sizes that no data set at hand has.
#pragma once
#include <cstdint>
#include <vector>

#include "pare/graph/adjacency.h"

namespace pare::graph {

struct PlantedOptions {
  std::int64_t vertices = 0;
  std::int64_t edges = 0;  // undirected
  double community = 100;  // mean number of vertices of a community; sizes differ by up to half of it
  double inside = 0.8;     // share of edges with both ends in one community, in [0, 1]
  double exponent = 2.5;   // of the power law that degrees follow, above 2
  std::uint64_t seed = 0;
};

struct Planted {
  Adjacency adjacency;                     // symmetric, unweighted, without self loops
  std::vector<std::int32_t> community_of;  // [vertices]
};

/// A planted partition with power-law degrees: ends of an edge are drawn by weights (Chung and Lu, 2002), both in one
/// community or anywhere. Vertices are numbered at random, so nothing of the communities is in the natural order. Edges
/// drawn twice are one; drawing is repeated until 99 % of those asked for are there, or few new ones come. Throws Error
/// for impossible options. Cost: near linear.
Planted planted_graph(const PlantedOptions& options);

}  // namespace pare::graph
