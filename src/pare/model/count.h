// Operation and parameter counts, by the conventions of the published tables: a MAC is one multiply and one add of a
// convolution, Gemm or MatMul; biases, normalisation, activations and pooling are not counted as MACs. Parameters are
// what was trained: of batch normalisation the scale and the shift, not the running mean and variance; no scalars of
// formulas (x * 0.5), no clip limits. So ResNet-50 has 25,557,032 parameters, and 25,530,472 where the exporter folded
// batch normalisation into the convolutions.
#pragma once
#include <string>
#include <vector>

#include "pare/model/model.h"

namespace pare::model {

struct LayerCount {
  std::string name;
  Op op;
  std::vector<std::int64_t> input, output;  // shapes for one sample
  std::int64_t macs = 0;                    // for one sample
  std::int64_t parameters = 0;  // float constants that this node reads; a shared one is counted at its first reader
};

struct Counts {
  std::vector<LayerCount> layers;  // in the order of the nodes; only those with MACs or parameters
  std::int64_t macs = 0, parameters = 0;
  std::int64_t weight_bytes = 0;  // bytes of those constants as the file holds them
};

/// Whether input i of the node is a constant that counts as a parameter: floats that were trained, not running
/// statistics, limits or borders, and no single number of a formula (a scalar, as in x * 0.5).
bool is_parameter(const Model& model, const Node& node, std::size_t i);

/// For one sample (unknown sizes of the inputs fixed by with_batch). Throws Error where another size is unknown.
Counts count(const Model& model);

}  // namespace pare::model
