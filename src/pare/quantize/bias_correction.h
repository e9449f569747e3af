// Empirical bias correction: what quantisation adds to the mean of a layer's output is taken off its bias
// (Nagel et al. 2019, section 4.2, with means measured instead of derived).
#pragma once
#include "pare/io/dataset.h"
#include "pare/quantize/calibrate.h"

namespace pare::quantize {

/// The recipe with corrected biases. Layers are corrected in order, each with those before it corrected, in one run of
/// the quantised network over `samples` (as many as fit into memory). A bias that several layers share is left alone.
model::Recipe correct_biases(const Calibrated& network, model::Recipe recipe, const at::Tensor& samples);

}  // namespace pare::quantize
