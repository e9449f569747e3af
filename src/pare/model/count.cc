#include "pare/model/count.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "pare/base/error.h"
#include "pare/model/graph_edit.h"
#include "pare/model/shapes.h"

namespace pare::model {
namespace {

bool is_float(ElementType type) {
  return type == ElementType::f32 || type == ElementType::f64 || type == ElementType::f16 || type == ElementType::bf16;
}

std::vector<std::int64_t> sizes(const Value& value) {
  std::vector<std::int64_t> list;
  for (const Dimension& d : value.shape) list.push_back(d.size);
  return list;
}

/// Product of the sizes, saturating.
std::int64_t volume(const Node& node, const Shape& shape, std::size_t from = 0) {
  std::int64_t product = 1;
  for (std::size_t d = from; d < shape.size(); ++d) {
    if (!shape[d].known())
      throw Error(fmt::format("cannot be counted: a shape is {}", printable(to_string(shape))), describe(node),
                  "export the network with sizes other than the batch fixed");
    if (__builtin_mul_overflow(product, shape[d].size, &product)) return INT64_MAX;
  }
  return product;
}

std::int64_t times(std::int64_t a, std::int64_t b) {
  std::int64_t product = 0;
  return __builtin_mul_overflow(a, b, &product) ? INT64_MAX : product;
}

/// Scores and their product with the values, masked ones too.
std::int64_t attention_macs(const Model& model, const Node& node) {
  const auto keys = [&](std::size_t input) {
    if (node.inputs.size() <= input || node.inputs[input] == no_value) return std::int64_t{0};
    const Shape& shape = model.value(node.inputs[input]).shape;
    return shape.size() < 2 ? 0 : volume(node, {shape[shape.size() - 2]});
  };
  const std::int64_t terms = keys(1) + keys(4);  // 4: of earlier tokens
  const std::int64_t scores = times(volume(node, model.value(node.inputs[0]).shape), terms);
  std::int64_t both = 0;
  return __builtin_add_overflow(scores, times(volume(node, model.value(node.outputs[0]).shape), terms), &both)
             ? INT64_MAX
             : both;
}

/// Output elements times the terms of the sum behind each.
std::int64_t macs_of(const Model& model, const Node& node) {
  static constexpr std::array counted{Op::attention, Op::conv,   Op::conv_integer,  Op::conv_transpose,
                                      Op::gemm,      Op::matmul, Op::matmul_integer};
  if (std::ranges::find(counted, node.op) == counted.end()) return 0;
  const Value &a = model.value(node.inputs[0]), &b = model.value(node.inputs[1]), &y = model.value(node.outputs[0]);
  if (!a.shape_known || !b.shape_known) throw Error("cannot be counted: a rank is not known", describe(node));
  if (node.op == Op::attention) return attention_macs(model, node);
  if (node.op == Op::conv_transpose)  // each input element meets the weights of its channel
    return times(volume(node, a.shape), volume(node, b.shape, 1));
  std::int64_t terms = 0;
  if (node.op == Op::conv || node.op == Op::conv_integer)
    terms = volume(node, b.shape, 1);  // channels of a group, kernel
  else
    terms =
        volume(node, {a.shape[node.op == Op::gemm && node.as<GemmAttributes>().transpose_a ? 0 : a.shape.size() - 1]});
  return times(volume(node, y.shape), terms);
}

}  // namespace

bool is_parameter(const Model& model, const Node& node, std::size_t i) {
  if (node.inputs[i] == no_value) return false;
  const auto& constant = model.value(node.inputs[i]).constant;
  if (!constant || !is_float(constant->type) || constant->shape.empty()) return false;
  switch (node.op) {
    case Op::batch_normalization: return i == 1 || i == 2;
    case Op::fake_quantize:
    case Op::clip:
    case Op::pad: return i == 0;
    default: return true;
  }
}

Counts count(const Model& model) {
  const Model fixed = with_batch(model, 1);
  Counts counts;
  std::vector<bool> seen(fixed.values.size(), false);
  for (const Node& node : fixed.nodes) {
    LayerCount layer{.name = node.name, .op = node.op, .input = {}, .output = {}, .macs = macs_of(fixed, node)};
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      const ValueId id = node.inputs[i];
      if (id == no_value || seen[static_cast<std::size_t>(id)]) continue;
      const auto& constant = fixed.value(id).constant;
      if (!constant) continue;
      if (node.op == Op::dequantize) {  // the codes are the parameters, codes and scales the bytes
        seen[static_cast<std::size_t>(id)] = true;
        counts.weight_bytes += static_cast<std::int64_t>(constant->bytes.size());
        if (i == 0) layer.parameters += volume(node, fixed.value(node.outputs[0]).shape);
      } else if (is_parameter(fixed, node, i)) {
        seen[static_cast<std::size_t>(id)] = true;
        counts.weight_bytes += static_cast<std::int64_t>(constant->bytes.size());
        layer.parameters += static_cast<std::int64_t>(constant->elements());
      }
    }
    if (layer.macs == 0 && layer.parameters == 0) continue;
    if (node.inputs[0] != no_value) layer.input = sizes(fixed.value(node.inputs[0]));
    layer.output = sizes(fixed.value(node.outputs[0]));
    counts.parameters += layer.parameters;
    if (__builtin_add_overflow(counts.macs, layer.macs, &counts.macs)) counts.macs = INT64_MAX;
    counts.layers.push_back(std::move(layer));
  }
  return counts;
}

}  // namespace pare::model
