// ONNX files built node by node, so that tests say exactly what a file holds.
#pragma once
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <onnx-ml.pb.h>

#include <string>
#include <vector>

#include "pare/base/error.h"
#include "pare/model/onnx.h"

namespace pare::model {

class OnnxBuilder {
 public:
  explicit OnnxBuilder(int opset = 13) {
    proto.set_ir_version(7);
    proto.add_opset_import()->set_version(opset);
    graph().set_name("test");
  }

  onnx::GraphProto& graph() { return *proto.mutable_graph(); }

  /// Sizes; -1 is the symbol N, -2 has no name.
  OnnxBuilder& input(const std::string& name, const std::vector<std::int64_t>& shape,
                     int type = onnx::TensorProto::FLOAT) {
    return value(graph().add_input(), name, shape, type);
  }
  OnnxBuilder& output(const std::string& name) {
    graph().add_output()->set_name(name);
    return *this;
  }
  OnnxBuilder& floats(const std::string& name, const std::vector<std::int64_t>& shape,
                      const std::vector<float>& values = {}) {
    auto* t = constant(name, shape, onnx::TensorProto::FLOAT);
    std::int64_t count = 1;
    for (const auto size : shape) count *= size;
    for (std::int64_t i = 0; i < count; ++i)
      t->add_float_data(values.empty() ? 0.5f : values[static_cast<std::size_t>(i)]);
    return *this;
  }
  OnnxBuilder& integers(const std::string& name, const std::vector<std::int64_t>& values) {
    auto* t = constant(name, {static_cast<std::int64_t>(values.size())}, onnx::TensorProto::INT64);
    for (const auto v : values) t->add_int64_data(v);
    return *this;
  }
  OnnxBuilder& integer(const std::string& name, std::int64_t value) {
    constant(name, {}, onnx::TensorProto::INT64)->add_int64_data(value);
    return *this;
  }
  onnx::TensorProto* constant(const std::string& name, const std::vector<std::int64_t>& shape, int type) {
    auto* t = graph().add_initializer();
    t->set_name(name);
    t->set_data_type(type);
    for (const auto size : shape) t->add_dims(size);
    return t;
  }
  OnnxBuilder& node(const std::string& op, const std::vector<std::string>& inputs,
                    const std::vector<std::string>& outputs) {
    last = graph().add_node();
    last->set_op_type(op);
    last->set_name("/" + outputs[0]);
    for (const auto& i : inputs) last->add_input(i);
    for (const auto& o : outputs) last->add_output(o);
    return *this;
  }
  onnx::AttributeProto* attribute(const std::string& name, onnx::AttributeProto::AttributeType type) {
    auto* a = last->add_attribute();
    a->set_name(name);
    a->set_type(type);
    return a;
  }
  OnnxBuilder& with(const std::string& name, std::int64_t i) {
    attribute(name, onnx::AttributeProto::INT)->set_i(i);
    return *this;
  }
  OnnxBuilder& with(const std::string& name, int i) { return with(name, std::int64_t{i}); }
  OnnxBuilder& with(const std::string& name, float f) {
    attribute(name, onnx::AttributeProto::FLOAT)->set_f(f);
    return *this;
  }
  OnnxBuilder& with(const std::string& name, const char* s) {
    attribute(name, onnx::AttributeProto::STRING)->set_s(s);
    return *this;
  }
  OnnxBuilder& with(const std::string& name, const std::vector<std::int64_t>& list) {
    auto* a = attribute(name, onnx::AttributeProto::INTS);
    for (const auto v : list) a->add_ints(v);
    return *this;
  }

  std::string bytes() const { return proto.SerializeAsString(); }
  Model parse() const { return parse_onnx(bytes(), "test.onnx"); }
  /// The shape of an output as text.
  std::string shape(std::size_t output = 0) const {
    const Model model = parse();
    const Value& value = model.value(model.outputs[output]);
    return value.shape_known ? to_string(value.shape) : "unknown";
  }
  /// The line of the error that reading ends in; empty where it does not.
  std::string error() const {
    try {
      parse();
    } catch (const Error& e) {
      return e.what();
    }
    return {};
  }

  onnx::ModelProto proto;
  onnx::NodeProto* last = nullptr;

 private:
  OnnxBuilder& value(onnx::ValueInfoProto* info, const std::string& name, const std::vector<std::int64_t>& shape,
                     int type) {
    info->set_name(name);
    auto* tensor = info->mutable_type()->mutable_tensor_type();
    tensor->set_elem_type(type);
    tensor->mutable_shape();
    for (const auto size : shape) {
      auto* d = tensor->mutable_shape()->add_dim();
      if (size >= 0) d->set_dim_value(size);
      if (size == -1) d->set_dim_param("N");
    }
    return *this;
  }
};

/// A convolution, ReLU, pooling, flattening and Gemm: a little of everything.
inline OnnxBuilder small_network(int opset = 13) {
  OnnxBuilder b(opset);
  b.input("image", {-1, 3, 8, 8});
  b.floats("w", {4, 3, 3, 3}).floats("b", {4}).floats("fc", {5, 4}).floats("fc_b", {5});
  b.node("Conv", {"image", "w", "b"}, {"conv"}).with("kernel_shape", {3, 3}).with("pads", {1, 1, 1, 1});
  b.node("Relu", {"conv"}, {"relu"});
  b.node("GlobalAveragePool", {"relu"}, {"pooled"});
  b.node("Flatten", {"pooled"}, {"flat"}).with("axis", 1);
  b.node("Gemm", {"flat", "fc", "fc_b"}, {"logits"}).with("transB", 1);
  b.output("logits");
  return b;
}

}  // namespace pare::model
