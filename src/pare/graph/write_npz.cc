#include "pare/graph/graph.h"
#include "pare/io/npz.h"

namespace pare::graph {
namespace {

template <class T>
io::Array array_of(const std::vector<T>& values, std::vector<std::int64_t> shape = {}) {
  if (shape.empty()) shape = {static_cast<std::int64_t>(values.size())};
  return {std::is_floating_point_v<T> ? 'f' : 'i', static_cast<int>(sizeof(T)), std::move(shape),
          std::string(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T))};
}

void put_rows(std::map<std::string, io::Array>& out, const std::string& prefix, const Adjacency& a) {
  out[prefix + "indptr"] = array_of(a.begin);
  out[prefix + "indices"] = array_of(a.column);
  out[prefix + "data"] = array_of(a.weight.empty() ? std::vector<float>(a.column.size(), 1) : a.weight);
  out[prefix + "shape"] = array_of(std::vector<std::int64_t>{a.rows(), a.columns});
}

}  // namespace

void write_graph_npz(const std::filesystem::path& path, const Graph& graph) {
  std::map<std::string, io::Array> out;
  put_rows(out, "adj_", graph.adjacency);
  if (!graph.dense_features.empty())
    out["attr_matrix"] = array_of(graph.dense_features, {graph.vertices(), graph.feature_width});
  else if (graph.feature_width > 0)
    put_rows(out, "attr_", graph.sparse_features);
  const auto put = [&](const char* key, const std::vector<std::int32_t>& values) {
    if (!values.empty()) out[key] = array_of(values);
  };
  put("labels", graph.labels);
  put("train_ids", graph.training);
  put("val_ids", graph.validation);
  put("test_ids", graph.test);
  put("graph_ids", graph.graph_of);
  put("graph_labels", graph.graph_labels);
  put("node_tags", graph.tags);
  io::write_npz(path, out);
}

}  // namespace pare::graph
