// A Model as an ONNX file.
#include <fmt/format.h>

#include <algorithm>

#include "pare/base/error.h"
#include "pare/base/file.h"
#include "pare/model/lower.h"
#include "pare/model/onnx.h"
#include "pare/model/onnx_writer.h"

namespace pare::model {
namespace {

constexpr int usual_opset = 13;

bool is_reduce_of_18(Op op) {
  switch (op) {
    case Op::reduce_l1:
    case Op::reduce_l2:
    case Op::reduce_log_sum:
    case Op::reduce_log_sum_exp:
    case Op::reduce_max:
    case Op::reduce_mean:
    case Op::reduce_min:
    case Op::reduce_prod:
    case Op::reduce_sum_square: return true;
    default: return false;
  }
}

/// The first opset that has the node in the form that the Model holds it.
int opset_of(const Model& model, const Node& node) {
  const auto input_type = [&] { return model.value(node.inputs[0]).type; };
  switch (node.op) {
    case Op::hard_swish:
    case Op::trilu: return 14;
    case Op::scatter_elements:
    case Op::scatter_nd: {
      const Reduction r = node.as<ScatterAttributes>().reduction;
      return r == Reduction::none ? usual_opset : r == Reduction::max || r == Reduction::min ? 18 : 16;
    }
    case Op::pad:
      if (node.as<PadAttributes>().mode == PadMode::wrap) return 19;
      return node.inputs.size() > 3 ? 18 : usual_opset;
    case Op::layer_normalization: return 17;
    case Op::bitwise_and:
    case Op::bitwise_not:
    case Op::bitwise_or:
    case Op::bitwise_xor:
    case Op::mish: return 18;
    case Op::gelu: return 20;
    case Op::group_normalization:
      return model.value(node.inputs[1]).shape == Shape{{node.as<NormalizationAttributes>().groups, {}}} ? 18 : 21;
    case Op::resize: {
      const auto& a = node.as<ResizeAttributes>();
      if (a.coordinates == ResizeCoordinates::half_pixel_symmetric) return 19;
      return !a.axes.empty() || a.aspect != ResizeAspect::stretch ? 18 : usual_opset;
    }
    case Op::quantize_linear:
    case Op::dequantize_linear: {
      const auto& a = node.as<LinearAttributes>();
      const ElementType type = model.value(node.op == Op::quantize_linear ? node.outputs[0] : node.inputs[0]).type;
      if (a.block > 0 || a.typed || type == ElementType::i16 || type == ElementType::u16) return 21;
      return model.value(node.inputs[1]).type == ElementType::f32 ? usual_opset : 19;
    }
    case Op::attention:
    case Op::rms_normalization:
    case Op::rotary_embedding: return 23;
    case Op::reshape: return node.as<ReshapeAttributes>().allow_zero ? 14 : usual_opset;
    case Op::shape: {
      const auto& a = node.as<ShapeAttributes>();
      return a.start != 0 || a.end != INT64_MAX ? 15 : usual_opset;
    }
    case Op::average_pool: {
      const auto& dilations = node.as<PoolAttributes>().dilations;
      const bool dilated = std::any_of(dilations.begin(), dilations.end(), [](auto d) { return d != 1; });
      return dilated ? 19 : usual_opset;
    }
    case Op::reduce_l1:
    case Op::reduce_l2:
    case Op::reduce_log_sum:
    case Op::reduce_log_sum_exp:
    case Op::reduce_max:
    case Op::reduce_mean:
    case Op::reduce_min:
    case Op::reduce_prod:
    case Op::reduce_sum_square: {  // axes are an attribute before 18
      const bool open = node.inputs.size() > 1 && node.inputs[1] != no_value && !model.value(node.inputs[1]).constant;
      return open || node.as<ReduceAttributes>().noop_with_empty_axes ? 18 : usual_opset;
    }
    case Op::relu:
      return input_type() == ElementType::f32 || input_type() == ElementType::f64 || input_type() == ElementType::f16 ||
                     input_type() == ElementType::bf16
                 ? usual_opset
                 : 14;
    case Op::add:
    case Op::sub:
    case Op::mul:
    case Op::div:
      return element_bytes(input_type()) <= 2 && input_type() != ElementType::f16 && input_type() != ElementType::bf16
                 ? 14
                 : usual_opset;
    default: return usual_opset;
  }
}

/// The oldest format version that may carry an opset (ONNX Versioning.md).
int ir_version_of(int opset) { return opset >= 23 ? 11 : opset >= 21 ? 10 : opset >= 19 ? 9 : opset >= 15 ? 8 : 7; }

template <typename Window>
void write_window(const Window& a, onnx::NodeProto* proto) {
  set_attribute(proto, "kernel_shape", a.kernel);
  set_attribute(proto, "strides", a.strides);
  if (a.auto_pad == AutoPad::same_upper || a.auto_pad == AutoPad::same_lower)
    set_attribute(proto, "auto_pad", std::string(a.auto_pad == AutoPad::same_upper ? "SAME_UPPER" : "SAME_LOWER"));
  else
    set_attribute(proto, "pads", a.pads);
}

/// One overload for each kind of attributes.
struct AttributeWriter {
  const Model& model;
  const Node& node;
  int opset;
  onnx::NodeProto* proto;

  void operator()(const NoAttributes&) const {}
  void operator()(const ConvAttributes& a) const {
    write_window(a, proto);
    set_attribute(proto, "dilations", a.dilations);
    set_attribute(proto, "group", a.groups);
  }
  void operator()(const PoolAttributes& a) const {
    write_window(a, proto);
    if (node.op == Op::max_pool || opset >= 19) set_attribute(proto, "dilations", a.dilations);
    set_attribute(proto, "ceil_mode", std::int64_t{a.ceil_mode});
    if (node.op == Op::average_pool) set_attribute(proto, "count_include_pad", std::int64_t{a.count_include_pad});
  }
  void operator()(const GemmAttributes& a) const {
    set_attribute(proto, "alpha", a.alpha);
    set_attribute(proto, "beta", a.beta);
    set_attribute(proto, "transA", std::int64_t{a.transpose_a});
    set_attribute(proto, "transB", std::int64_t{a.transpose_b});
  }
  void operator()(const BatchNormalizationAttributes& a) const { set_attribute(proto, "epsilon", a.epsilon); }
  void operator()(const AxisAttributes& a) const { set_attribute(proto, "axis", a.axis); }
  void operator()(const CastAttributes& a) const { set_attribute(proto, "to", std::int64_t{onnx_type(a.to)}); }
  void operator()(const ScalarAttributes& a) const {
    set_attribute(proto, node.op == Op::shrink ? "lambd" : "alpha", a.alpha);
    if (node.op == Op::hard_sigmoid) set_attribute(proto, "beta", a.beta);
    if (node.op == Op::selu) set_attribute(proto, "gamma", a.beta);
    if (node.op == Op::shrink) set_attribute(proto, "bias", a.beta);
  }
  void operator()(const TransposeAttributes& a) const { set_attribute(proto, "perm", a.permutation); }
  void operator()(const ReduceAttributes& a) const {
    set_attribute(proto, "keepdims", std::int64_t{a.keep_dims});
    if (opset >= 18 || node.op == Op::reduce_sum) {
      set_attribute(proto, "noop_with_empty_axes", std::int64_t{a.noop_with_empty_axes});
    } else if (node.inputs.size() > 1 && node.inputs[1] != no_value) {
      const auto axes = model.value(node.inputs[1]).constant->integers();
      if (!axes.empty()) set_attribute(proto, "axes", axes);
    }
  }
  void operator()(const PadAttributes& a) const {
    constexpr const char* modes[] = {"constant", "reflect", "edge", "wrap"};
    set_attribute(proto, "mode", std::string(modes[static_cast<int>(a.mode)]));
  }
  void operator()(const ShapeAttributes& a) const {
    if (a.start != 0) set_attribute(proto, "start", a.start);
    if (a.end != INT64_MAX) set_attribute(proto, "end", a.end);
  }
  void operator()(const ReshapeAttributes& a) const {
    if (a.allow_zero) set_attribute(proto, "allowzero", std::int64_t{1});
  }
  void operator()(const ConstantOfShapeAttributes& a) const {
    auto* attribute = proto->add_attribute();
    attribute->set_name("value");
    attribute->set_type(onnx::AttributeProto::TENSOR);
    write_tensor(*a.value, "", attribute->mutable_t());
  }
  void operator()(const LrnAttributes& a) const {
    set_attribute(proto, "alpha", a.alpha);
    set_attribute(proto, "beta", a.beta);
    set_attribute(proto, "bias", a.bias);
    set_attribute(proto, "size", a.size);
  }
  void operator()(const ModAttributes& a) const { set_attribute(proto, "fmod", std::int64_t{a.fmod}); }
  void operator()(const QuantizeAttributes&) const {}  // lowered
  void operator()(const ArgAttributes& a) const {
    set_attribute(proto, "axis", a.axis);
    set_attribute(proto, "keepdims", std::int64_t{a.keep_dims});
    set_attribute(proto, "select_last_index", std::int64_t{a.select_last});
  }
  void operator()(const TopKAttributes& a) const {
    set_attribute(proto, "axis", a.axis);
    set_attribute(proto, "largest", std::int64_t{a.largest});
  }
  void operator()(const CumSumAttributes& a) const {
    set_attribute(proto, "exclusive", std::int64_t{a.exclusive});
    set_attribute(proto, "reverse", std::int64_t{a.reverse});
  }
  void operator()(const TriluAttributes& a) const { set_attribute(proto, "upper", std::int64_t{a.upper}); }
  void operator()(const ScatterAttributes& a) const {
    constexpr const char* reductions[] = {"none", "add", "mul", "max", "min"};
    if (node.op == Op::scatter_elements) set_attribute(proto, "axis", a.axis);
    if (opset >= 16) set_attribute(proto, "reduction", std::string(reductions[static_cast<int>(a.reduction)]));
  }
  void operator()(const GatherNdAttributes& a) const { set_attribute(proto, "batch_dims", a.batch_dims); }
  void operator()(const EinsumAttributes& a) const { set_attribute(proto, "equation", a.equation); }
  void operator()(const EyeLikeAttributes& a) const {
    set_attribute(proto, "k", a.k);
    if (a.typed) set_attribute(proto, "dtype", std::int64_t{onnx_type(a.type)});
  }
  void operator()(const IsInfAttributes& a) const {
    set_attribute(proto, "detect_negative", std::int64_t{a.negative});
    set_attribute(proto, "detect_positive", std::int64_t{a.positive});
  }
  void operator()(const BitShiftAttributes& a) const {
    set_attribute(proto, "direction", std::string(a.left ? "LEFT" : "RIGHT"));
  }
  void operator()(const GeluAttributes& a) const {
    set_attribute(proto, "approximate", std::string(a.tanh ? "tanh" : "none"));
  }
  void operator()(const NormalizationAttributes& a) const {
    set_attribute(proto, "epsilon", a.epsilon);
    if (node.op == Op::layer_normalization || node.op == Op::rms_normalization) set_attribute(proto, "axis", a.axis);
    if (node.op == Op::group_normalization) set_attribute(proto, "num_groups", a.groups);
  }
  void operator()(const LpNormalizationAttributes& a) const {
    set_attribute(proto, "axis", a.axis);
    set_attribute(proto, "p", a.p);
  }
  void operator()(const AxesAttributes& a) const { set_attribute(proto, "axes", a.axes); }
  void operator()(const ConvTransposeAttributes& a) const {
    (*this)(a.window);
    set_attribute(proto, "output_padding", a.output_padding);
    if (!a.output_shape.empty()) set_attribute(proto, "output_shape", a.output_shape);
  }
  void operator()(const DepthAttributes& a) const {
    set_attribute(proto, "blocksize", a.block);
    if (node.op == Op::depth_to_space) set_attribute(proto, "mode", std::string(a.column_row_depth ? "CRD" : "DCR"));
  }
  void operator()(const ResizeAttributes& a) const {
    constexpr const char* modes[] = {"nearest", "linear", "cubic"};
    constexpr const char* coordinates[] = {"half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners",
                                           "asymmetric"};
    constexpr const char* roundings[] = {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil"};
    constexpr const char* aspects[] = {"stretch", "not_larger", "not_smaller"};
    set_attribute(proto, "mode", std::string(modes[static_cast<int>(a.mode)]));
    set_attribute(proto, "coordinate_transformation_mode", std::string(coordinates[static_cast<int>(a.coordinates)]));
    set_attribute(proto, "nearest_mode", std::string(roundings[static_cast<int>(a.rounding)]));
    set_attribute(proto, "cubic_coeff_a", a.cubic);
    set_attribute(proto, "exclude_outside", std::int64_t{a.exclude_outside});
    if (!a.axes.empty()) set_attribute(proto, "axes", a.axes);
    if (a.aspect != ResizeAspect::stretch)
      set_attribute(proto, "keep_aspect_ratio_policy", std::string(aspects[static_cast<int>(a.aspect)]));
  }
  void operator()(const LinearAttributes& a) const {
    set_attribute(proto, "axis", a.axis);
    if (a.block > 0) set_attribute(proto, "block_size", a.block);
    if (a.typed) set_attribute(proto, "output_dtype", std::int64_t{onnx_type(a.type)});
  }
  void operator()(const AttentionAttributes& a) const {
    set_attribute(proto, "is_causal", std::int64_t{a.causal});
    if (a.query_heads > 0) set_attribute(proto, "q_num_heads", a.query_heads);
    if (a.key_heads > 0) set_attribute(proto, "kv_num_heads", a.key_heads);
    if (a.scale != 0) set_attribute(proto, "scale", a.scale);
    set_attribute(proto, "softcap", a.softcap);
    set_attribute(proto, "qk_matmul_output_mode", a.product_output);
  }
  void operator()(const RotaryAttributes& a) const {
    set_attribute(proto, "interleaved", std::int64_t{a.interleaved});
    if (a.heads > 0) set_attribute(proto, "num_heads", a.heads);
    if (a.width > 0) set_attribute(proto, "rotary_embedding_dim", a.width);
  }
};

void write_node(const Model& model, const Node& node, int opset, GraphWriter& writer) {
  if (node.op == Op::fake_quantize) return lower_fake_quantize(model, node, writer);
  if (node.op == Op::dequantize) return lower_dequantize(model, node, writer);
  if (static_cast<std::size_t>(node.op) > static_cast<std::size_t>(Op::dequantize))
    throw Error("is of a fused network, which cannot be written", describe(node));
  std::vector<std::string> inputs;
  const std::size_t count = is_reduce_of_18(node.op) && opset < 18 ? 1 : node.inputs.size();
  for (std::size_t i = 0; i < count; ++i)
    inputs.push_back(node.inputs[i] == no_value ? "" : model.value(node.inputs[i]).name);
  const auto output = [&](std::size_t i) {
    return node.outputs[i] == no_value ? std::string() : model.value(node.outputs[i]).name;
  };
  onnx::NodeProto* proto = writer.add(name(node.op), node.name, inputs, output(0));
  for (std::size_t i = 1; i < node.outputs.size(); ++i) proto->add_output(output(i));
  std::visit(AttributeWriter{model, node, opset, proto}, node.attributes);
}

void write_value(const Value& value, onnx::ValueInfoProto* proto) {
  proto->set_name(value.name);
  auto* tensor = proto->mutable_type()->mutable_tensor_type();
  tensor->set_elem_type(onnx_type(value.type));
  if (!value.shape_known) return;
  tensor->mutable_shape();
  for (const Dimension& d : value.shape) {
    auto* dimension = tensor->mutable_shape()->add_dim();
    if (d.known())
      dimension->set_dim_value(d.size);
    else if (!d.symbol.empty())
      dimension->set_dim_param(d.symbol);
  }
}

/// Constants that nodes still read once pare's own operators and old forms are written.
std::vector<bool> constants_read(const Model& model, int opset) {
  std::vector<bool> read(model.values.size(), false);
  for (const Node& node : model.nodes) {
    if (node.op == Op::dequantize) continue;
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      const bool gone = node.inputs[i] == no_value || (is_reduce_of_18(node.op) && opset < 18 && i == 1) ||
                        (node.op == Op::fake_quantize && (i == 1 || model.value(node.inputs[0]).constant));
      if (!gone) read[static_cast<std::size_t>(node.inputs[i])] = true;
    }
  }
  for (const ValueId id : model.outputs) read[static_cast<std::size_t>(id)] = true;
  return read;
}

}  // namespace

onnx::NodeProto* GraphWriter::add(const std::string& op, const std::string& node_name,
                                  const std::vector<std::string>& inputs, const std::string& output) {
  onnx::NodeProto* proto = graph_->add_node();
  proto->set_op_type(op);
  proto->set_name(node_name);
  for (const std::string& input : inputs) proto->add_input(input);
  proto->add_output(output);
  return proto;
}

std::string GraphWriter::add(const std::string& op, const std::string& stem, const std::vector<std::string>& inputs) {
  std::string made = names_.make(stem);
  add(op, made, inputs, made);
  return made;
}

std::string GraphWriter::constant(const std::string& stem, const Tensor& tensor) {
  std::string made = names_.make(stem);
  write_tensor(tensor, made, graph_->add_initializer());
  return made;
}

void set_attribute(onnx::NodeProto* node, const std::string& name, std::int64_t value) {
  auto* attribute = node->add_attribute();
  attribute->set_name(name);
  attribute->set_type(onnx::AttributeProto::INT);
  attribute->set_i(value);
}

void set_attribute(onnx::NodeProto* node, const std::string& name, float value) {
  auto* attribute = node->add_attribute();
  attribute->set_name(name);
  attribute->set_type(onnx::AttributeProto::FLOAT);
  attribute->set_f(value);
}

void set_attribute(onnx::NodeProto* node, const std::string& name, const std::string& value) {
  auto* attribute = node->add_attribute();
  attribute->set_name(name);
  attribute->set_type(onnx::AttributeProto::STRING);
  attribute->set_s(value);
}

void set_attribute(onnx::NodeProto* node, const std::string& name, const std::vector<std::int64_t>& values) {
  auto* attribute = node->add_attribute();
  attribute->set_name(name);
  attribute->set_type(onnx::AttributeProto::INTS);
  for (const std::int64_t value : values) attribute->add_ints(value);
}

std::string to_onnx(const Model& model) {
  int opset = usual_opset;
  for (const Node& node : model.nodes) opset = std::max(opset, opset_of(model, node));

  onnx::ModelProto proto;
  proto.set_ir_version(ir_version_of(opset));
  proto.set_producer_name("pare");
  proto.set_producer_version(PARE_VERSION);
  proto.add_opset_import()->set_version(opset);
  onnx::GraphProto* graph = proto.mutable_graph();
  graph->set_name(model.name.empty() ? "network" : model.name);
  for (const ValueId id : model.inputs) write_value(model.value(id), graph->add_input());
  for (const ValueId id : model.outputs) write_value(model.value(id), graph->add_output());
  const std::vector<bool> read = constants_read(model, opset);
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < model.values.size(); ++i) {
    const Value& value = model.values[i];
    if (!value.constant || !read[i]) continue;
    bytes += value.constant->bytes.size();
    if (bytes > std::size_t{2'000'000'000})
      throw Error("the network is too large for one ONNX file of 2 GiB", model.name);
    write_tensor(*value.constant, value.name, graph->add_initializer());
  }
  GraphWriter writer(model, graph);
  for (const Node& node : model.nodes) write_node(model, node, opset, writer);
  std::string out;
  if (!proto.SerializeToString(&out)) throw Error("the network does not fit into one ONNX file of 2 GiB", model.name);
  return out;
}

void write_onnx(const std::filesystem::path& path, const Model& model) { write_file(path, to_onnx(model)); }

}  // namespace pare::model
