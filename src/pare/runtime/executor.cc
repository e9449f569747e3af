#include "pare/runtime/executor.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <fmt/format.h>

#include <algorithm>

#include "pare/base/error.h"
#include "pare/runtime/operators.h"
#include "pare/runtime/tensors.h"

namespace pare::runtime {

using model::no_value;
using model::ValueId;

namespace {

std::size_t index(ValueId id) { return static_cast<std::size_t>(id); }

Tensors gather_inputs(const model::Node& node, const std::vector<at::Tensor>& slots) {
  Tensors in;
  in.reserve(node.inputs.size());
  for (const ValueId id : node.inputs) in.push_back(id == no_value ? at::Tensor() : slots[index(id)]);
  return in;
}

/// Constants that training may change: weights and biases of layers, affine parts of normalisation, quantiser steps.
/// Not limits, exponents, statistics or shapes.
std::vector<bool> find_parameters(const model::Model& m) {
  std::vector<bool> parameter(m.values.size());
  for (const model::Node& node : m.nodes) {
    std::size_t first = 0, last = 0;
    switch (node.op) {
      case model::Op::conv:
      case model::Op::gemm:
      case model::Op::batch_normalization: first = 1, last = 3; break;
      case model::Op::prelu: first = 1, last = 2; break;
      case model::Op::matmul:
      case model::Op::fake_quantize: last = 2; break;
      default: break;
    }
    for (std::size_t i = first; i < std::min(last, node.inputs.size()); ++i)
      if (node.inputs[i] != no_value) parameter[index(node.inputs[i])] = true;
  }
  for (std::size_t v = 0; v < m.values.size(); ++v)
    parameter[v] = parameter[v] && m.values[v].constant && m.values[v].type == model::ElementType::f32;
  return parameter;
}

}  // namespace

Executor::Executor(const model::Model& model, bool trainable) : model_(model), constants_(model.values.size()) {
  const auto parameter = trainable ? find_parameters(model_) : std::vector<bool>(model_.values.size());
  for (std::size_t i = 0; i < model_.values.size(); ++i) {
    const model::Value& value = model_.values[i];
    if (!value.constant) continue;
    constants_[i] = as_torch(value.constant);
    if (parameter[i]) {
      constants_[i] = constants_[i].clone();
      parameters_[value.name] = constants_[i];
    }
  }

  std::vector<bool> computed(model_.values.size());  // at run time
  for (const ValueId id : model_.inputs) computed[index(id)] = true;
  const c10::NoGradGuard no_gradients;
  for (std::size_t n = 0; n < model_.nodes.size(); ++n) {
    const model::Node& node = model_.nodes[n];
    const bool ahead = std::ranges::all_of(
        node.inputs, [&](ValueId id) { return id == no_value || (!computed[index(id)] && !parameter[index(id)]); });
    if (!ahead) {
      order_.push_back(n);
      for (const ValueId id : node.outputs)
        if (id != no_value) computed[index(id)] = true;
      continue;
    }
    const Tensors out = run_node(node, gather_inputs(node, constants_));
    for (std::size_t i = 0; i < node.outputs.size(); ++i)
      if (node.outputs[i] != no_value) constants_[index(node.outputs[i])] = out[i];
  }

  std::vector<std::size_t> last(model_.values.size(), 0);
  std::vector<bool> kept(model_.values.size());
  for (const ValueId id : model_.outputs) kept[index(id)] = true;
  freed_.resize(order_.size());
  for (std::size_t i = 0; i < order_.size(); ++i) {
    const model::Node& node = model_.nodes[order_[i]];
    for (const auto& list : {node.inputs, node.outputs})  // an output that nobody reads goes at once
      for (const ValueId id : list)
        if (id != no_value && computed[index(id)]) last[index(id)] = i;
  }
  for (std::size_t v = 0; v < model_.values.size(); ++v)
    if (computed[v] && !kept[v] && !order_.empty()) freed_[last[v]].push_back(static_cast<ValueId>(v));
}

void Executor::check_inputs(const std::vector<at::Tensor>& inputs) const {
  if (inputs.size() != model_.inputs.size())
    throw Error(fmt::format("the network has {} inputs, {} were given", model_.inputs.size(), inputs.size()),
                model_.name);
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const model::Value& value = model_.value(model_.inputs[i]);
    bool fits = torch_type(value.type) == inputs[i].scalar_type();
    if (value.shape_known) {
      fits = fits && value.shape.size() == static_cast<std::size_t>(inputs[i].dim());
      for (std::size_t d = 0; fits && d < value.shape.size(); ++d)
        fits = !value.shape[d].known() || value.shape[d].size == inputs[i].size(static_cast<std::int64_t>(d));
    }
    if (!fits)
      throw Error(fmt::format("input '{}' is {} {}, the data are {} [{}]", printable(value.name),
                              model::name(value.type), model::to_string(value.shape),
                              at::toString(inputs[i].scalar_type()), fmt::join(inputs[i].sizes(), ", ")),
                  model_.name,
                  "give data of the network's shape (see --size and --layout), of its number of samples (--batch)");
  }
}

Executor::Run::Run(const Executor& network, const std::vector<at::Tensor>& inputs)
    : network_(network), slots_(network.constants_) {
  network.check_inputs(inputs);
  for (std::size_t i = 0; i < inputs.size(); ++i) slots_[index(network.model_.inputs[i])] = inputs[i];
}

void Executor::Run::step(const Observer& observer) {
  const model::Node& node = network_.model_.nodes[next()];
  const auto drop = [&] {
    for (const ValueId id : network_.freed_[at_]) slots_[index(id)] = at::Tensor();
  };
  const Tensors in = gather_inputs(node, slots_);
  drop();  // what is read here for the last time is now held by `in` alone: the operator may write over it
  Tensors out = run_node(node, in);
  if (observer) observer(next(), out);
  for (std::size_t o = 0; o < node.outputs.size(); ++o)
    if (node.outputs[o] != no_value) slots_[index(node.outputs[o])] = std::move(out[o]);
  drop();  // outputs that nobody reads
  ++at_;
}

bool Executor::Run::run_to(const std::string& node_name, const Observer& observer) {
  latest_ = at::Tensor();
  while (!done()) {
    if (network_.model_.nodes[next()].name != node_name) {
      step(observer);
      continue;
    }
    step([&](std::size_t node, std::vector<at::Tensor>& outputs) {
      if (observer) observer(node, outputs);
      latest_ = outputs.at(0);
    });
    return true;
  }
  return false;
}

std::vector<at::Tensor> Executor::Run::outputs() const {
  std::vector<at::Tensor> outputs;
  for (const ValueId id : network_.model_.outputs) outputs.push_back(slots_[index(id)]);
  return outputs;
}

std::vector<at::Tensor> Executor::run(const std::vector<at::Tensor>& inputs, const Observer& observer) const {
  Run run(*this, inputs);
  while (!run.done()) run.step(observer);
  return run.outputs();
}

}  // namespace pare::runtime
