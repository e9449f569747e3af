// Whole-network candidates, compared by what they do to the network's output.
//
// Least error tensor by tensor is not least harm to the network: errors shift means and interact (docs/quantize.md has
// the measurements). So every plan is tried whole, with and without bias correction and in both search windows, and the
// one whose logits diverge least from the float network's on training samples is taken.
#pragma once
#include <ATen/core/Tensor.h>

#include <memory>
#include <string>
#include <vector>

#include "pare/quantize/correction.h"
#include "pare/runtime/batch.h"

namespace pare::quantize {

/// What candidates are measured with: training samples and the float network's answers.
struct Judge {
  runtime::Batch calibration;  // for bias correction
  std::vector<runtime::Batch> selection;
  at::Tensor float_logits;           // [selection samples, classes], in the order of the batches
  std::vector<std::int64_t> labels;  // of the selection samples, or empty
};
Judge make_judge(const Calibrated& network, const io::Dataset& training, const TrainingSamples& samples,
                 const Options& options);

/// Logits of the network under a recipe on the judge's selection samples.
at::Tensor selection_logits(const Calibrated& network, const model::Recipe& recipe, const Judge& judge);

/// A way to quantise the whole network, and how far its logits are from the float network's.
struct NetworkCandidate {
  std::string rule;  // "int", "ant by tensor error", "weights int, activations flint", ...
  bool free_window = false;
  Correction correction = Correction::none;
  Plan plan;
  model::Recipe recipe;
  double divergence = 0;  // mean Kullback–Leibler divergence over the selection samples, nats
};

/// The candidates of a method at a width, best first. Method "ant": all families of options.families alone, ANT by
/// least tensor error, and weights in one family with activations in another; a family name: that format alone.
/// Under Select::tensor only the method's own rule in the published window, corrected as the options say.
std::vector<NetworkCandidate> network_candidates(const Calibrated& network, const Judge& judge,
                                                 const std::string& method, int bits, const Options& options);

}  // namespace pare::quantize
