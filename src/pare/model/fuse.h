// A network with fewer nodes that computes the same: for running it fast. What exporters take apart is put together.
#pragma once
#include "pare/model/model.h"

namespace pare::model {

/// Batch normalisation is folded into the convolution before it; chains that are layer or RMS normalisation, GELU,
/// SiLU, HardSwish, a product with a bias, or attention become one node. Outputs agree up to rounding. Names of nodes
/// that stay are kept. The result runs; it cannot be written as ONNX.
Model fuse(Model model);

}  // namespace pare::model
