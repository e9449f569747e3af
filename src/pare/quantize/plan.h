// A choice of format and scales for every tensor of a network, and the recipe it becomes.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "pare/model/recipe.h"
#include "pare/quantize/layers.h"
#include "pare/quantize/options.h"
#include "pare/quantize/tensor_search.h"

namespace pare::quantize {

/// What is known of an activation from calibration.
struct Activation {
  SortedValues values;     // a sample of what it took, its extremes among them
  bool is_signed = false;  // a negative value was seen
  bool is_input = false;   // the network's input
  double elements = 0;     // for one sample of the network
};

/// A network with what calibration saw: the input of every search.
struct Calibrated {
  const model::Model* network = nullptr;
  std::vector<Layer> layers;
  std::map<model::ValueId, Activation> activations;  // of layer_inputs(layers)
};

struct TensorPlan {
  FormatFit fit;
  double mse = 0;    // mean squared error over the values searched
  double power = 0;  // their mean square
};

struct Plan {
  std::map<model::ValueId, TensorPlan> tensors;  // weights and activations

  /// Mean over the tensors of mse / power: noise to signal, so that the tensors' magnitudes do not matter.
  double squared_error() const;
};

number::Layout weight_layout(const model::Model& model, const Layer& layer, const Options& options);

/// Every tensor's best fit in each format of `families` at `bits` (the network's input at options.input_bits), searched
/// once; plans are picked out of it.
class FitTable {
 public:
  /// `families` that do not exist at a tensor's width and sign are left out for it; a tensor left with none is an
  /// Error.
  FitTable(const Calibrated& network, const std::vector<std::string>& families, int bits, bool free_window,
           const Options& options);

  /// Each tensor in the format of that family (a single-format network).
  Plan single(const std::string& family) const;
  /// Each tensor in its format of least squared error: the paper's rule.
  Plan least_error() const;
  /// Weights in one family, activations in another.
  Plan split(const std::string& weight_family, const std::string& activation_family) const;

 private:
  const TensorPlan& fit(model::ValueId tensor, const std::string& family) const;

  std::map<model::ValueId, std::vector<TensorPlan>> fits_;
  std::map<model::ValueId, std::vector<std::string>> families_;  // beside fits_
  std::map<model::ValueId, bool> is_weight_;
};

/// Encodes and packs: the recipe that stores the plan. `method` is for people.
model::Recipe to_recipe(const Calibrated& network, const Plan& plan, const Options& options, const std::string& method);

/// Mean width of the weights and of the activations, over their elements.
struct Widths {
  double weight_bits = 0, activation_bits = 0;
};
Widths widths(const Calibrated& network, const model::Recipe& recipe);

}  // namespace pare::quantize
