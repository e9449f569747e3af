// The operators that the importer knows, each with the function that reads its attributes in the forms of opset 7 to 23
// and moves those that became inputs to inputs. To add one: a row in the table, and a function if it has attributes.
#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <unordered_map>

#include "pare/base/error.h"
#include "pare/model/onnx_attributes.h"

namespace pare::model {
namespace {

using Integers = std::vector<std::int64_t>;
constexpr std::size_t any_number = std::numeric_limits<std::size_t>::max();

/// Kernel sizes, strides, paddings: small enough that sums of products of two of them stay in 64 bits.
Integers window_sizes(NodeReader& node, const char* name, std::int64_t least) {
  const Integers sizes = node.integers(name).value_or(Integers{});
  for (const std::int64_t size : sizes)
    if (size < least || size > std::numeric_limits<std::int32_t>::max())
      node.fail(fmt::format("has {} in its attribute '{}'", size, name));
  return sizes;
}

AutoPad auto_pad(NodeReader& node, Integers& pads) {
  const std::string text = node.text("auto_pad").value_or("NOTSET");
  if (text == "NOTSET") return AutoPad::explicit_pads;
  pads.clear();  // without meaning beside auto_pad
  if (text == "SAME_UPPER") return AutoPad::same_upper;
  if (text == "SAME_LOWER") return AutoPad::same_lower;
  if (text == "VALID") return AutoPad::valid;
  node.fail(fmt::format("has the attribute auto_pad = '{}', which pare does not know", printable(text)));
}

Attributes none(NodeReader&) { return NoAttributes{}; }

Attributes conv(NodeReader& node) {
  ConvAttributes a{.kernel = window_sizes(node, "kernel_shape", 1),
                   .strides = window_sizes(node, "strides", 1),
                   .dilations = window_sizes(node, "dilations", 1),
                   .pads = window_sizes(node, "pads", 0),
                   .groups = node.integer("group").value_or(1)};
  a.auto_pad = auto_pad(node, a.pads);
  if (a.groups < 1 || a.groups > largest_dimension) node.fail(fmt::format("has {} groups", a.groups));
  return a;
}

PoolAttributes pool(NodeReader& node) {
  PoolAttributes a{.kernel = window_sizes(node, "kernel_shape", 1),
                   .strides = window_sizes(node, "strides", 1),
                   .dilations = {},
                   .pads = window_sizes(node, "pads", 0)};
  a.auto_pad = auto_pad(node, a.pads);
  if (a.kernel.empty()) node.fail("lacks the attribute 'kernel_shape'");
  if (node.opset() >= 10) a.ceil_mode = node.flag("ceil_mode", false);
  return a;
}

Attributes average_pool(NodeReader& node) {
  PoolAttributes a = pool(node);
  if (node.opset() >= 19) a.dilations = window_sizes(node, "dilations", 1);
  a.count_include_pad = node.flag("count_include_pad", false);
  return a;
}

Attributes max_pool(NodeReader& node) {
  PoolAttributes a = pool(node);
  if (node.opset() >= 10) a.dilations = window_sizes(node, "dilations", 1);
  node.ignore("storage_order");  // of the indices
  if (node.has_output(1)) node.fail("gives the indices of the maxima, which pare does not know");
  return a;
}

Attributes gemm(NodeReader& node) {
  return GemmAttributes{.alpha = node.real("alpha").value_or(1),
                        .beta = node.real("beta").value_or(1),
                        .transpose_a = node.flag("transA", false),
                        .transpose_b = node.flag("transB", false)};
}

Attributes batch_normalization(NodeReader& node) {
  const BatchNormalizationAttributes a{node.real("epsilon").value_or(1e-5f)};
  node.ignore("momentum");
  if (node.opset() < 9 && !node.flag("spatial", true)) node.fail("normalises each position by itself (spatial = 0)");
  if (node.opset() >= 14 && node.flag("training_mode", false))
    node.fail("is in training mode", "export the network for inference");
  for (std::size_t i = 1; i < 5; ++i)
    if (node.has_output(i)) node.fail("gives statistics, as in training", "export the network for inference");
  return a;
}

Attributes lrn(NodeReader& node) {
  const LrnAttributes a{.alpha = node.real("alpha").value_or(1e-4f),
                        .beta = node.real("beta").value_or(0.75f),
                        .bias = node.real("bias").value_or(1),
                        .size = node.integer("size").value_or(0)};
  if (a.size < 1 || a.size > largest_dimension) node.fail("lacks a sensible attribute 'size'");
  return a;
}

Attributes axis_required(NodeReader& node) {
  const auto axis = node.integer("axis");
  if (!axis) node.fail("lacks the attribute 'axis'");
  return AxisAttributes{*axis};
}

template <std::int64_t otherwise>
Attributes axis(NodeReader& node) {
  return AxisAttributes{node.integer("axis").value_or(otherwise)};
}

Attributes softmax_axis(NodeReader& node) {
  return AxisAttributes{node.integer("axis").value_or(node.opset() >= 13 ? -1 : 1)};
}

Attributes split(NodeReader& node) {
  const AxisAttributes a{node.integer("axis").value_or(0)};
  if (node.opset() < 13) {
    if (const auto sizes = node.integers("split"))
      node.set_input(1, Tensor::i64({static_cast<std::int64_t>(sizes->size())}, *sizes));
  } else if (node.opset() >= 18) {
    const auto outputs = node.integer("num_outputs");
    if (outputs && node.has_input(1)) node.fail("has both sizes and the attribute 'num_outputs'");
  }
  return a;
}

Attributes cast(NodeReader& node) {
  const auto to = node.integer("to");
  node.ignore("saturate");  // of eight-bit floats
  const auto type = element_type(to && *to > 0 && *to < 100 ? static_cast<int>(*to) : 0);
  if (!type) node.fail("casts to a type that pare does not know");
  return CastAttributes{*type};
}

Attributes clip(NodeReader& node) {
  if (node.opset() < 11) {
    const auto low = node.real("min"), high = node.real("max");
    if (low) node.set_input(1, Tensor::f32({}, {*low}));
    if (high) node.set_input(2, Tensor::f32({}, {*high}));
  }
  return NoAttributes{};
}

template <int alpha_millionths, int beta_millionths>
Attributes alpha_beta(NodeReader& node) {
  ScalarAttributes a{.alpha = node.real("alpha").value_or(static_cast<float>(alpha_millionths / 1e6))};
  if (beta_millionths != 0) a.beta = node.real("beta").value_or(static_cast<float>(beta_millionths / 1e6));
  return a;
}

Attributes transpose(NodeReader& node) { return TransposeAttributes{node.integers("perm").value_or(Integers{})}; }

void axes_to_input(NodeReader& node) {
  if (const auto axes = node.integers("axes"))
    node.set_input(1, Tensor::i64({static_cast<std::int64_t>(axes->size())}, *axes));
}

template <int axes_input_since>
Attributes reduce(NodeReader& node) {
  ReduceAttributes a{.keep_dims = node.flag("keepdims", true)};
  if (node.opset() < axes_input_since)
    axes_to_input(node);
  else
    a.noop_with_empty_axes = node.flag("noop_with_empty_axes", false);
  return a;
}

Attributes squeeze(NodeReader& node) {
  if (node.opset() < 13) axes_to_input(node);
  return NoAttributes{};
}

Attributes unsqueeze(NodeReader& node) {
  if (node.opset() < 13) axes_to_input(node);
  if (!node.has_input(1) && !node.added_inputs().contains(1)) node.fail("lacks its axes");
  return NoAttributes{};
}

Attributes pad(NodeReader& node) {
  PadAttributes a;
  const std::string mode = node.text("mode").value_or("constant");
  if (mode == "reflect")
    a.mode = PadMode::reflect;
  else if (mode == "edge")
    a.mode = PadMode::edge;
  else if (mode != "constant")
    node.fail(fmt::format("has the attribute mode = '{}', which pare does not know", printable(mode)));
  if (node.opset() < 11) {
    const auto pads = node.integers("pads");
    if (!pads) node.fail("lacks the attribute 'pads'");
    node.set_input(1, Tensor::i64({static_cast<std::int64_t>(pads->size())}, *pads));
    if (const auto value = node.real("value")) node.set_input(2, Tensor::f32({}, {*value}));
  } else if (!node.has_input(1)) {
    node.fail("lacks its pads");
  }
  return a;
}

Attributes reshape(NodeReader& node) { return ReshapeAttributes{node.opset() >= 14 && node.flag("allowzero", false)}; }

Attributes shape(NodeReader& node) {
  ShapeAttributes a;
  if (node.opset() >= 15) {
    a.start = node.integer("start").value_or(0);
    a.end = node.integer("end").value_or(INT64_MAX);
  }
  return a;
}

Attributes slice(NodeReader& node) {
  if (node.opset() < 10) {
    const auto starts = node.integers("starts"), ends = node.integers("ends"), axes = node.integers("axes");
    if (!starts || !ends || starts->size() != ends->size()) node.fail("lacks starts and ends of the same number");
    const std::vector<std::int64_t> size{static_cast<std::int64_t>(starts->size())};
    node.set_input(1, Tensor::i64(size, *starts));
    node.set_input(2, Tensor::i64(size, *ends));
    if (axes) node.set_input(3, Tensor::i64({static_cast<std::int64_t>(axes->size())}, *axes));
  } else if (!node.has_input(1) || !node.has_input(2)) {
    node.fail("lacks its starts or ends");
  }
  return NoAttributes{};
}

Attributes constant_of_shape(NodeReader& node) {
  auto value = node.tensor("value");
  if (!value) value = Tensor::f32({1}, {0});
  if (value->elements() != 1) node.fail("fills with a tensor that has not one element");
  return ConstantOfShapeAttributes{std::make_shared<const Tensor>(std::move(*value))};
}

Attributes mod(NodeReader& node) { return ModAttributes{node.flag("fmod", false)}; }

/// At inference an identity: the importer takes it away.
Attributes dropout(NodeReader& node) {
  node.ignore("ratio");
  node.ignore("seed");
  if (node.has_output(1)) node.fail("gives its mask, as in training", "export the network for inference");
  node.drop_input(1);
  return NoAttributes{};
}

// name, op, first opset, inputs from .. to, outputs at most
constexpr Operator operators[] = {
    {"Add", Op::add, 7, 2, 2, 1, none},
    {"AveragePool", Op::average_pool, 7, 1, 1, 1, average_pool},
    {"BatchNormalization", Op::batch_normalization, 7, 5, 5, 5, batch_normalization},
    {"Cast", Op::cast, 7, 1, 1, 1, cast},
    {"Clip", Op::clip, 7, 1, 3, 1, clip},
    {"Concat", Op::concat, 7, 1, any_number, 1, axis_required},
    {"ConstantOfShape", Op::constant_of_shape, 9, 1, 1, 1, constant_of_shape},
    {"Conv", Op::conv, 7, 2, 3, 1, conv},
    {"Div", Op::div, 7, 2, 2, 1, none},
    {"Dropout", Op::dropout, 7, 1, 3, 2, dropout},
    {"Elu", Op::elu, 7, 1, 1, 1, alpha_beta<1000000, 0>},
    {"Equal", Op::equal, 7, 2, 2, 1, none},
    {"Erf", Op::erf, 9, 1, 1, 1, none},
    {"Exp", Op::exp, 7, 1, 1, 1, none},
    {"Expand", Op::expand, 8, 2, 2, 1, none},
    {"Flatten", Op::flatten, 7, 1, 1, 1, axis<1>},
    {"Gather", Op::gather, 7, 2, 2, 1, axis<0>},
    {"Gemm", Op::gemm, 7, 2, 3, 1, gemm},
    {"GlobalAveragePool", Op::global_average_pool, 7, 1, 1, 1, none},
    {"GlobalMaxPool", Op::global_max_pool, 7, 1, 1, 1, none},
    {"Greater", Op::greater, 7, 2, 2, 1, none},
    {"HardSigmoid", Op::hard_sigmoid, 7, 1, 1, 1, alpha_beta<200000, 500000>},
    {"HardSwish", Op::hard_swish, 14, 1, 1, 1, none},
    {"Identity", Op::identity, 7, 1, 1, 1, none},
    {"LeakyRelu", Op::leaky_relu, 7, 1, 1, 1, alpha_beta<10000, 0>},
    {"Less", Op::less, 7, 2, 2, 1, none},
    {"Log", Op::log, 7, 1, 1, 1, none},
    {"LogSoftmax", Op::log_softmax, 7, 1, 1, 1, softmax_axis},
    {"LRN", Op::lrn, 7, 1, 1, 1, lrn},
    {"MatMul", Op::matmul, 7, 2, 2, 1, none},
    {"Max", Op::max, 7, 1, any_number, 1, none},
    {"MaxPool", Op::max_pool, 7, 1, 1, 2, max_pool},
    {"Min", Op::min, 7, 1, any_number, 1, none},
    {"Mod", Op::mod, 10, 2, 2, 1, mod},
    {"Mul", Op::mul, 7, 2, 2, 1, none},
    {"Neg", Op::neg, 7, 1, 1, 1, none},
    {"Pad", Op::pad, 7, 1, 4, 1, pad},
    {"Pow", Op::pow, 7, 2, 2, 1, none},
    {"PRelu", Op::prelu, 7, 2, 2, 1, none},
    {"Range", Op::range, 11, 3, 3, 1, none},
    {"Reciprocal", Op::reciprocal, 7, 1, 1, 1, none},
    {"ReduceMax", Op::reduce_max, 7, 1, 2, 1, reduce<18>},
    {"ReduceMean", Op::reduce_mean, 7, 1, 2, 1, reduce<18>},
    {"ReduceMin", Op::reduce_min, 7, 1, 2, 1, reduce<18>},
    {"ReduceSum", Op::reduce_sum, 7, 1, 2, 1, reduce<13>},
    {"Relu", Op::relu, 7, 1, 1, 1, none},
    {"Reshape", Op::reshape, 7, 2, 2, 1, reshape},
    {"Shape", Op::shape, 7, 1, 1, 1, shape},
    {"Sigmoid", Op::sigmoid, 7, 1, 1, 1, none},
    {"Slice", Op::slice, 7, 1, 5, 1, slice},
    {"Softmax", Op::softmax, 7, 1, 1, 1, softmax_axis},
    {"Softplus", Op::softplus, 7, 1, 1, 1, none},
    {"Split", Op::split, 7, 1, 2, any_number, split},
    {"Sqrt", Op::sqrt, 7, 1, 1, 1, none},
    {"Squeeze", Op::squeeze, 7, 1, 2, 1, squeeze},
    {"Sub", Op::sub, 7, 2, 2, 1, none},
    {"Tanh", Op::tanh, 7, 1, 1, 1, none},
    {"Transpose", Op::transpose, 7, 1, 1, 1, transpose},
    {"Unsqueeze", Op::unsqueeze, 7, 1, 2, 1, unsqueeze},
    {"Where", Op::where, 9, 3, 3, 1, none},
};

}  // namespace

const Operator* find_operator(const std::string& name) {
  static const auto by_name = [] {
    std::unordered_map<std::string, const Operator*> map;
    for (const Operator& o : operators) map.emplace(o.name, &o);
    return map;
  }();
  const auto found = by_name.find(name);
  return found == by_name.end() ? nullptr : found->second;
}

}  // namespace pare::model
