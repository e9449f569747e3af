// An ONNX file as a Model. The file is untrusted: everything that is taken from it is checked here or by the readers of
// tensors and attributes; shapes are checked by infer_shapes.
#include <fmt/format.h>

#include <algorithm>
#include <climits>
#include <memory>
#include <unordered_map>

#include "pare/base/error.h"
#include "pare/base/file.h"
#include "pare/model/graph_edit.h"
#include "pare/model/onnx.h"
#include "pare/model/onnx_attributes.h"
#include "pare/model/onnx_inline.h"
#include "pare/model/onnx_normalise.h"
#include "pare/model/shapes.h"

namespace pare::model {
namespace {

constexpr std::int64_t oldest_opset = 7, newest_opset = 23;

/// Well-formed UTF-8 without NUL (RFC 3629): names end up in JSON.
bool is_text(const std::string& s) {
  for (std::size_t i = 0; i < s.size();) {
    const auto lead = static_cast<unsigned char>(s[i]);
    const int more = lead < 0x80                   ? 0
                     : lead >= 0xc2 && lead < 0xe0 ? 1
                     : lead >= 0xe0 && lead < 0xf0 ? 2
                     : lead >= 0xf0 && lead < 0xf5 ? 3
                                                   : -1;
    if (lead == 0 || more < 0 || i + static_cast<std::size_t>(more) >= s.size()) return false;
    std::uint32_t point = more == 0 ? lead : lead & (0x3fu >> more);
    for (int k = 1; k <= more; ++k) {
      const auto byte = static_cast<unsigned char>(s[i + static_cast<std::size_t>(k)]);
      if ((byte & 0xc0) != 0x80) return false;
      point = point << 6 | (byte & 0x3fu);
    }
    if ((more == 2 && point < 0x800) || (more == 3 && (point < 0x10000 || point > 0x10ffff)) ||
        (point >= 0xd800 && point < 0xe000))
      return false;
    i += static_cast<std::size_t>(more) + 1;
  }
  return true;
}

class GraphReader {
 public:
  GraphReader(onnx::ModelProto& proto, std::string where, const std::filesystem::path& folder)
      : proto_(proto), graph_(*proto.mutable_graph()), where_(std::move(where)), external_{folder, {}} {}

  Model read() {
    read_opset();
    check_names();
    model_.name = graph_.name();
    read_initialisers();
    read_inputs();
    for (const auto& output : graph_.output()) graph_outputs_.insert(output.name());
    for (const auto& node : graph_.node()) read_node(node);
    for (const auto& output : graph_.output()) model_.outputs.push_back(resolve(output.name(), where_ + ": output"));
    if (model_.outputs.empty()) fail("the network has no outputs");
    return std::move(model_);
  }

  const std::string& external_hash() const { return external_.hash; }
  int opset() const { return static_cast<int>(opset_); }

 private:
  [[noreturn]] void fail(const std::string& what, const std::string& mend = {}) const {
    throw Error(what, where_, mend);
  }

  void read_opset() {
    for (const auto& import : proto_.opset_import())
      if (import.domain().empty() || import.domain() == "ai.onnx") opset_ = import.version();
    if (opset_ == 0) fail("the file does not say its opset", "it is no ONNX model, or a damaged one");
    if (opset_ < oldest_opset || opset_ > newest_opset)
      fail(fmt::format("opset {} is not known", opset_),
           fmt::format("export with an opset from {} to {}", oldest_opset, newest_opset));
  }

  void check_name(const std::string& name) {
    if (!is_text(name)) fail(fmt::format("the name '{}' is not UTF-8", printable(name)), "the file is damaged");
    if (!name.empty()) fresh_.take(name);
  }

  /// Also notes all names of values, so that names made up do not collide with later ones.
  void check_names() {
    if (!is_text(graph_.name())) fail("the name of the network is not UTF-8", "the file is damaged");
    for (const auto& initialiser : graph_.initializer()) check_name(initialiser.name());
    for (const auto& input : graph_.input()) check_name(input.name());
    for (const auto& node : graph_.node()) {
      for (const auto& output : node.output()) check_name(output);
      if (!is_text(node.name())) fail("the name of a node is not UTF-8", "the file is damaged");
      if (!node.name().empty() && !node_names_.take(node.name())) repeated_.insert(node.name());
    }
  }

  void define(const std::string& name, ValueId id) {
    if (name.empty()) fail("a value of the network has no name", "the file is damaged");
    if (!ids_.emplace(name, id).second)
      fail(fmt::format("two values have the name '{}'", printable(name)), "the file is damaged");
  }

  void read_initialisers() {
    if (graph_.sparse_initializer_size() > 0) fail("the network has sparse initialisers, which pare does not know");
    for (auto& initialiser : *graph_.mutable_initializer()) {
      const std::string& name = initialiser.name();
      define(name,
             model_.add_constant(
                 name, read_tensor(initialiser, fmt::format("{}: constant '{}'", where_, printable(name)), external_)));
      initialiser.clear_raw_data();  // large networks are not held twice
    }
  }

  void read_inputs() {
    for (const auto& input : graph_.input()) {
      if (const auto found = ids_.find(input.name()); found != ids_.end() && model_.value(found->second).constant)
        continue;  // before IR 4 constants are inputs too; after, it is a default, which pare takes as the constant
      const std::string where = fmt::format("{}: input '{}'", where_, printable(input.name()));
      if (!input.type().has_tensor_type()) throw Error("is no tensor", where);
      const auto& tensor = input.type().tensor_type();
      const auto type = element_type(tensor.elem_type());
      if (!type) throw Error("has elements of a type that pare does not know", where);
      Value value{.name = input.name(), .type = *type, .shape = {}, .shape_known = tensor.has_shape()};
      for (const auto& d : tensor.shape().dim()) {
        if (d.has_dim_value() && (d.dim_value() < 0 || d.dim_value() > largest_dimension))
          throw Error(fmt::format("has a dimension of size {}", d.dim_value()), where, "the file is damaged");
        if (!is_text(d.dim_param())) throw Error("has a dimension whose name is not UTF-8", where);
        value.shape.push_back({d.has_dim_value() ? d.dim_value() : -1, d.dim_param()});
      }
      define(input.name(), model_.add_value(std::move(value)));
      model_.inputs.push_back(ids_.at(input.name()));
    }
  }

  ValueId resolve(const std::string& name, const std::string& where) const {
    const auto found = ids_.find(name);
    if (found != ids_.end()) return found->second;
    if (fresh_.taken(name))
      throw Error(fmt::format("reads '{}' before it is made", printable(name)), where,
                  "the nodes must be in topological order, without cycles");
    throw Error(fmt::format("reads '{}', which nothing makes", printable(name)), where, "the file is damaged");
  }

  std::string name_node(const onnx::NodeProto& proto) {
    const bool distinct = !proto.name().empty() && !repeated_.contains(proto.name());
    return distinct ? proto.name() : node_names_.make(proto.name().empty() ? proto.op_type() : proto.name());
  }

  void read_node(const onnx::NodeProto& proto) {
    if (!is_text(proto.op_type())) fail("the operator of a node is not UTF-8", "the file is damaged");
    const std::string label = !proto.name().empty()     ? proto.name()
                              : proto.output_size() > 0 ? "-> " + proto.output(0)
                                                        : "";
    const std::string where = fmt::format("{}: {} '{}'", where_, printable(proto.op_type()), printable(label));
    if (!proto.domain().empty() && proto.domain() != "ai.onnx")
      throw Error(fmt::format("is of the domain '{}', which pare does not know", printable(proto.domain())), where,
                  "export with standard operators");
    NodeReader reader(proto, opset(), where, external_);
    if (proto.op_type() == "Constant") return read_constant(proto, reader);

    const Operator* known = find_operator(proto.op_type());
    if (!known) throw Error("pare does not know this operator", where);
    if (opset_ < known->since) reader.fail(fmt::format("this operator came with opset {}", known->since));
    if (static_cast<std::size_t>(proto.input_size()) > known->max_inputs)
      reader.fail(fmt::format("has {} inputs; {} takes {}", proto.input_size(), known->name, known->max_inputs));
    for (std::size_t i = 0; i < known->min_inputs; ++i)
      if (!reader.has_input(i)) reader.fail(fmt::format("lacks its input {}", i + 1));
    if (static_cast<std::size_t>(proto.output_size()) > known->max_outputs || proto.output_size() == 0)
      reader.fail(fmt::format("has {} outputs", proto.output_size()));

    Node node{.name = {}, .op = known->op, .attributes = known->read(reader), .inputs = {}, .outputs = {}};
    reader.refuse_unknown();
    node.name = name_node(proto);
    for (const auto& input : proto.input()) node.inputs.push_back(input.empty() ? no_value : resolve(input, where));
    if (known->op == Op::dropout) return read_dropout(proto, node, reader);
    if (known->op == Op::identity) return alias(proto, std::move(node));
    for (const auto& [from, to] : reader.moved_inputs()) {
      node.inputs.resize(std::max(node.inputs.size(), to + 1), no_value);
      std::swap(node.inputs[from], node.inputs[to]);
    }
    for (std::size_t i = 0; i < node.inputs.size(); ++i)
      if (reader.emptied(i)) node.inputs[i] = no_value;
    for (const auto& [i, tensor] : reader.added_inputs()) {
      if (node.inputs.size() <= i) node.inputs.resize(i + 1, no_value);
      if (node.inputs[i] != no_value) reader.fail(fmt::format("has {} inputs, too many in this opset", i + 1));
      node.inputs[i] = model_.add_constant(fresh_.make(fmt::format("{}/{}", node.name, i)), tensor);
    }
    while (!node.inputs.empty() && node.inputs.back() == no_value) node.inputs.pop_back();
    for (const auto& output : proto.output()) {
      node.outputs.push_back(output.empty() ? no_value : model_.add_value({.name = output, .type = {}, .shape = {}}));
      if (!output.empty()) define(output, node.outputs.back());
      made_by_node_.resize(model_.values.size(), false);
      if (!output.empty()) made_by_node_.back() = true;
    }
    model_.nodes.push_back(std::move(node));
  }

  void read_constant(const onnx::NodeProto& proto, NodeReader& reader) {
    std::optional<Tensor> tensor = reader.tensor("value");
    if (const auto v = reader.real("value_float")) tensor = Tensor::f32({}, {*v});
    if (const auto v = reader.integer("value_int")) tensor = Tensor::i64({}, {*v});
    if (const auto v = reader.reals("value_floats")) tensor = Tensor::f32({static_cast<std::int64_t>(v->size())}, *v);
    if (const auto v = reader.integers("value_ints")) tensor = Tensor::i64({static_cast<std::int64_t>(v->size())}, *v);
    reader.refuse_unknown();
    if (!tensor) reader.fail("lacks its value");
    if (proto.input_size() != 0 || proto.output_size() != 1) reader.fail("has inputs, or not one output");
    define(proto.output(0), model_.add_constant(proto.output(0), std::move(*tensor)));
  }

  void read_dropout(const onnx::NodeProto& proto, Node& node, NodeReader& reader) {
    if (node.inputs.size() > 2 && node.inputs[2] != no_value) {
      const auto& mode = model_.value(node.inputs[2]).constant;
      if (!mode || mode->bytes.size() != 1 || mode->bytes[0] != 0)
        reader.fail("is in training mode", "export the network for inference");
    }
    node.op = Op::identity;
    node.attributes = NoAttributes{};
    node.inputs.resize(1);
    if (reader.has_output(1)) add_full_mask(node.inputs[0], node.name, proto.output(1));
    alias(proto, std::move(node));
  }

  /// The mask of a Dropout that drops nothing: true in the shape of the data.
  void add_full_mask(ValueId data, const std::string& stem, const std::string& mask) {
    const ValueId shape =
        model_.add_value({.name = fresh_.make(stem + "/shape"), .type = ElementType::i64, .shape = {}});
    const ValueId full = model_.add_value({.name = mask, .type = ElementType::boolean, .shape = {}});
    define(mask, full);
    model_.nodes.push_back({node_names_.make(stem + "/shape"), Op::shape, ShapeAttributes{}, {data}, {shape}});
    const auto yes = std::make_shared<const Tensor>(Tensor{ElementType::boolean, {1}, {1}});
    model_.nodes.push_back(
        {node_names_.make(stem + "/mask"), Op::constant_of_shape, ConstantOfShapeAttributes{yes}, {shape}, {full}});
  }

  /// The output of an Identity becomes another name of its input, except where the network needs both as outputs.
  void alias(const onnx::NodeProto& proto, Node node) {
    const std::string& output = proto.output(0);
    const ValueId id = node.inputs[0];
    made_by_node_.resize(model_.values.size(), false);
    if (output.empty()) return;
    if (graph_outputs_.contains(output)) {
      if (!made_by_node_[static_cast<std::size_t>(id)] || graph_outputs_.contains(model_.value(id).name)) {
        node.outputs = {model_.add_value({.name = output, .type = {}, .shape = {}})};
        define(output, node.outputs[0]);
        model_.nodes.push_back(std::move(node));
        return;
      }
      model_.value(id).name = output;
    }
    define(output, id);
  }

  onnx::ModelProto& proto_;
  onnx::GraphProto& graph_;
  std::string where_;
  ExternalData external_;
  std::int64_t opset_ = 0;
  Model model_;
  std::unordered_map<std::string, ValueId> ids_;
  FreshNames fresh_, node_names_;
  std::unordered_set<std::string> repeated_, graph_outputs_;
  std::vector<bool> made_by_node_;
};

}  // namespace

Model parse_onnx(std::string_view bytes, const std::string& where, const std::filesystem::path& folder) {
  onnx::ModelProto proto;
  if (bytes.size() > INT_MAX)
    throw Error("the file is larger than 2 GiB", where, "export with the weights as external data");
  if (!proto.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
    throw Error("the file is no ONNX model, is cut short, or is nested too deeply", where);
  if (!proto.has_graph()) throw Error("the file holds no network", where, "it is no ONNX model, or a damaged one");
  inline_functions(proto, where);
  GraphReader reader(proto, where, folder);
  Model model = reader.read();
  try {
    normalise(model, reader.opset());
  } catch (const Error& error) {
    throw Error(error.problem(), error.where().empty() ? where : where + ": " + error.where(), error.mend());
  }
  const std::string hash = content_hash(bytes);
  model.hash = reader.external_hash().empty() ? hash : content_hash(hash + reader.external_hash());
  return model;
}

Model read_onnx(const std::filesystem::path& path) {
  const std::filesystem::path folder = path.has_parent_path() ? path.parent_path() : ".";
  Model model = parse_onnx(read_file(path), path.string(), folder);
  model.name = printable(path.stem().string());  // graphs are mostly called "main_graph" or "torch_jit"
  return model;
}

}  // namespace pare::model
