// The attributes of one ONNX node, read by name with their types checked, in the form of any known opset.
#pragma once
#include <onnx-ml.pb.h>

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "pare/model/model.h"
#include "pare/model/onnx_tensor.h"

namespace pare::model {

class NodeReader {
 public:
  NodeReader(const onnx::NodeProto& proto, int opset, std::string where, ExternalData& external);

  [[noreturn]] void fail(const std::string& what, const std::string& mend = {}) const;
  int opset() const { return opset_; }
  const std::string& op_type() const { return proto_.op_type(); }

  // Each of these marks the attribute as known; absent ones give nullopt or the default. Throws Error for another type.
  std::optional<std::int64_t> integer(const std::string& name);
  std::optional<float> real(const std::string& name);
  std::optional<std::string> text(const std::string& name);
  std::optional<std::vector<std::int64_t>> integers(const std::string& name);
  std::optional<std::vector<float>> reals(const std::string& name);
  std::optional<Tensor> tensor(const std::string& name);
  bool flag(const std::string& name, bool otherwise);
  void ignore(const std::string& name) { known_.insert(name); }  // without meaning at inference

  /// Throws Error for an attribute that nobody asked for: it may change what the node computes.
  void refuse_unknown() const;

  bool has_input(std::size_t i) const;
  bool has_output(std::size_t i) const;
  /// Constants that take the place of attributes of older opsets, by the number of the input.
  void set_input(std::size_t i, Tensor tensor) { added_inputs_.insert_or_assign(i, std::move(tensor)); }
  const std::map<std::size_t, Tensor>& added_inputs() const { return added_inputs_; }
  /// Input `from` of this opset is input `to` of the newest form.
  void move_input(std::size_t from, std::size_t to) { moved_inputs_.emplace(from, to); }
  const std::map<std::size_t, std::size_t>& moved_inputs() const { return moved_inputs_; }
  /// An input without meaning, left out.
  void empty_input(std::size_t i) { emptied_inputs_.insert(i); }
  bool emptied(std::size_t i) const { return emptied_inputs_.contains(i); }

 private:
  const onnx::AttributeProto* find(const std::string& name, int type, const char* type_name);

  const onnx::NodeProto& proto_;
  int opset_;
  std::string where_;
  ExternalData& external_;
  std::map<std::string, const onnx::AttributeProto*> attributes_;
  std::set<std::string> known_;
  std::map<std::size_t, Tensor> added_inputs_;
  std::map<std::size_t, std::size_t> moved_inputs_;
  std::set<std::size_t> emptied_inputs_;
};

/// One operator as the importer knows it.
struct Operator {
  const char* name;
  Op op;
  int since;                           // the first opset that has it (7: or before)
  std::size_t min_inputs, max_inputs;  // of the newest form
  std::size_t max_outputs;
  Attributes (*read)(NodeReader&);
};

/// The operator of that ONNX name, or nullptr. Constant is not among them: the importer makes it a value.
const Operator* find_operator(const std::string& name);

}  // namespace pare::model
