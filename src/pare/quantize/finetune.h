// Training a quantised network: float weights behind their quantisers, gradients straight through, scales learned.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "pare/io/dataset.h"
#include "pare/quantize/network_search.h"
#include "pare/runtime/train.h"

namespace pare::quantize {

struct Finetuned {
  runtime::Trained trained;
  model::Recipe recipe;  // of the quantised network
  model::Model network;  // of the float network: constants replaced
};

/// Trains for options.finetune_epochs as runtime::train does: weights, biases and scales, from `recipe`, which was made
/// from `plan`, with `teacher` (the tuned float network; Mishra and Marr 2018 show what it gives at few bits). Throws
/// Error where there are no labels.
Finetuned finetune_quantized(const Calibrated& network, const Plan& plan, const model::Recipe& recipe,
                             const model::Model& teacher, const io::Dataset& training, const Options& options);

/// The float network trained the same way: what the quantised one is to be compared with.
Finetuned finetune_float(const model::Model& model, const io::Dataset& training, const Options& options);

}  // namespace pare::quantize
