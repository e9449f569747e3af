#include "pare/model/onnx_inline.h"

#include <fmt/format.h>

#include <map>
#include <unordered_map>
#include <utility>

#include "pare/base/error.h"
#include "pare/model/graph_edit.h"

namespace pare::model {
namespace {

constexpr int deepest_call = 64;
constexpr int most_nodes = 1 << 20;

using Names = std::unordered_map<std::string, std::string>;
using AttributeMap = std::map<std::string, const onnx::AttributeProto*>;

bool is_standard(const std::string& domain) { return domain.empty() || domain == "ai.onnx"; }

class Inliner {
 public:
  Inliner(onnx::ModelProto& proto, std::string where) : proto_(proto), where_(std::move(where)) {
    for (const auto& import : proto.opset_import())
      if (is_standard(import.domain())) opset_ = import.version();
    for (const auto& function : proto.functions()) {
      if (is_standard(function.domain()))
        fail(fmt::format("a local function takes the place of the operator {}", printable(function.name())));
      const std::pair key(function.domain(), function.name());
      if (!functions_.emplace(key, &function).second)
        fail(fmt::format("the function '{}' is defined twice", printable(function.name())));
      for (const auto& import : function.opset_import())
        if (is_standard(import.domain()) && import.version() != opset_)
          fail(fmt::format("the function '{}' is of opset {}, the network of {}", printable(function.name()),
                           import.version(), opset_));
    }
  }

  void run() {
    onnx::GraphProto& graph = *proto_.mutable_graph();
    for (const auto& value : graph.input()) fresh_.take(value.name());
    for (const auto& value : graph.initializer()) fresh_.take(value.name());
    for (const auto& node : graph.node())
      for (const auto& output : node.output()) fresh_.take(output);
    google::protobuf::RepeatedPtrField<onnx::NodeProto> nodes;
    nodes.Swap(graph.mutable_node());
    for (auto& node : nodes) {
      if (const auto* function = find(node))
        expand(*function, node, 1);
      else
        *add() = std::move(node);
    }
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw Error(what, where_, "inline functions: onnx.inliner.inline_local_functions");
  }

  const onnx::FunctionProto* find(const onnx::NodeProto& node) const {
    const auto found = functions_.find({node.domain(), node.op_type()});
    return found == functions_.end() ? nullptr : found->second;
  }

  onnx::NodeProto* add() {
    if (proto_.graph().node_size() >= most_nodes) fail("its functions stand for too many nodes");
    return proto_.mutable_graph()->add_node();
  }

  /// The attributes of a node of a function, those of the call in the place of references to them.
  void fill_attributes(const onnx::NodeProto& node, const AttributeMap& given, onnx::NodeProto* filled) const {
    for (const auto& attribute : node.attribute()) {
      if (attribute.ref_attr_name().empty()) {
        if (attribute.has_g() || attribute.graphs_size() > 0)
          fail(fmt::format("the function node '{}' holds a network, which pare does not know",
                           printable(node.op_type())));
        *filled->add_attribute() = attribute;
        continue;
      }
      const auto found = given.find(attribute.ref_attr_name());
      if (found == given.end()) continue;  // left to the operator's default
      auto* copy = filled->add_attribute();
      *copy = *found->second;
      copy->set_name(attribute.name());
    }
  }

  void expand(const onnx::FunctionProto& function, const onnx::NodeProto& call, int depth) {
    const std::string label = call.name().empty() ? call.op_type() : call.name();
    if (depth > deepest_call) fail(fmt::format("the function '{}' calls itself, or too deep", printable(label)));
    if (++calls_ > most_nodes) fail("its functions are called too often");
    if (call.input_size() > function.input_size() || call.output_size() > function.output_size())
      fail(fmt::format("the call '{}' has more inputs or outputs than its function", printable(label)));
    Names names;
    for (int i = 0; i < function.input_size(); ++i)
      names[function.input(i)] = i < call.input_size() ? call.input(i) : std::string();
    AttributeMap given;
    for (const auto& attribute : function.attribute_proto()) given[attribute.name()] = &attribute;
    for (const auto& attribute : call.attribute()) given[attribute.name()] = &attribute;
    // an output of the function may be one of its inputs: then the call's output is a copy
    std::vector<std::pair<std::string, std::string>> copies;
    for (int i = 0; i < call.output_size(); ++i) {
      const std::string& inner = function.output(i);
      if (call.output(i).empty()) continue;
      if (const auto [at, is_new] = names.emplace(inner, call.output(i)); !is_new)
        copies.emplace_back(at->second, call.output(i));
    }
    for (const auto& node : function.node()) {
      onnx::NodeProto filled;
      filled.set_op_type(node.op_type());
      filled.set_domain(node.domain());
      filled.set_name(node.name().empty() ? label : label + "/" + node.name());
      for (const auto& input : node.input()) {
        const auto found = names.find(input);
        if (!input.empty() && found == names.end())
          fail(fmt::format("the function '{}' reads '{}', which it does not make", printable(function.name()),
                           printable(input)));
        filled.add_input(input.empty() ? input : found->second);
      }
      for (const auto& output : node.output()) {
        if (!output.empty() && !names.contains(output))
          names[output] = fresh_.make(fmt::format("{}/{}", label, output));
        filled.add_output(output.empty() ? output : names.at(output));
      }
      fill_attributes(node, given, &filled);
      if (const auto* inner = find(filled))
        expand(*inner, filled, depth + 1);
      else
        *add() = std::move(filled);
    }
    for (const auto& [from, to] : copies) {
      auto* copy = add();
      copy->set_op_type("Identity");
      copy->set_name(label);
      copy->add_input(from);
      copy->add_output(to);
    }
  }

  onnx::ModelProto& proto_;
  std::string where_;
  std::int64_t opset_ = 0;
  std::map<std::pair<std::string, std::string>, const onnx::FunctionProto*> functions_;
  FreshNames fresh_;
  int calls_ = 0;
};

}  // namespace

void inline_functions(onnx::ModelProto& proto, const std::string& where) {
  if (proto.functions_size() == 0) return;
  Inliner(proto, where).run();
  proto.clear_functions();
}

}  // namespace pare::model
