// The layers of a network whose operands can be quantised: products of an activation with constant weights.
#pragma once
#include <string>
#include <vector>

#include "pare/model/model.h"

namespace pare::quantize {

struct Layer {
  std::size_t node = 0;
  model::ValueId input = model::no_value;   // the activation
  model::ValueId weight = model::no_value;  // a float32 constant
  model::ValueId bias = model::no_value;    // a float32 constant, or none
  std::int64_t channel_axis = 0;            // of the weight: its output channels
  std::int64_t output_axis = 1;             // of the output: its channels
};

/// Conv, Gemm and MatMul with constant float32 weights, in the order of the nodes. Throws Error where a weight is not
/// finite.
std::vector<Layer> find_layers(const model::Model& model);

/// The activations that layers read, each once, in order of first use.
std::vector<model::ValueId> layer_inputs(const std::vector<Layer>& layers);

}  // namespace pare::quantize
