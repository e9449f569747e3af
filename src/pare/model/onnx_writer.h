// The growing graph of an ONNX file.
#pragma once
#include <onnx-ml.pb.h>

#include <string>
#include <vector>

#include "pare/model/graph_edit.h"
#include "pare/model/model.h"
#include "pare/model/onnx_tensor.h"

namespace pare::model {

class GraphWriter {
 public:
  GraphWriter(const Model& model, onnx::GraphProto* graph) : names_(model), graph_(graph) {}

  /// A node with one output of that name. "" stands for an input that is absent.
  onnx::NodeProto* add(const std::string& op, const std::string& node_name, const std::vector<std::string>& inputs,
                       const std::string& output);
  /// The same with names made up from `stem`; returns the output's name.
  std::string add(const std::string& op, const std::string& stem, const std::vector<std::string>& inputs);
  onnx::NodeProto* last() { return graph_->mutable_node(graph_->node_size() - 1); }

  /// A constant; returns its name, made up from `stem`.
  std::string constant(const std::string& stem, const Tensor& tensor);

 private:
  FreshNames names_;
  onnx::GraphProto* graph_;
};

void set_attribute(onnx::NodeProto* node, const std::string& name, std::int64_t value);
void set_attribute(onnx::NodeProto* node, const std::string& name, float value);
void set_attribute(onnx::NodeProto* node, const std::string& name, const std::string& value);
void set_attribute(onnx::NodeProto* node, const std::string& name, const std::vector<std::int64_t>& values);

}  // namespace pare::model
