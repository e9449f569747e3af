// Runs a Model on torch.
#pragma once
#include <ATen/core/Tensor.h>

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "pare/model/model.h"

namespace pare::runtime {

/// A model made ready to run. Constants are shared with the Model; whatever depends on constants alone is computed
/// once. Intermediate tensors are freed after their last use. Differentiable: gradients flow to inputs and parameters
/// that require them, when at::GradMode is on.
class Executor {
 public:
  /// Sees each node's outputs as soon as they are there and may replace them. Called in topological order.
  using Observer = std::function<void(std::size_t node, std::vector<at::Tensor>& outputs)>;

  /// With `trainable`, weights, biases and quantiser steps are parameters: nothing is computed ahead from them.
  explicit Executor(const model::Model& model, bool trainable = false);

  /// One run; inputs in the order of model.inputs. Throws Error where an input does not fit the model's shape.
  std::vector<at::Tensor> run(const std::vector<at::Tensor>& inputs, const Observer& observer = {}) const;

  /// A run that can be taken node by node, so that two networks can be compared layer by layer.
  class Run {
   public:
    Run(const Executor& network, const std::vector<at::Tensor>& inputs);

    bool done() const { return at_ == network_.order_.size(); }
    /// The node that step() runs next; not when done.
    std::size_t next() const { return network_.order_[at_]; }
    void step(const Observer& observer = {});
    /// Runs up to and including the node of that name; false where it was not met.
    bool run_to(const std::string& node_name, const Observer& observer = {});
    /// The first output of the node that run_to() came to.
    const at::Tensor& latest() const { return latest_; }
    /// When done.
    std::vector<at::Tensor> outputs() const;

   private:
    const Executor& network_;
    std::vector<at::Tensor> slots_;  // by ValueId
    std::size_t at_ = 0;             // in order_
    at::Tensor latest_;
  };

  /// Parameters by value name; copies of the model's constants, to be trained in place. Empty unless `trainable`.
  std::map<std::string, at::Tensor>& parameters() { return parameters_; }

  const model::Model& model() const { return model_; }

 private:
  void check_inputs(const std::vector<at::Tensor>& inputs) const;

  model::Model model_;
  std::vector<at::Tensor> constants_;  // by ValueId, undefined where computed at run time
  std::map<std::string, at::Tensor> parameters_;
  std::vector<std::size_t> order_;                  // nodes that are run each time
  std::vector<std::vector<model::ValueId>> freed_;  // by position in order_: values no longer needed after it
};

}  // namespace pare::runtime
