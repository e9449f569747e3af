// What the float network does on training samples: the values that its activations take.
#pragma once
#include <ATen/core/Tensor.h>

#include <vector>

#include "pare/io/dataset.h"
#include "pare/quantize/plan.h"
#include "pare/runtime/executor.h"

namespace pare::quantize {

/// Training samples set apart for a search: the first for scales and correction, others for comparing networks. Drawn
/// with options.seed; where the set is small, the two halve it.
struct TrainingSamples {
  std::vector<std::size_t> calibration, selection, rest;  // rest: in random order, for fine-tuning
};
TrainingSamples draw_samples(const io::Dataset& training, const Options& options);

/// Runs the float network over the calibration samples. Throws Error where the network has nothing to quantise, gives
/// values that are not finite, or does not fit the data. `model` must outlive the result.
Calibrated calibrate(const model::Model& model, const io::Dataset& training, const TrainingSamples& samples,
                     const Options& options);

/// As many of the calibration samples as can run at once in about two gigabytes; at least one.
std::vector<std::size_t> samples_that_fit(const Calibrated& network, const std::vector<std::size_t>& samples);

}  // namespace pare::quantize
