// Orders of vertices that put neighbours near one another.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "pare/graph/adjacency.h"

namespace pare::graph {

enum class Order {
  natural,    // as the file has it
  random,     // the lower bound of locality
  degree,     // most neighbours first
  rcm,        // reverse Cuthill-McKee
  community,  // communities by merging, written out depth first (Rabbit order, Arai et al., IPDPS 2016), then vertices
              // moved to where blocks of 128 hold more edges
  metis,      // METIS k-way into parts of `block` vertices, evened out: blocks of that size are parts
};

struct OrderOptions {
  std::int64_t block = 16;  // metis only
  std::uint64_t seed = 0;   // random and metis
};

/// new_of[old]: the place of each vertex; of the structure made symmetric. Deterministic for a seed. Throws Error where
/// METIS cannot (2^31 nonzeros or more).
std::vector<std::int32_t> order_of(const Adjacency& a, Order order, const OrderOptions& options = {});

const char* name_of(Order order);
/// Throws UsageError naming `where` and the orders that are known.
Order order_named(const std::string& name, const std::string& where);

std::vector<std::int32_t> inverse(const std::vector<std::int32_t>& new_of);

}  // namespace pare::graph
