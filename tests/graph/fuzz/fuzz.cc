// One libFuzzer program a format: a reader of outside bytes gives a sound graph or throws Error. PARE_FUZZ_FORMAT names
// the function.
#include <cstdint>
#include <iterator>
#include <map>
#include <string>
#include <string_view>

#include "pare/base/error.h"
#include "pare/base/parallel.h"
#include "pare/graph/fields.h"
#include "pare/graph/order.h"
#include "pare/graph/parse.h"

namespace pare::graph {

void must(bool holds) {
  if (!holds) __builtin_trap();
}

void must_be_sound(const Adjacency& a) {
  must(a.begin[0] == 0 && a.nonzeros() == static_cast<std::int64_t>(a.column.size()));
  must(a.weight.empty() || a.weight.size() == a.column.size());
  for (std::int64_t r = 0; r < a.rows(); ++r)
    for (std::int64_t e = a.begin[r]; e < a.begin[r + 1]; ++e)
      must(a.column[e] >= 0 && a.column[e] < a.columns && (e == a.begin[r] || a.column[e] > a.column[e - 1]));
}

void must_be_sound(const Graph& g) {
  must_be_sound(g.adjacency);
  const auto vertices = static_cast<std::size_t>(g.vertices());
  must(g.labels.empty() || g.labels.size() == vertices);
  must(g.dense_features.empty() || g.dense_features.size() == vertices * static_cast<std::size_t>(g.feature_width));
  must(g.graph_of.empty() || g.graph_of.size() == vertices);
  for (const std::vector<std::int32_t>* part : {&g.training, &g.validation, &g.test})
    for (const std::int32_t v : *part) must(v >= 0 && static_cast<std::size_t>(v) < vertices && g.labels[v] >= 0);
  if (vertices > 0 && vertices < 1000)
    for (const Order order : {Order::rcm, Order::community}) must(order_of(g.adjacency, order).size() == vertices);
}

void npz(std::string_view bytes) { must_be_sound(parse_npz(bytes, "fuzz")); }
/// Arrays of any names, types, shapes and contents: behind the archive, whose checksums stop most damage.
void arrays(std::string_view bytes) {
  constexpr const char* keys[] = {
      "adj_indptr",   "adj_indices", "adj_data",  "adj_shape", "attr_indptr", "attr_indices", "attr_data", "attr_shape",
      "attr_matrix",  "labels",      "train_ids", "val_ids",   "test_ids",    "train_mask",   "test_mask", "graph_ids",
      "graph_labels", "node_tags",   "format",    "indptr",    "indices",     "data",         "shape",     "row",
      "col",          "edge_index",  "edge_attr", "x",         "y",           "src_li",       "dst_li",    "num_nodes"};
  constexpr struct {
    char kind;
    int bytes;
  } types[] = {{'i', 1}, {'i', 4}, {'i', 8}, {'u', 1}, {'u', 8}, {'f', 4}, {'f', 8}, {'f', 2}, {'b', 1}, {'S', 3}};
  std::map<std::string, io::Array> out;
  const auto byte = [&] {
    const std::size_t value = bytes.empty() ? 0 : static_cast<unsigned char>(bytes[0]);
    bytes.remove_prefix(bytes.empty() ? 0 : 1);
    return value;
  };
  while (!bytes.empty()) {
    const char* key = keys[byte() % std::size(keys)];
    const auto& type = types[byte() % std::size(types)];
    io::Array array{type.kind, type.bytes, {}, {}};
    for (std::size_t rank = byte() % 3; rank > 0; --rank) array.shape.push_back(static_cast<std::int64_t>(byte() % 9));
    const std::size_t size = array.elements() * static_cast<std::size_t>(type.bytes);
    array.bytes = bytes.substr(0, size);
    bytes.remove_prefix(array.bytes.size());
    array.bytes.resize(size);
    out[key] = std::move(array);
  }
  must_be_sound(graph_of(Fields(std::move(out), 4096, "fuzz")));
}

void matrix_market(std::string_view bytes) { must_be_sound(parse_matrix_market(bytes, "fuzz")); }
void edges(std::string_view bytes) { must_be_sound(parse_edges(bytes, "fuzz")); }

}  // namespace pare::graph

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  pare::set_threads(1);
  try {
    pare::graph::PARE_FUZZ_FORMAT({reinterpret_cast<const char*>(data), size});
  } catch (const pare::Error&) {
  }
  return 0;
}
