// How near an order puts neighbours to one another.
#pragma once
#include <cstdint>
#include <vector>

#include "pare/graph/adjacency.h"

namespace pare::graph {

struct Locality {
  double inside = 0;    // share of nonzeros (r, c) of which r and c lie in the same block
  double log_gap = 0;   // mean of log2(1 + |r - c|), in bits: what a number for the gap would need
  double mean_gap = 0;  // mean of |r - c|
};

/// Of the matrix as renumbered(a, new_of) would be; blocks of `block` vertices, block > 0. Zeros where there is no
/// nonzero.
Locality locality_of(const Adjacency& a, const std::vector<std::int32_t>& new_of, std::int64_t block);

}  // namespace pare::graph
