#include "pare/graph/splits.h"

#include <fmt/format.h>

#include <algorithm>

#include "pare/base/error.h"
#include "pare/base/random.h"

namespace pare::graph {
namespace {

constexpr std::size_t training_of_class = 20, validation_of_class = 30;

std::vector<std::vector<std::int32_t>> by_class(const std::vector<std::int32_t>& labels, Random& random) {
  std::vector<std::vector<std::int32_t>> out;
  for (const std::size_t i : random.permutation(labels.size())) {
    if (labels[i] < 0) continue;
    const auto label = static_cast<std::size_t>(labels[i]);
    if (label >= out.size()) out.resize(label + 1);
    out[label].push_back(static_cast<std::int32_t>(i));
  }
  return out;
}

void check_part(const Graph& graph, const std::vector<std::int32_t>& part, const char* name) {
  if (part.empty()) throw Error(fmt::format("has no vertices for {}", name), graph.name);
  for (const std::int32_t v : part)
    if (graph.labels[v] < 0)
      throw Error(fmt::format("has no label at vertex {}, which is for {}", v, name), graph.name);
}

}  // namespace

Split split_of(const Graph& graph, std::uint64_t seed) {
  if (graph.labels.empty())
    throw Error("has no labels of vertices", graph.name,
                graph.graph_of.empty() ? "a network needs them to learn" : "or of graphs: name those graph_labels");
  Split split{graph.training, graph.validation, graph.test};
  if (split.training.empty() && split.validation.empty() && split.test.empty()) {
    Random random(seed);
    for (const auto& members : by_class(graph.labels, random)) {
      const std::size_t n = members.size();
      const std::size_t training = std::min(training_of_class, (n + 2) / 3);
      const std::size_t validation = std::min(validation_of_class, (n - training) / 2);
      for (std::size_t i = 0; i < n; ++i)
        (i < training                ? split.training
         : i < training + validation ? split.validation
                                     : split.test)
            .push_back(members[i]);
    }
    for (auto* part : {&split.training, &split.validation, &split.test}) std::ranges::sort(*part);
  }
  check_part(graph, split.training, "training");
  check_part(graph, split.validation, "validation");
  check_part(graph, split.test, "the test");
  return split;
}

std::vector<int> folds_of(const std::vector<std::int32_t>& labels, int folds, std::uint64_t seed) {
  Random random(seed);
  std::vector<int> out(labels.size(), 0);
  int next = 0;  // goes on from class to class, so that sizes differ by one at most
  for (const auto& members : by_class(labels, random))
    for (const std::int32_t i : members) {
      out[i] = next;
      next = (next + 1) % folds;
    }
  return out;
}

}  // namespace pare::graph
