// Vertices dealt out to blocks of equal size, one block after the other in an order.
#pragma once
#include <cstdint>
#include <vector>

#include "pare/graph/adjacency.h"

namespace pare::graph {

/// Vertices by block, those of one in their old order: old_of[new].
std::vector<std::int32_t> listed(const std::vector<std::int32_t>& block_of);

/// What blocks have too many, those least tied to them, goes to blocks with room, to the neighbours' where it can: one
/// block too large would push all after it across the borders of blocks. Afterwards each has `block` vertices, but for
/// the last. block_of: in [0, ceil(vertices / block)).
void even_out(const Adjacency& a, std::vector<std::int32_t>& block_of, std::int64_t block);

/// An order near `old_of` of which blocks hold more edges: vertices move, a few times over, to the block that has most
/// of their neighbours, as long as it has room. Cost: a few passes over the graph. Edges must be there both ways.
std::vector<std::int32_t> with_fuller_blocks(const Adjacency& a, const std::vector<std::int32_t>& old_of,
                                             std::int64_t block);

}  // namespace pare::graph
