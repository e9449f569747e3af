// What training does for one node of a network out of an ONNX file, of one sample.
#pragma once
#include <vector>

#include "pare/cluster/operation.h"
#include "pare/model/model.h"

namespace pare::cluster {

/// Per value of the model.
struct Flow {
  std::vector<bool> varies;  // with the sample; what does not, is made of weights alone
  std::vector<bool> learns;  // has a gradient
};

Flow flow_of(const model::Model& model);

struct NodeWork {
  std::vector<Operation> products;  // of an input with weights; convolutions as their windows laid out in rows
  std::vector<Operation> others;
};

/// Every dimension of the model is known. Nothing for views and integers. Throws Error for products that have no
/// gradient or are not understood.
NodeWork node_work(const model::Model& model, const model::Node& node, const Flow& flow);

/// Whether the output is the input, seen otherwise.
bool is_view(model::Op op);

/// The values that the gradient of the node reads: inputs, or the output where that says enough.
std::vector<model::ValueId> needed_values(const model::Model& model, const model::Node& node, const Flow& flow);

/// Product of a value's dimensions. Throws Error where one is not known.
std::int64_t elements(const model::Value& value);

bool is_float(model::ElementType type);

}  // namespace pare::cluster
