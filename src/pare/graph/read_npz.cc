// Graphs in .npz archives: which convention an archive follows is seen from the names of its arrays (docs/graph.md).
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "pare/base/error.h"
#include "pare/graph/fields.h"
#include "pare/graph/parse.h"
#include "pare/graph/vertex_data.h"

namespace pare::graph {
namespace {

void must_be_square(const Adjacency& a, const std::string& where) {
  if (a.rows() != a.columns)
    throw Error(
        fmt::format("is a matrix of {} rows and {} columns, an adjacency has as many of both", a.rows(), a.columns),
        where);
}

/// Two vectors of ends, both inside [0, vertices); and a weight for each, or none.
Adjacency from_ends(const Fields& fields, const std::vector<std::int64_t>& rows, const std::string& rows_key,
                    const std::vector<std::int64_t>& columns, const std::string& columns_key,
                    const std::string& weight_key, std::int64_t vertices) {
  if (rows.size() != columns.size())
    fields.fail(columns_key, fmt::format("has {} elements where '{}' has {}", columns.size(), rows_key, rows.size()));
  check_memory(rows.size(), fields.where());
  std::vector<float> weights;
  if (!weight_key.empty()) {
    if (fields.length(weight_key) != static_cast<std::int64_t>(rows.size()))
      fields.fail(weight_key, fmt::format("has {} elements for {} edges", fields.length(weight_key), rows.size()));
    weights = fields.floats(weight_key);
  }
  std::vector<Edge> edges(rows.size());
  for (std::size_t e = 0; e < edges.size(); ++e) {
    for (const auto& [end, key] : {std::pair(rows[e], &rows_key), std::pair(columns[e], &columns_key)})
      if (end < 0 || end >= vertices)
        fields.fail(*key, fmt::format("edge {} names vertex {}, outside 0 to {}", e, end, vertices - 1));
    edges[e] = {static_cast<std::int32_t>(rows[e]), static_cast<std::int32_t>(columns[e]),
                weights.empty() ? 1 : weights[e]};
  }
  return from_edges(vertices, vertices, std::move(edges));
}

/// The array with a weight for each edge, or "". edge_attr of several columns, or beside weights by name, is something
/// else that is known of edges.
std::string weights_of(const Fields& fields, const std::vector<std::string>& names) {
  std::string key = fields.one_of(names), attribute = "edge_attr";
  if (!key.empty() || !fields.has(attribute)) return key;
  const auto& shape = fields.array(attribute).shape;
  return shape.size() < 2 || shape[1] == 1 ? attribute : "";
}

/// How many vertices a list of edges speaks of: said so, or else what features and labels say, or the largest number.
std::int64_t count_vertices(const Fields& fields, const std::vector<std::int64_t>& from,
                            const std::vector<std::int64_t>& to) {
  std::int64_t count = 0;
  if (fields.has("num_nodes")) {
    count = fields.number("num_nodes");
    if (count < 0) fields.fail("num_nodes", fmt::format("is {}, a negative count", count));
  } else {
    for (const std::vector<std::int64_t>* ends : {&from, &to})
      for (const std::int64_t v : *ends) count = std::max(count, v < std::int64_t{1} << 62 ? v + 1 : v);
    for (const std::string& key : names_by_vertex())
      if (fields.has(key) && !fields.array(key).shape.empty()) count = std::max(count, fields.array(key).shape[0]);
    if (fields.has("attr_indptr")) count = std::max(count, fields.length("attr_indptr") - 1);
  }
  check_vertices(static_cast<std::uint64_t>(count), fields.file_bytes(), fields.where());
  return count;
}

Adjacency read_lists(const Fields& fields, const std::string& from_key, const std::string& to_key) {
  const auto from = fields.integers(from_key), to = fields.integers(to_key);
  const std::int64_t vertices = count_vertices(fields, from, to);
  return from_ends(fields, to, to_key, from, from_key, weights_of(fields, {"edge_weight", "data"}), vertices);
}

/// edge_index [2, edges]: sources, then targets.
Adjacency read_edge_index(const Fields& fields) {
  const std::string key = "edge_index";
  const io::Array& both = fields.array(key);
  if (both.shape.size() != 2 || both.shape[0] != 2) fields.fail(key, "does not have the shape [2, edges]");
  const std::vector<std::int64_t> ends = fields.all_integers(key);
  const auto half = ends.begin() + both.shape[1];
  const std::vector<std::int64_t> from(ends.begin(), half), to(half, ends.end());
  const std::int64_t vertices = count_vertices(fields, from, to);
  return from_ends(fields, to, key, from, key, weights_of(fields, {"edge_weight"}), vertices);
}

/// What scipy.sparse.save_npz writes.
Adjacency read_scipy(const Fields& fields) {
  const std::string format = fields.has("format") ? fields.text("format") : "csr";
  if (format == "csr") return fields.compressed_rows("");
  if (format == "csc") {  // the rows of the transpose
    std::map<std::string, io::Array> flipped;
    for (const char* key : {"indptr", "indices", "data"})
      if (fields.has(key)) flipped[key] = fields.array(key);
    io::Array shape = fields.array("shape");
    const std::vector<std::int64_t> extents = fields.integers("shape");
    if (extents.size() != 2) fields.fail("shape", "is not two counts of rows and columns");
    std::string& bytes = shape.bytes;
    std::rotate(bytes.begin(), bytes.begin() + shape.item_bytes, bytes.end());
    flipped["shape"] = std::move(shape);
    const Fields columns(std::move(flipped), fields.file_bytes(), fields.where());
    return transpose(columns.compressed_rows("")).matrix;
  }
  if (format == "coo") {
    const std::vector<std::int64_t> shape = fields.integers("shape");
    if (shape.size() != 2 || shape[0] < 0 || shape[0] != shape[1]) fields.fail("shape", "is that of no square matrix");
    check_vertices(static_cast<std::uint64_t>(shape[0]), fields.file_bytes(), fields.where());
    return from_ends(fields, fields.integers("row"), "row", fields.integers("col"), "col",
                     fields.has("data") ? "data" : "", shape[0]);
  }
  throw Error(fmt::format("holds a sparse matrix of the format '{}', pare knows csr, csc and coo", printable(format)),
              fields.where(), "save matrix.tocsr()");
}

Adjacency read_adjacency(const Fields& fields) {
  if (fields.has("adj_indptr")) return fields.compressed_rows("adj_", true);
  if (fields.has("format") || (fields.has("indptr") && fields.has("indices"))) return read_scipy(fields);
  if (fields.has("edge_index")) return read_edge_index(fields);
  if (fields.has("src_li")) return read_lists(fields, "src_li", "dst_li");
  if (fields.has("src")) return read_lists(fields, "src", "dst");
  throw Error(fmt::format("holds no graph that pare knows; its arrays are {}", fields.names()), fields.where(),
              "save a scipy sparse matrix, or edge_index, or src_li and dst_li");
}

}  // namespace

Graph parse_npz(std::string_view bytes, const std::string& where) { return graph_of(Fields(bytes, where)); }

Graph graph_of(const Fields& fields) {
  Graph graph;
  graph.adjacency = read_adjacency(fields);
  must_be_square(graph.adjacency, fields.where());
  read_vertex_data(fields, graph);
  graph.symmetric = is_symmetric(graph.adjacency);
  return graph;
}

}  // namespace pare::graph
