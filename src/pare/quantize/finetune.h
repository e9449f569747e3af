// Training a quantised network: float weights behind their quantisers, gradients straight through, scales learned.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "pare/io/dataset.h"
#include "pare/quantize/network_search.h"

namespace pare::quantize {

struct Epoch {
  double loss = 0;      // mean over the epoch
  double accuracy = 0;  // top 1 on the validation samples, per cent
};

struct Finetuned {
  std::vector<Epoch> epochs;  // epochs[0] is before training
  std::size_t best = 0;       // the epoch that was kept: best on the validation samples
  model::Recipe recipe;       // of the quantised network
  model::Model network;       // of the float network: constants replaced
};

/// Trains for options.finetune_epochs on all training samples but the validation ones (a tenth, at most 1000), images
/// mirrored and shifted by up to an eighth at random, SGD with momentum 0.9 and a cosine rate, loss: cross-entropy with
/// the labels. Throws Error where there are no labels.
Finetuned finetune_quantized(const Calibrated& network, const model::Recipe& recipe, const io::Dataset& training,
                             const Options& options);

/// The float network trained the same way: what the quantised one is to be compared with.
Finetuned finetune_float(const model::Model& model, const io::Dataset& training, const Options& options);

}  // namespace pare::quantize
