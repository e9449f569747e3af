#include "pare/quantize/layers.h"

#include <fmt/format.h>

#include <algorithm>

#include "pare/base/error.h"

namespace pare::quantize {

using model::no_value;
using model::Op;

namespace {

bool is_float_constant(const model::Model& m, model::ValueId id) {
  return id != no_value && m.value(id).constant && m.value(id).type == model::ElementType::f32;
}

model::ValueId constant_or_none(const model::Model& m, const model::Node& node, std::size_t input) {
  return node.inputs.size() > input && is_float_constant(m, node.inputs[input]) ? node.inputs[input] : no_value;
}

void check_finite(const model::Model& m, const Layer& layer) {
  const auto& weight = *m.value(layer.weight).constant;
  if (!number::all_finite(weight.data<float>(), weight.elements()))
    throw Error("has weights that are infinite or no numbers (NaN)",
                fmt::format("{}: node '{}'", m.name, printable(m.nodes[layer.node].name)),
                "export the network again from a sound checkpoint");
}

}  // namespace

std::vector<Layer> find_layers(const model::Model& m) {
  std::vector<Layer> layers;
  for (std::size_t n = 0; n < m.nodes.size(); ++n) {
    const model::Node& node = m.nodes[n];
    if (node.op != Op::conv && node.op != Op::gemm && node.op != Op::matmul) continue;
    Layer layer{.node = n, .input = node.inputs[0], .weight = node.inputs[1]};
    if (!is_float_constant(m, layer.weight) || m.value(layer.input).constant) continue;
    const auto rank = static_cast<std::int64_t>(m.value(layer.weight).constant->shape.size());
    if (rank < 2) continue;
    layer.bias = constant_or_none(m, node, 2);
    if (node.op == Op::gemm) {
      const auto& a = node.as<model::GemmAttributes>();
      if (a.transpose_a || a.alpha != 1 || (layer.bias != no_value && a.beta != 1)) continue;
      if (layer.bias == no_value && node.inputs.size() > 2 && node.inputs[2] != no_value) continue;
      layer.channel_axis = a.transpose_b ? 0 : 1;
    } else if (node.op == Op::matmul) {
      if (rank != 2) continue;
      layer.channel_axis = 1;
      layer.output_axis = -1;
    }
    check_finite(m, layer);
    layers.push_back(layer);
  }
  return layers;
}

std::vector<model::ValueId> layer_inputs(const std::vector<Layer>& layers) {
  std::vector<model::ValueId> inputs;
  for (const Layer& layer : layers)
    if (std::ranges::find(inputs, layer.input) == inputs.end()) inputs.push_back(layer.input);
  return inputs;
}

}  // namespace pare::quantize
