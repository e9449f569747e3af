#include "pare/model/graph_edit.h"

#include <fmt/format.h>

#include <algorithm>

#include "pare/base/error.h"

namespace pare::model {

FreshNames::FreshNames(const Model& model) {
  for (const Value& value : model.values) taken_.insert(value.name);
  for (const Node& node : model.nodes) taken_.insert(node.name);
}

std::string FreshNames::make(const std::string& wish) {
  std::string name = wish;
  for (int i = 2; !take(name); ++i) name = fmt::format("{}_{}", wish, i);
  return name;
}

void drop_unneeded_nodes(Model& model) {
  std::vector<bool> needed(model.values.size(), false);
  const auto mark = [&](const std::vector<ValueId>& ids) {
    for (const ValueId id : ids)
      if (id != no_value) needed[static_cast<std::size_t>(id)] = true;
  };
  mark(model.outputs);
  std::vector<bool> keep(model.nodes.size(), false);
  for (std::size_t n = model.nodes.size(); n-- > 0;) {
    const Node& node = model.nodes[n];
    keep[n] = std::any_of(node.outputs.begin(), node.outputs.end(),
                          [&](ValueId id) { return id != no_value && needed[static_cast<std::size_t>(id)]; });
    if (keep[n]) mark(node.inputs);
  }
  std::size_t kept = 0;
  for (std::size_t n = 0; n < model.nodes.size(); ++n)
    if (keep[n]) {
      if (kept != n) model.nodes[kept] = std::move(model.nodes[n]);
      ++kept;
    }
  model.nodes.resize(kept);
}

void drop_unneeded_values(Model& model) {
  std::vector<bool> used(model.values.size(), false);
  const auto mark = [&](const std::vector<ValueId>& ids) {
    for (const ValueId id : ids)
      if (id != no_value) used[static_cast<std::size_t>(id)] = true;
  };
  mark(model.inputs);
  mark(model.outputs);
  for (const Node& node : model.nodes) {
    mark(node.inputs);
    mark(node.outputs);
  }
  std::vector<ValueId> moved(model.values.size(), no_value);
  std::vector<Value> values;
  for (std::size_t i = 0; i < model.values.size(); ++i)
    if (used[i]) {
      moved[i] = static_cast<ValueId>(values.size());
      values.push_back(std::move(model.values[i]));
    }
  model.values = std::move(values);
  const auto renumber = [&](std::vector<ValueId>& ids) {
    for (ValueId& id : ids)
      if (id != no_value) id = moved[static_cast<std::size_t>(id)];
  };
  renumber(model.inputs);
  renumber(model.outputs);
  for (Node& node : model.nodes) {
    renumber(node.inputs);
    renumber(node.outputs);
  }
}

std::string describe(const Node& node) { return fmt::format("{} '{}'", name(node.op), printable(node.name)); }

}  // namespace pare::model
