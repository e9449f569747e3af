// A recipe's decisions as operators of the graph. Everything is checked against the model before it is changed.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <unordered_map>

#include "pare/base/error.h"
#include "pare/model/graph_edit.h"
#include "pare/model/recipe.h"
#include "pare/model/shapes.h"

namespace pare::model {
namespace {

constexpr const char* other_model = "the recipe was made for another model";

class Applier {
 public:
  Applier(const Model& model, const Recipe& recipe, WeightForm form)
      : model_(model), recipe_(recipe), form_(form), names_(model) {
    for (std::size_t i = 0; i < model_.values.size(); ++i) ids_.emplace(model_.values[i].name, static_cast<ValueId>(i));
    for (std::size_t n = 0; n < model_.nodes.size(); ++n) node_ids_.emplace(model_.nodes[n].name, n);
  }

  Model apply() {
    if (recipe_.model_hash != model_.hash)
      throw Error(fmt::format("the recipe is for a model with the hash {}, this one has {}",
                              printable(recipe_.model_hash), model_.hash),
                  "recipe", "give the model that the recipe was made for, unchanged");
    for (const auto& [constant, tensor] : recipe_.constants) replace_constant(constant, tensor);
    std::set<std::string> seen;
    for (const QuantizedTensor& tensor : recipe_.tensors) {
      if (!seen.insert(tensor.value).second) fail(tensor.value, "is in the recipe twice", "take one of them out");
      if (tensor.kind == TensorKind::weight)
        quantize_weight(tensor);
      else
        quantize_activation(tensor);
    }
    for (const auto& [layer, bias] : recipe_.added_biases) add_bias(layer, bias);
    rebuild_nodes();
    infer_shapes(model_);
    drop_unneeded_values(model_);
    return std::move(model_);
  }

 private:
  [[noreturn]] void fail(const std::string& what_of, const std::string& what, const std::string& mend = other_model) {
    throw Error(what, fmt::format("recipe: '{}'", printable(what_of)), mend);
  }

  ValueId find(const std::string& value_name) {
    const auto found = ids_.find(value_name);
    if (found == ids_.end()) fail(value_name, "is no value of the model");
    return found->second;
  }

  void replace_constant(const std::string& constant, const Tensor& tensor) {
    Value& value = model_.value(find(constant));
    if (!value.constant) fail(constant, "is no constant of the model");
    if (value.constant->type != tensor.type || value.constant->shape != tensor.shape ||
        tensor.bytes.size() != value.constant->bytes.size())
      fail(constant, fmt::format("is a {} of {} elements there, not a {} of {}", name(value.constant->type),
                                 value.constant->elements(), name(tensor.type), tensor.elements()));
    value.constant = std::make_shared<const Tensor>(tensor);
  }

  QuantizeAttributes attributes(const QuantizedTensor& t) {
    return {.format = t.format,
            .ties = recipe_.ties,
            .granularity = t.granularity,
            .axis = t.axis,
            .group_size = t.group_size,
            .shape = {}};
  }

  /// The scales as a constant, their number checked against the value's shape.
  ValueId scales(const QuantizedTensor& t, const Value& value) {
    try {
      number::check(t.format);
    } catch (const Error& error) {
      fail(t.value, error.problem(), error.mend());
    }
    if (!value.shape_known) fail(t.value, "has no known rank");
    std::vector<std::int64_t> shape{1};
    if (t.granularity != Granularity::tensor) {
      const auto rank = static_cast<std::int64_t>(value.shape.size());
      if (t.axis < 0 || t.axis >= rank) fail(t.value, fmt::format("has no axis {}", t.axis));
      shape = {value.shape[static_cast<std::size_t>(t.axis)].size};
      std::int64_t rest = 1;
      for (std::int64_t d = 0; d < rank; ++d)
        if (d != t.axis)
          rest = value.shape[static_cast<std::size_t>(d)].known() && rest >= 0
                     ? rest * value.shape[static_cast<std::size_t>(d)].size
                     : -1;
      if (t.granularity == Granularity::group) {
        if (t.group_size < 1) fail(t.value, "has groups without a size", "group_size is at least 1");
        shape.push_back(rest < 0 ? -1 : rest / t.group_size + (rest % t.group_size != 0));
      }
      for (const std::int64_t size : shape)
        if (size < 0) fail(t.value, "has a scale for each channel or group of a size that is not known");
    }
    std::size_t needed = 1;
    for (const std::int64_t size : shape) needed *= static_cast<std::size_t>(size);
    if (t.scales.size() != needed)
      fail(t.value, fmt::format("has {} scales where {} are needed", t.scales.size(), needed));
    for (const float scale : t.scales)
      if (!(scale > 0) || !std::isfinite(scale))
        fail(t.value, fmt::format("has the scale {}", scale), "scales are positive numbers");
    return model_.add_constant(names_.make(t.value + "/scales"), Tensor::f32(shape, t.scales));
  }

  void quantize_weight(const QuantizedTensor& t) {
    const ValueId id = find(t.value);
    const auto constant = model_.value(id).constant;
    if (!constant || constant->type != ElementType::f32) fail(t.value, "is no float32 constant of the model");
    const ValueId scale = scales(t, model_.value(id));
    Node node{.name = {}, .op = Op::dequantize, .attributes = {}, .inputs = {}, .outputs = {}};
    QuantizeAttributes a = attributes(t);
    if (form_ == WeightForm::trainable) {
      node.op = Op::fake_quantize;
      node.attributes = std::move(a);
      const ValueId quantized = add_float(t.value + "/quantized", model_.value(id).shape);
      node.inputs = {id, scale};
      node.outputs = {quantized};
      for (Node& reader : model_.nodes)
        for (ValueId& input : reader.inputs)
          if (input == id) input = quantized;
      for (ValueId& output : model_.outputs)
        if (output == id) fail(t.value, "is an output of the model", "leave it as it is");
    } else {
      const std::size_t bytes = number::packed_bytes(constant->elements(), t.format.bits);
      if (t.packed.size() != bytes)
        fail(t.value, fmt::format("has {} bytes of codes where {} are needed", t.packed.size(), bytes));
      a.shape = constant->shape;
      node.attributes = std::move(a);
      const ValueId codes = model_.add_constant(names_.make(t.value + "/codes"),
                                                Tensor{ElementType::u8, {static_cast<std::int64_t>(bytes)}, t.packed});
      model_.value(id).constant = nullptr;  // made by the node from now on
      node.inputs = {codes, scale};
      node.outputs = {id};
    }
    node.name = names_.make(t.value + "/dequantize");
    first_.push_back(std::move(node));
  }

  void quantize_activation(const QuantizedTensor& t) {
    const ValueId id = find(t.value);
    if (model_.value(id).constant) fail(t.value, "is a constant of the model, not an activation");
    if (model_.value(id).type != ElementType::f32)
      fail(t.value, fmt::format("holds {}, not float32", name(model_.value(id).type)));
    const bool is_input = std::find(model_.inputs.begin(), model_.inputs.end(), id) != model_.inputs.end();
    if (is_input != (t.kind == TensorKind::input))
      fail(t.value, is_input ? "is an input of the model" : "is no input of the model");
    if (!t.packed.empty()) fail(t.value, "has codes, which only weights have");
    const ValueId scale = scales(t, model_.value(id));
    const ValueId quantized = add_float(t.value + "/quantized", model_.value(id).shape);
    bool used = false;
    for (Node& reader : model_.nodes) {
      const std::size_t data_inputs = reader.op == Op::conv || reader.op == Op::gemm ? 1
                                      : reader.op == Op::matmul                      ? 2
                                                                                     : 0;
      for (std::size_t i = 0; i < data_inputs; ++i)
        if (reader.inputs[i] == id) {
          reader.inputs[i] = quantized;
          used = true;
        }
    }
    if (!used) fail(t.value, "is read by no convolution, Gemm or MatMul");
    Node node{.name = names_.make(t.value + "/fake_quantize"),
              .op = Op::fake_quantize,
              .attributes = attributes(t),
              .inputs = {id, scale},
              .outputs = {quantized}};
    if (is_input)
      first_.push_back(std::move(node));
    else
      after_.emplace(id, std::move(node));
  }

  ValueId add_float(const std::string& wish, const Shape& shape) {
    return model_.add_value({.name = names_.make(wish), .type = ElementType::f32, .shape = shape, .shape_known = true});
  }

  void add_bias(const std::string& layer, const Tensor& bias) {
    const auto found = node_ids_.find(layer);
    if (found == node_ids_.end()) fail(layer, "is no node of the model");
    Node& node = model_.nodes[found->second];
    if (node.op != Op::conv && node.op != Op::gemm && node.op != Op::matmul)
      fail(layer, fmt::format("is a {}, which takes no bias", name(node.op)));
    const Shape& output = model_.value(node.outputs[0]).shape;
    const std::int64_t channels = output.size() < 2 ? -1 : node.op == Op::conv ? output[1].size : output.back().size;
    if (bias.type != ElementType::f32 || bias.shape != std::vector<std::int64_t>{channels} ||
        bias.bytes.size() != bias.elements() * sizeof(float))
      fail(layer, fmt::format("gets a bias of {} elements for {} channels", bias.elements(), channels));
    if (node.op == Op::matmul) {
      const ValueId id = model_.add_constant(names_.make(layer + "/bias"), bias);
      const ValueId sum = node.outputs[0];  // keeps its name and its readers
      const ValueId product = add_float(model_.value(sum).name + "/product", output);
      node.outputs[0] = product;
      biases_.emplace(product, Node{.name = names_.make(layer + "/add_bias"),
                                    .op = Op::add,
                                    .attributes = NoAttributes{},
                                    .inputs = {product, id},
                                    .outputs = {sum}});
      return;
    }
    if (node.inputs.size() > 2 && node.inputs[2] != no_value) fail(layer, "has a bias already", "replace the constant");
    const ValueId id = model_.add_constant(names_.make(layer + "/bias"), bias);
    model_.nodes[found->second].inputs.resize(3);
    model_.nodes[found->second].inputs[2] = id;
    if (node.op == Op::gemm) std::get<GemmAttributes>(node.attributes).beta = 1;  // was without meaning
  }

  void rebuild_nodes() {
    std::vector<Node> nodes = std::move(first_);
    for (Node& node : model_.nodes) {
      nodes.push_back(std::move(node));
      append_followers(nodes);
    }
    model_.nodes = std::move(nodes);
  }

  /// Behind the last node, what was decided about its outputs.
  void append_followers(std::vector<Node>& nodes) {
    const std::vector<ValueId> made = nodes.back().outputs;  // a copy: the nodes move as they grow
    for (const ValueId id : made) {
      if (const auto bias = biases_.find(id); bias != biases_.end()) {
        nodes.push_back(std::move(bias->second));
        append_followers(nodes);
      }
      if (const auto quantizer = after_.find(id); quantizer != after_.end())
        nodes.push_back(std::move(quantizer->second));
    }
  }

  Model model_;
  const Recipe& recipe_;
  WeightForm form_;
  FreshNames names_;
  std::unordered_map<std::string, ValueId> ids_;
  std::unordered_map<std::string, std::size_t> node_ids_;
  std::vector<Node> first_;                           // read inputs and constants only
  std::unordered_map<ValueId, Node> after_, biases_;  // follow the node that makes the value
};

}  // namespace

Model apply(const Model& model, const Recipe& recipe, WeightForm form) { return Applier(model, recipe, form).apply(); }

}  // namespace pare::model
