// The formats that read_graph knows, one function each, and the checks that they share.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "pare/graph/graph.h"

namespace pare::graph {

class Fields;

/// `where` names the file in errors. Name and hash are left empty. Throw Error for what is no sound graph.
Graph parse_npz(std::string_view bytes, const std::string& where);
/// The same of an archive's arrays.
Graph graph_of(const Fields& fields);
Graph parse_matrix_market(std::string_view bytes, const std::string& where);
Graph parse_edges(std::string_view bytes, const std::string& where);

/// Throws Error where a file of `file_bytes` names more vertices than 32-bit numbers can, or so many that nearly none
/// has an edge: a few bytes must not make pare allocate gigabytes.
void check_vertices(std::uint64_t vertices, std::uint64_t file_bytes, const std::string& where);

/// Throws Error where this machine's memory cannot hold `entries` nonzeros while they are sorted.
void check_memory(std::uint64_t entries, const std::string& where);

}  // namespace pare::graph
