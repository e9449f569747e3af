#include "pare/model/open_batch.h"

#include <algorithm>

#include "pare/base/error.h"
#include "pare/model/graph_edit.h"
#include "pare/model/shapes.h"

namespace pare::model {
namespace {

constexpr const char* symbol = "batch";

bool begins_with(const Value& value, std::int64_t size) {
  return value.shape_known && !value.shape.empty() && value.shape[0].size == size;
}

/// A target that begins with the batch keeps the first size of what it reshapes instead.
void open_targets(Model& model, std::int64_t batch) {
  FreshNames names(model);
  for (Node& node : model.nodes) {
    if (node.op != Op::reshape) continue;
    const auto& constant = model.value(node.inputs[1]).constant;
    if (!constant || !begins_with(model.value(node.inputs[0]), batch)) continue;
    auto target = constant->integers();
    if (target.empty() || target[0] != batch || std::ranges::find(target, 0) != target.end()) continue;
    target[0] = 0;
    node.attributes = ReshapeAttributes{};  // in which it says just that
    Value opened = model.value(node.inputs[1]);
    opened.name = names.make(opened.name);
    opened.constant = std::make_shared<const Tensor>(Tensor::i64({static_cast<std::int64_t>(target.size())}, target));
    node.inputs[1] = static_cast<ValueId>(model.values.size());
    model.values.push_back(std::move(opened));
  }
}

}  // namespace

std::optional<std::int64_t> fixed_batch(const Model& model) {
  std::optional<std::int64_t> batch;
  for (const ValueId id : model.inputs) {
    const Value& value = model.value(id);
    if (!value.shape_known || value.shape.empty() || !value.shape[0].known()) return std::nullopt;
    if (batch && *batch != value.shape[0].size) return std::nullopt;
    batch = value.shape[0].size;
  }
  return batch;
}

std::optional<Model> with_open_batch(const Model& model) {
  const auto batch = fixed_batch(model);
  if (!batch || *batch < 1) return std::nullopt;
  Model open = model;
  open_targets(open, *batch);
  for (const ValueId id : open.inputs) open.value(id).shape[0] = {-1, symbol};
  try {
    infer_shapes(open);
  } catch (const Error&) {
    return std::nullopt;
  }
  drop_unneeded_values(open);
  const bool all = std::ranges::all_of(open.outputs, [&](ValueId id) {
    const Value& value = open.value(id);
    return value.shape_known && !value.shape.empty() && value.shape[0].symbol == symbol;
  });
  return all ? std::optional(std::move(open)) : std::nullopt;
}

}  // namespace pare::model
