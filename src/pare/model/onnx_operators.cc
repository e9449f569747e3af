// The operators that the importer knows, each with the function that reads its attributes in the forms of opset 7 to 23
// and moves those that became inputs to inputs. To add one: a row in the table, and a function if it has attributes.
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cstring>
#include <limits>
#include <unordered_map>

#include "pare/base/error.h"
#include "pare/model/onnx.h"
#include "pare/model/onnx_attributes.h"

namespace pare::model {
namespace {

using Integers = std::vector<std::int64_t>;
constexpr std::size_t any_number = std::numeric_limits<std::size_t>::max();

/// Kernel sizes, strides, paddings: small enough that sums of products of two of them stay in 64 bits.
Integers window_sizes(NodeReader& node, const char* name, std::int64_t least) {
  Integers sizes = node.integers(name).value_or(Integers{});
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

Attributes selu(NodeReader& node) {
  return ScalarAttributes{.alpha = node.real("alpha").value_or(1.67326319217681884765625f),
                          .beta = node.real("gamma").value_or(1.05070102214813232421875f)};
}

Attributes shrink(NodeReader& node) {
  return ScalarAttributes{.alpha = node.real("lambd").value_or(0.5f), .beta = node.real("bias").value_or(0)};
}

Attributes cast_like(NodeReader& node) {
  node.ignore("saturate");  // of eight-bit floats
  return NoAttributes{};
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
  else if (mode == "wrap")
    a.mode = PadMode::wrap;
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

Attributes arg(NodeReader& node) {
  ArgAttributes a{.axis = node.integer("axis").value_or(0), .keep_dims = node.flag("keepdims", true)};
  if (node.opset() >= 12) a.select_last = node.flag("select_last_index", false);
  return a;
}

Attributes top_k(NodeReader& node) {
  TopKAttributes a{.axis = node.integer("axis").value_or(-1)};
  if (node.opset() < 10) {
    const auto k = node.integer("k");
    if (!k) node.fail("lacks the attribute 'k'");
    node.set_input(1, Tensor::i64({1}, {*k}));
  } else if (!node.has_input(1)) {
    node.fail("lacks its number of elements");
  }
  if (node.opset() >= 11) a.largest = node.flag("largest", true);
  if (node.opset() >= 11) node.flag("sorted", true);  // pare sorts always
  return a;
}

Attributes cumsum(NodeReader& node) {
  return CumSumAttributes{.exclusive = node.flag("exclusive", false), .reverse = node.flag("reverse", false)};
}

Attributes trilu(NodeReader& node) { return TriluAttributes{node.flag("upper", true)}; }

/// The value that belongs to a text among a few.
template <typename T>
T among(NodeReader& node, const char* attribute, const char* otherwise,
        std::initializer_list<std::pair<const char*, T>> known) {
  const std::string text = node.text(attribute).value_or(otherwise);
  for (const auto& [word, value] : known)
    if (text == word) return value;
  node.fail(fmt::format("has the attribute {} = '{}', which pare does not know", attribute, printable(text)));
}

template <bool with_axis>
Attributes scatter(NodeReader& node) {
  ScatterAttributes a;
  if (with_axis) a.axis = node.integer("axis").value_or(0);
  if (node.opset() >= 16)
    a.reduction = among<Reduction>(node, "reduction", "none",
                                   {{"none", Reduction::none},
                                    {"add", Reduction::add},
                                    {"mul", Reduction::mul},
                                    {"max", Reduction::max},
                                    {"min", Reduction::min}});
  return a;
}

Attributes gather_nd(NodeReader& node) {
  return GatherNdAttributes{node.opset() >= 12 ? node.integer("batch_dims").value_or(0) : 0};
}

Attributes einsum(NodeReader& node) {
  EinsumAttributes a{node.text("equation").value_or("")};
  if (a.equation.empty()) node.fail("lacks the attribute 'equation'");
  for (const char c : a.equation)
    if (!std::isalpha(static_cast<unsigned char>(c)) && !std::strchr(" ,.->", c))
      node.fail(fmt::format("has the equation '{}'", printable(a.equation)));
  return a;
}

Attributes eye_like(NodeReader& node) {
  EyeLikeAttributes a{.k = node.integer("k").value_or(0)};
  if (const auto type = node.integer("dtype")) {
    const auto known = element_type(*type > 0 && *type < 100 ? static_cast<int>(*type) : 0);
    if (!known) node.fail("is of a type that pare does not know");
    a.typed = true;
    a.type = *known;
  }
  return a;
}

Attributes is_inf(NodeReader& node) {
  return IsInfAttributes{.negative = node.flag("detect_negative", true),
                         .positive = node.flag("detect_positive", true)};
}

Attributes bit_shift(NodeReader& node) {
  return BitShiftAttributes{among<bool>(node, "direction", "", {{"LEFT", true}, {"RIGHT", false}})};
}

Attributes gelu(NodeReader& node) {
  return GeluAttributes{among<bool>(node, "approximate", "none", {{"none", false}, {"tanh", true}})};
}

Attributes layer_normalization(NodeReader& node) {
  node.ignore("stash_type");
  return NormalizationAttributes{.axis = node.integer("axis").value_or(-1),
                                 .epsilon = node.real("epsilon").value_or(1e-5f)};
}

Attributes instance_normalization(NodeReader& node) {
  return NormalizationAttributes{.epsilon = node.real("epsilon").value_or(1e-5f)};
}

Attributes group_normalization(NodeReader& node) {
  node.ignore("stash_type");
  const NormalizationAttributes a{.epsilon = node.real("epsilon").value_or(1e-5f),
                                  .groups = node.integer("num_groups").value_or(0)};
  if (a.groups < 1) node.fail("lacks a sensible attribute 'num_groups'");
  return a;
}

Attributes lp_normalization(NodeReader& node) {
  const LpNormalizationAttributes a{.axis = node.integer("axis").value_or(-1), .p = node.integer("p").value_or(2)};
  if (a.p != 1 && a.p != 2) node.fail(fmt::format("has a norm of order {}", a.p));
  return a;
}

Attributes mean_variance(NodeReader& node) { return AxesAttributes{node.integers("axes").value_or(Integers{0, 2, 3})}; }

Attributes conv_transpose(NodeReader& node) {
  return ConvTransposeAttributes{.window = std::get<ConvAttributes>(conv(node)),
                                 .output_padding = window_sizes(node, "output_padding", 0),
                                 .output_shape = window_sizes(node, "output_shape", 1)};
}

DepthAttributes depth(NodeReader& node) {
  const DepthAttributes a{.block = node.integer("blocksize").value_or(0)};
  if (a.block < 1 || a.block > 4096) node.fail("lacks a sensible attribute 'blocksize'");
  return a;
}

Attributes depth_to_space(NodeReader& node) {
  DepthAttributes a = depth(node);
  if (node.opset() >= 11) a.column_row_depth = among<bool>(node, "mode", "DCR", {{"DCR", false}, {"CRD", true}});
  return a;
}

Attributes space_to_depth(NodeReader& node) { return depth(node); }

Attributes resize(NodeReader& node) {
  ResizeAttributes a;
  a.mode = among<ResizeMode>(
      node, "mode", "nearest",
      {{"nearest", ResizeMode::nearest}, {"linear", ResizeMode::linear}, {"cubic", ResizeMode::cubic}});
  if (node.opset() < 11) {  // data and scales only
    if (!node.has_input(1)) node.fail("lacks its scales");
    node.move_input(1, 2);
    a.coordinates = ResizeCoordinates::asymmetric;
    a.rounding = ResizeRounding::floor;
    return a;
  }
  a.coordinates = among<ResizeCoordinates>(node, "coordinate_transformation_mode", "half_pixel",
                                           {{"half_pixel", ResizeCoordinates::half_pixel},
                                            {"half_pixel_symmetric", ResizeCoordinates::half_pixel_symmetric},
                                            {"pytorch_half_pixel", ResizeCoordinates::pytorch_half_pixel},
                                            {"align_corners", ResizeCoordinates::align_corners},
                                            {"asymmetric", ResizeCoordinates::asymmetric}});
  a.rounding = among<ResizeRounding>(node, "nearest_mode", "round_prefer_floor",
                                     {{"round_prefer_floor", ResizeRounding::prefer_floor},
                                      {"round_prefer_ceil", ResizeRounding::prefer_ceil},
                                      {"floor", ResizeRounding::floor},
                                      {"ceil", ResizeRounding::ceil}});
  a.cubic = node.real("cubic_coeff_a").value_or(-0.75f);
  a.exclude_outside = node.flag("exclude_outside", false);
  node.ignore("extrapolation_value");  // of a mode that pare does not know
  if (node.opset() >= 18) {
    a.antialias = node.flag("antialias", false);
    a.axes = node.integers("axes").value_or(Integers{});
    a.aspect = among<ResizeAspect>(node, "keep_aspect_ratio_policy", "stretch",
                                   {{"stretch", ResizeAspect::stretch},
                                    {"not_larger", ResizeAspect::not_larger},
                                    {"not_smaller", ResizeAspect::not_smaller}});
  }
  if (a.antialias) node.fail("smooths before it shrinks (antialias), which pare does not know");
  node.empty_input(1);
  return a;
}

Attributes upsample(NodeReader& node) {
  ResizeAttributes a{.coordinates = ResizeCoordinates::asymmetric, .rounding = ResizeRounding::floor};
  a.mode =
      among<ResizeMode>(node, "mode", "nearest", {{"nearest", ResizeMode::nearest}, {"linear", ResizeMode::linear}});
  if (node.opset() >= 10) node.fail("is no operator of this opset");
  if (node.opset() >= 9) {
    if (!node.has_input(1)) node.fail("lacks its scales");
    node.move_input(1, 2);
  } else {
    const auto scales = node.reals("scales");
    if (!scales) node.fail("lacks the attribute 'scales'");
    node.set_input(2, Tensor::f32({static_cast<std::int64_t>(scales->size())}, *scales));
  }
  return a;
}

Attributes linear(NodeReader& node) {
  LinearAttributes a;
  if (node.opset() >= 13) a.axis = node.integer("axis").value_or(1);
  if (node.opset() >= 19) node.ignore("saturate");  // of eight-bit floats
  if (node.opset() >= 21) {
    a.block = node.integer("block_size").value_or(0);
    if (a.block < 0) node.fail(fmt::format("has blocks of {}", a.block));
  }
  const char* typed = node.op_type() == "QuantizeLinear" ? "output_dtype" : nullptr;
  if (const auto type = typed && node.opset() >= 21 ? node.integer(typed) : std::nullopt; type && *type != 0) {
    const auto known = element_type(*type > 0 && *type < 100 ? static_cast<int>(*type) : 0);
    if (!known) node.fail("quantises to a type that pare does not know");
    a.typed = true;
    a.type = *known;
  }
  if (node.opset() >= 23) {
    node.ignore("precision");
    if (!typed && node.integer("output_dtype").value_or(0) != 0)
      node.fail("gives another type than its scale's, which pare does not know");
  }
  return a;
}

Attributes attention(NodeReader& node) {
  AttentionAttributes a{.causal = node.flag("is_causal", false),
                        .query_heads = node.integer("q_num_heads").value_or(0),
                        .key_heads = node.integer("kv_num_heads").value_or(0),
                        .scale = node.real("scale").value_or(0),
                        .softcap = node.real("softcap").value_or(0),
                        .product_output = node.integer("qk_matmul_output_mode").value_or(0)};
  node.ignore("softmax_precision");
  if (a.query_heads < 0 || a.key_heads < 0 || a.query_heads > largest_dimension || a.key_heads > largest_dimension)
    node.fail("has a number of heads below zero or too large");
  if (a.product_output < 0 || a.product_output > 3) node.fail("gives a stage of its products that does not exist");
  return a;
}

Attributes rotary(NodeReader& node) {
  const RotaryAttributes a{.interleaved = node.flag("interleaved", false),
                           .heads = node.integer("num_heads").value_or(0),
                           .width = node.integer("rotary_embedding_dim").value_or(0)};
  if (a.heads < 0 || a.width < 0 || a.width % 2 != 0) node.fail("has heads or a width that are not possible");
  return a;
}

/// At inference an identity: the importer takes it away.
Attributes dropout(NodeReader& node) {
  node.ignore("ratio");
  node.ignore("seed");
  return NoAttributes{};
}

// name, op, first opset, inputs from .. to, outputs at most
constexpr Operator operators[] = {
    {"Abs", Op::abs, 7, 1, 1, 1, none},
    {"Acos", Op::acos, 7, 1, 1, 1, none},
    {"Acosh", Op::acosh, 9, 1, 1, 1, none},
    {"Add", Op::add, 7, 2, 2, 1, none},
    {"And", Op::logical_and, 7, 2, 2, 1, none},
    {"ArgMax", Op::arg_max, 7, 1, 1, 1, arg},
    {"ArgMin", Op::arg_min, 7, 1, 1, 1, arg},
    {"Asin", Op::asin, 7, 1, 1, 1, none},
    {"Asinh", Op::asinh, 9, 1, 1, 1, none},
    {"Atan", Op::atan, 7, 1, 1, 1, none},
    {"Atanh", Op::atanh, 9, 1, 1, 1, none},
    {"Attention", Op::attention, 23, 3, 6, 4, attention},
    {"AveragePool", Op::average_pool, 7, 1, 1, 1, average_pool},
    {"BatchNormalization", Op::batch_normalization, 7, 5, 5, 5, batch_normalization},
    {"BitShift", Op::bit_shift, 11, 2, 2, 1, bit_shift},
    {"BitwiseAnd", Op::bitwise_and, 18, 2, 2, 1, none},
    {"BitwiseNot", Op::bitwise_not, 18, 1, 1, 1, none},
    {"BitwiseOr", Op::bitwise_or, 18, 2, 2, 1, none},
    {"BitwiseXor", Op::bitwise_xor, 18, 2, 2, 1, none},
    {"Cast", Op::cast, 7, 1, 1, 1, cast},
    {"CastLike", Op::cast_like, 15, 2, 2, 1, cast_like},
    {"Ceil", Op::ceil, 7, 1, 1, 1, none},
    {"Celu", Op::celu, 12, 1, 1, 1, alpha_beta<1000000, 0>},
    {"Clip", Op::clip, 7, 1, 3, 1, clip},
    {"Concat", Op::concat, 7, 1, any_number, 1, axis_required},
    {"ConstantOfShape", Op::constant_of_shape, 9, 1, 1, 1, constant_of_shape},
    {"Conv", Op::conv, 7, 2, 3, 1, conv},
    {"ConvInteger", Op::conv_integer, 10, 2, 4, 1, conv},
    {"ConvTranspose", Op::conv_transpose, 7, 2, 3, 1, conv_transpose},
    {"Cos", Op::cos, 7, 1, 1, 1, none},
    {"Cosh", Op::cosh, 9, 1, 1, 1, none},
    {"CumSum", Op::cumsum, 11, 2, 2, 1, cumsum},
    {"DepthToSpace", Op::depth_to_space, 7, 1, 1, 1, depth_to_space},
    {"DequantizeLinear", Op::dequantize_linear, 10, 2, 3, 1, linear},
    {"Div", Op::div, 7, 2, 2, 1, none},
    {"Dropout", Op::dropout, 7, 1, 3, 2, dropout},
    {"DynamicQuantizeLinear", Op::dynamic_quantize_linear, 11, 1, 1, 3, none},
    {"Einsum", Op::einsum, 12, 1, any_number, 1, einsum},
    {"Elu", Op::elu, 7, 1, 1, 1, alpha_beta<1000000, 0>},
    {"Equal", Op::equal, 7, 2, 2, 1, none},
    {"Erf", Op::erf, 9, 1, 1, 1, none},
    {"Exp", Op::exp, 7, 1, 1, 1, none},
    {"Expand", Op::expand, 8, 2, 2, 1, none},
    {"EyeLike", Op::eye_like, 9, 1, 1, 1, eye_like},
    {"Flatten", Op::flatten, 7, 1, 1, 1, axis<1>},
    {"Floor", Op::floor, 7, 1, 1, 1, none},
    {"Gather", Op::gather, 7, 2, 2, 1, axis<0>},
    {"GatherElements", Op::gather_elements, 11, 2, 2, 1, axis<0>},
    {"GatherND", Op::gather_nd, 11, 2, 2, 1, gather_nd},
    {"Gelu", Op::gelu, 20, 1, 1, 1, gelu},
    {"Gemm", Op::gemm, 7, 2, 3, 1, gemm},
    {"GlobalAveragePool", Op::global_average_pool, 7, 1, 1, 1, none},
    {"GlobalMaxPool", Op::global_max_pool, 7, 1, 1, 1, none},
    {"Greater", Op::greater, 7, 2, 2, 1, none},
    {"GreaterOrEqual", Op::greater_or_equal, 12, 2, 2, 1, none},
    {"GroupNormalization", Op::group_normalization, 18, 3, 3, 1, group_normalization},
    {"Hardmax", Op::hardmax, 7, 1, 1, 1, softmax_axis},
    {"HardSigmoid", Op::hard_sigmoid, 7, 1, 1, 1, alpha_beta<200000, 500000>},
    {"HardSwish", Op::hard_swish, 14, 1, 1, 1, none},
    {"Identity", Op::identity, 7, 1, 1, 1, none},
    {"InstanceNormalization", Op::instance_normalization, 7, 3, 3, 1, instance_normalization},
    {"IsInf", Op::is_inf, 10, 1, 1, 1, is_inf},
    {"IsNaN", Op::is_nan, 9, 1, 1, 1, none},
    {"LayerNormalization", Op::layer_normalization, 17, 2, 3, 3, layer_normalization},
    {"LeakyRelu", Op::leaky_relu, 7, 1, 1, 1, alpha_beta<10000, 0>},
    {"Less", Op::less, 7, 2, 2, 1, none},
    {"LessOrEqual", Op::less_or_equal, 12, 2, 2, 1, none},
    {"Log", Op::log, 7, 1, 1, 1, none},
    {"LogSoftmax", Op::log_softmax, 7, 1, 1, 1, softmax_axis},
    {"LpNormalization", Op::lp_normalization, 7, 1, 1, 1, lp_normalization},
    {"LRN", Op::lrn, 7, 1, 1, 1, lrn},
    {"MatMul", Op::matmul, 7, 2, 2, 1, none},
    {"MatMulInteger", Op::matmul_integer, 10, 2, 4, 1, none},
    {"Max", Op::max, 7, 1, any_number, 1, none},
    {"MaxPool", Op::max_pool, 7, 1, 1, 2, max_pool},
    {"Mean", Op::mean, 7, 1, any_number, 1, none},
    {"MeanVarianceNormalization", Op::mean_variance_normalization, 9, 1, 1, 1, mean_variance},
    {"Min", Op::min, 7, 1, any_number, 1, none},
    {"Mish", Op::mish, 18, 1, 1, 1, none},
    {"Mod", Op::mod, 10, 2, 2, 1, mod},
    {"Mul", Op::mul, 7, 2, 2, 1, none},
    {"Neg", Op::neg, 7, 1, 1, 1, none},
    {"NonZero", Op::non_zero, 9, 1, 1, 1, none},
    {"Not", Op::logical_not, 7, 1, 1, 1, none},
    {"OneHot", Op::one_hot, 9, 3, 3, 1, axis<-1>},
    {"Or", Op::logical_or, 7, 2, 2, 1, none},
    {"Pad", Op::pad, 7, 1, 4, 1, pad},
    {"Pow", Op::pow, 7, 2, 2, 1, none},
    {"PRelu", Op::prelu, 7, 2, 2, 1, none},
    {"QLinearConv", Op::qlinear_conv, 10, 8, 9, 1, conv},
    {"QLinearMatMul", Op::qlinear_matmul, 10, 8, 8, 1, none},
    {"QuantizeLinear", Op::quantize_linear, 10, 2, 3, 1, linear},
    {"Range", Op::range, 11, 3, 3, 1, none},
    {"Reciprocal", Op::reciprocal, 7, 1, 1, 1, none},
    {"ReduceL1", Op::reduce_l1, 7, 1, 2, 1, reduce<18>},
    {"ReduceL2", Op::reduce_l2, 7, 1, 2, 1, reduce<18>},
    {"ReduceLogSum", Op::reduce_log_sum, 7, 1, 2, 1, reduce<18>},
    {"ReduceLogSumExp", Op::reduce_log_sum_exp, 7, 1, 2, 1, reduce<18>},
    {"ReduceMax", Op::reduce_max, 7, 1, 2, 1, reduce<18>},
    {"ReduceMean", Op::reduce_mean, 7, 1, 2, 1, reduce<18>},
    {"ReduceMin", Op::reduce_min, 7, 1, 2, 1, reduce<18>},
    {"ReduceProd", Op::reduce_prod, 7, 1, 2, 1, reduce<18>},
    {"ReduceSum", Op::reduce_sum, 7, 1, 2, 1, reduce<13>},
    {"ReduceSumSquare", Op::reduce_sum_square, 7, 1, 2, 1, reduce<18>},
    {"Relu", Op::relu, 7, 1, 1, 1, none},
    {"Reshape", Op::reshape, 7, 2, 2, 1, reshape},
    {"Resize", Op::resize, 10, 1, 4, 1, resize},
    {"RMSNormalization", Op::rms_normalization, 23, 2, 2, 1, layer_normalization},
    {"RotaryEmbedding", Op::rotary_embedding, 23, 3, 4, 1, rotary},
    {"Round", Op::round, 11, 1, 1, 1, none},
    {"ScatterElements", Op::scatter_elements, 11, 3, 3, 1, scatter<true>},
    {"ScatterND", Op::scatter_nd, 11, 3, 3, 1, scatter<false>},
    {"Selu", Op::selu, 7, 1, 1, 1, selu},
    {"Shape", Op::shape, 7, 1, 1, 1, shape},
    {"Shrink", Op::shrink, 9, 1, 1, 1, shrink},
    {"Sigmoid", Op::sigmoid, 7, 1, 1, 1, none},
    {"Sign", Op::sign, 9, 1, 1, 1, none},
    {"Sin", Op::sin, 7, 1, 1, 1, none},
    {"Sinh", Op::sinh, 9, 1, 1, 1, none},
    {"Size", Op::size, 7, 1, 1, 1, none},
    {"Slice", Op::slice, 7, 1, 5, 1, slice},
    {"Softmax", Op::softmax, 7, 1, 1, 1, softmax_axis},
    {"Softplus", Op::softplus, 7, 1, 1, 1, none},
    {"Softsign", Op::softsign, 7, 1, 1, 1, none},
    {"SpaceToDepth", Op::space_to_depth, 7, 1, 1, 1, space_to_depth},
    {"Split", Op::split, 7, 1, 2, any_number, split},
    {"Sqrt", Op::sqrt, 7, 1, 1, 1, none},
    {"Squeeze", Op::squeeze, 7, 1, 2, 1, squeeze},
    {"Sub", Op::sub, 7, 2, 2, 1, none},
    {"Sum", Op::sum, 8, 1, any_number, 1, none},
    {"Tan", Op::tan, 7, 1, 1, 1, none},
    {"Tanh", Op::tanh, 7, 1, 1, 1, none},
    {"ThresholdedRelu", Op::thresholded_relu, 10, 1, 1, 1, alpha_beta<1000000, 0>},
    {"Tile", Op::tile, 7, 2, 2, 1, none},
    {"TopK", Op::top_k, 7, 1, 2, 2, top_k},
    {"Transpose", Op::transpose, 7, 1, 1, 1, transpose},
    {"Trilu", Op::trilu, 14, 1, 2, 1, trilu},
    {"Unsqueeze", Op::unsqueeze, 7, 1, 2, 1, unsqueeze},
    {"Upsample", Op::resize, 7, 1, 2, 1, upsample},
    {"Where", Op::where, 9, 3, 3, 1, none},
    {"Xor", Op::logical_xor, 7, 2, 2, 1, none},
};

}  // namespace

std::vector<std::string> onnx_operators() {
  std::vector<std::string> names{"Constant"};
  for (const Operator& o : operators) names.emplace_back(o.name);
  return names;
}

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
