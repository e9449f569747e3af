// What an archive says of vertices beside their edges.
#pragma once
#include "pare/graph/fields.h"
#include "pare/graph/graph.h"

namespace pare::graph {

/// Arrays that have a row for each vertex: what they say of how many there are.
std::vector<std::string> names_by_vertex();

/// Features, labels, splits, and which small graph each vertex belongs to. The adjacency must have been read. Throws
/// Error.
void read_vertex_data(const Fields& fields, Graph& graph);

}  // namespace pare::graph
