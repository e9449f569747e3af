#include "pare/model/onnx_attributes.h"

#include <fmt/format.h>

#include <algorithm>

#include "pare/base/error.h"

namespace pare::model {

NodeReader::NodeReader(const onnx::NodeProto& proto, int opset, std::string where, ExternalData& external)
    : proto_(proto), opset_(opset), where_(std::move(where)), external_(external) {
  for (const auto& attribute : proto.attribute())
    if (!attributes_.emplace(attribute.name(), &attribute).second)
      fail(fmt::format("has two attributes '{}'", printable(attribute.name())));
}

void NodeReader::fail(const std::string& what, const std::string& mend) const { throw Error(what, where_, mend); }

const onnx::AttributeProto* NodeReader::find(const std::string& name, int type, const char* type_name) {
  known_.insert(name);
  const auto found = attributes_.find(name);
  if (found == attributes_.end()) return nullptr;
  if (!found->second->ref_attr_name().empty()) fail(fmt::format("takes its attribute '{}' from a function", name));
  if (found->second->type() != type) fail(fmt::format("has an attribute '{}' that is not {}", name, type_name));
  return found->second;
}

std::optional<std::int64_t> NodeReader::integer(const std::string& name) {
  const auto* a = find(name, onnx::AttributeProto::INT, "an integer");
  return a ? std::optional<std::int64_t>(a->i()) : std::nullopt;
}

std::optional<float> NodeReader::real(const std::string& name) {
  const auto* a = find(name, onnx::AttributeProto::FLOAT, "a number");
  return a ? std::optional<float>(a->f()) : std::nullopt;
}

std::optional<std::string> NodeReader::text(const std::string& name) {
  const auto* a = find(name, onnx::AttributeProto::STRING, "a text");
  return a ? std::optional<std::string>(a->s()) : std::nullopt;
}

std::optional<std::vector<std::int64_t>> NodeReader::integers(const std::string& name) {
  const auto* a = find(name, onnx::AttributeProto::INTS, "a list of integers");
  if (!a) return std::nullopt;
  return std::vector<std::int64_t>(a->ints().begin(), a->ints().end());
}

std::optional<std::vector<float>> NodeReader::reals(const std::string& name) {
  const auto* a = find(name, onnx::AttributeProto::FLOATS, "a list of numbers");
  if (!a) return std::nullopt;
  return std::vector<float>(a->floats().begin(), a->floats().end());
}

std::optional<Tensor> NodeReader::tensor(const std::string& name) {
  const auto* a = find(name, onnx::AttributeProto::TENSOR, "a tensor");
  if (!a) return std::nullopt;
  return read_tensor(a->t(), where_ + ", attribute '" + name + "'", external_);
}

bool NodeReader::flag(const std::string& name, bool otherwise) {
  const auto value = integer(name);
  if (value && *value != 0 && *value != 1) fail(fmt::format("has an attribute '{}' that is neither 0 nor 1", name));
  return value ? *value == 1 : otherwise;
}

void NodeReader::refuse_unknown() const {
  for (const auto& [name, attribute] : attributes_)
    if (!known_.contains(name))
      fail(fmt::format("has an attribute '{}', which pare does not know in opset {}", printable(name), opset_));
}

bool NodeReader::has_input(std::size_t i) const {
  return i < static_cast<std::size_t>(proto_.input_size()) && !proto_.input(static_cast<int>(i)).empty();
}

bool NodeReader::has_output(std::size_t i) const {
  return i < static_cast<std::size_t>(proto_.output_size()) && !proto_.output(static_cast<int>(i)).empty();
}

}  // namespace pare::model
