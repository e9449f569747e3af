// One function an order; each takes a graph of which every edge is there both ways and none is a self loop, and gives
// the vertices in their new order: old_of[new].
#pragma once
#include <cstdint>
#include <vector>

#include "pare/graph/adjacency.h"

namespace pare::graph {

std::vector<std::int32_t> by_degree(const Adjacency& a, bool most_first);
std::vector<std::int32_t> reverse_cuthill_mckee(const Adjacency& a);
std::vector<std::int32_t> by_community(const Adjacency& a);
std::vector<std::int32_t> by_metis(const Adjacency& a, std::int64_t block, std::uint64_t seed);

}  // namespace pare::graph
