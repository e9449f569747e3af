#include "pare/graph/vertex_data.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "pare/base/error.h"

namespace pare::graph {
namespace {

const std::vector<std::string> features_names{"attr_matrix", "x", "features", "feat"}, labels_names{"labels", "y"},
    union_names{"graph_ids", "batch"};
const std::string tags_name = "node_tags", graph_labels_name = "graph_labels";

/// Of a part of the split: by number, or marked. ogb calls the validation part "valid".
std::vector<std::string> part_names(const std::string& part, const char* suffix) {
  std::vector<std::string> out{part + suffix};
  if (part == "val") out.push_back("valid" + std::string(suffix));
  return out;
}
std::vector<std::string> part_names(const std::string& part) {
  std::vector<std::string> out;
  for (const char* suffix : {"_ids", "_idx", "_mask"})
    for (std::string& name : part_names(part, suffix)) out.push_back(std::move(name));
  return out;
}

/// Labels and tags beyond this are taken for a mistake: each would ask for an output or an input of its own.
constexpr std::int64_t most_kinds = 1 << 16;

std::int32_t kinds_of(const std::vector<std::int32_t>& values) {
  return values.empty() ? 0 : *std::ranges::max_element(values) + 1;
}

void read_features(const Fields& fields, Graph& graph) {
  const std::int64_t vertices = graph.vertices();
  std::vector<std::string> names = features_names;
  names.emplace_back("attr_indptr");
  const std::string key = fields.one_of(names);
  if (key.empty()) return;
  if (key == "attr_indptr") {
    graph.sparse_features = fields.compressed_rows("attr_");
    if (graph.sparse_features.rows() != vertices)
      fields.fail("attr_shape", fmt::format("has {} rows for {} vertices", graph.sparse_features.rows(), vertices));
    graph.feature_width = graph.sparse_features.columns;
    return;
  }
  const auto& shape = fields.array(key).shape;
  if (shape.size() != 2 || shape[0] != vertices)
    fields.fail(key, fmt::format("does not have the shape [{}, width]", vertices));
  if (shape[1] > std::numeric_limits<std::int32_t>::max())
    fields.fail(key, fmt::format("has {} features a vertex", shape[1]));
  graph.dense_features = fields.floats(key);
  graph.feature_width = shape[1];
}

/// Empty where graphs have none. In a batch of PyTorch Geometric `y` has one for each graph.
std::string labels_of_graphs(const Fields& fields, const Graph& graph) {
  if (fields.has(graph_labels_name)) return graph_labels_name;
  const std::string key = fields.one_of(labels_names);
  if (key.empty() || graph.graph_of.empty()) return {};
  const auto& shape = fields.array(key).shape;
  const std::int64_t count = shape.empty() ? 0 : shape[0];
  return count == kinds_of(graph.graph_of) && count != graph.vertices() ? key : std::string();
}

void read_labels(const Fields& fields, Graph& graph) {
  const std::string key = fields.one_of(labels_names);
  if (key.empty() || key == labels_of_graphs(fields, graph)) return;
  graph.labels = fields.integers_in(key, -1, most_kinds, graph.vertices());
  graph.classes = kinds_of(graph.labels);
}

/// The vertices of one part of the split, named or marked.
std::vector<std::int32_t> read_part(const Fields& fields, const std::string& part, const Graph& graph) {
  const std::string key = fields.one_of(part_names(part));
  std::vector<std::int32_t> out;
  if (key.empty()) return out;
  if (key.ends_with("_mask")) {
    const std::vector<bool> mask = fields.mask(key, graph.vertices());
    for (std::size_t v = 0; v < mask.size(); ++v)
      if (mask[v]) out.push_back(static_cast<std::int32_t>(v));
  } else {
    out = fields.integers_in(key, 0, graph.vertices(), fields.length(key));
    std::ranges::sort(out);
    const auto twice = std::ranges::adjacent_find(out);
    if (twice != out.end()) fields.fail(key, fmt::format("names vertex {} twice", *twice));
  }
  for (const std::int32_t v : out)
    if (graph.labels.empty() || graph.labels[v] < 0)
      fields.fail(key, fmt::format("names vertex {}, which has no label", v));
  return out;
}

void read_split(const Fields& fields, Graph& graph) {
  graph.training = read_part(fields, "train", graph);
  graph.validation = read_part(fields, "val", graph);
  graph.test = read_part(fields, "test", graph);
  std::vector<const char*> in(static_cast<std::size_t>(graph.vertices()));
  const auto take = [&](const std::vector<std::int32_t>& part, const char* name) {
    for (const std::int32_t v : part) {
      if (in[v])
        throw Error(fmt::format("its split has vertex {} both in {} and in {}", v, in[v], name), fields.where(),
                    "make the parts disjoint");
      in[v] = name;
    }
  };
  take(graph.training, "training");
  take(graph.validation, "validation");
  take(graph.test, "test");
}

void read_union(const Fields& fields, Graph& graph) {
  const std::int64_t vertices = graph.vertices();
  const std::string key = fields.one_of(union_names);
  if (key.empty()) {
    if (fields.has(graph_labels_name)) fields.fail(graph_labels_name, "is there without 'graph_ids'");
    return;
  }
  graph.graph_of = fields.integers_in(key, 0, std::max<std::int64_t>(vertices, 1), vertices);
  for (std::int64_t v = 0; v < vertices; ++v) {
    const std::int32_t before = v == 0 ? 0 : graph.graph_of[v - 1], now = graph.graph_of[v];
    if (v == 0 ? now != 0 : now < before || now > before + 1)
      fields.fail(key, fmt::format("its element {} is {}; graphs must lie one after the other, from 0", v, now));
  }
  const Adjacency& a = graph.adjacency;
  for (std::int64_t r = 0; r < vertices; ++r)
    for (std::int64_t e = a.begin[r]; e < a.begin[r + 1]; ++e)
      if (graph.graph_of[r] != graph.graph_of[a.column[e]])
        fields.fail(key,
                    fmt::format("puts vertices {} and {} into two graphs, but an edge joins them", r, a.column[e]));
  const std::string labels_key = labels_of_graphs(fields, graph);
  if (labels_key.empty()) return;
  graph.graph_labels = fields.integers_in(labels_key, 0, most_kinds, kinds_of(graph.graph_of));
  graph.graph_classes = kinds_of(graph.graph_labels);
}

}  // namespace

std::vector<std::string> names_by_vertex() {
  std::vector<std::string> out{tags_name};
  for (const auto& names : {features_names, labels_names, union_names})
    out.insert(out.end(), names.begin(), names.end());
  for (const char* part : {"train", "val", "test"})
    for (std::string& name : part_names(part, "_mask")) out.push_back(std::move(name));
  return out;
}

void read_vertex_data(const Fields& fields, Graph& graph) {
  read_features(fields, graph);
  read_union(fields, graph);
  read_labels(fields, graph);
  read_split(fields, graph);
  if (fields.has(tags_name)) {
    graph.tags = fields.integers_in(tags_name, 0, most_kinds, graph.vertices());
    graph.tag_kinds = kinds_of(graph.tags);
  }
}

}  // namespace pare::graph
