#include "pare/runtime/train.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <fmt/format.h>
#include <torch/optim/sgd.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "pare/base/error.h"
#include "pare/base/progress.h"
#include "pare/base/random.h"
#include "pare/runtime/evaluate.h"

namespace pare::runtime {
namespace {

/// Images mirrored with probability one half and shifted by up to an eighth of their size, zero (the mean) moving in.
at::Tensor augmented(const at::Tensor& batch, Random& random, bool mirror) {
  if (batch.dim() != 4) return batch;
  at::Tensor out = at::zeros_like(batch);
  const std::int64_t height = batch.size(2), width = batch.size(3);
  const auto shift = [&](std::int64_t size) {
    const std::int64_t most = size / 8;
    return static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(2 * most + 1))) - most;
  };
  for (std::int64_t i = 0; i < batch.size(0); ++i) {
    at::Tensor image = batch[i];
    if (mirror && random.uniform() < 0.5) image = image.flip({2});
    const std::int64_t dy = shift(height), dx = shift(width);
    const auto target = out[i]
                            .slice(1, std::max<std::int64_t>(0, dy), height + std::min<std::int64_t>(0, dy))
                            .slice(2, std::max<std::int64_t>(0, dx), width + std::min<std::int64_t>(0, dx));
    target.copy_(image.slice(1, std::max<std::int64_t>(0, -dy), height - std::max<std::int64_t>(0, dy))
                     .slice(2, std::max<std::int64_t>(0, -dx), width - std::max<std::int64_t>(0, dx)));
  }
  return out;
}

struct Split {
  std::vector<std::size_t> training, validation;
};

Split split_samples(const io::Dataset& data, std::uint64_t seed) {
  if (data.labels().empty()) throw Error("has no labels", data.name(), "fine-tuning needs a training set with labels");
  Random random(seed ^ 0x66696e65u);
  const auto order = random.permutation(data.size());
  const std::size_t held = std::min<std::size_t>(1000, data.size() / 10);
  if (held == 0) throw Error("has too few samples to fine-tune with", data.name(), "give ten or more");
  const auto middle = order.begin() + static_cast<std::ptrdiff_t>(held);
  return {{middle, order.end()}, {order.begin(), middle}};
}

/// Mean over the samples of KL(teacher || student), whose gradient is that of the cross-entropy with soft labels.
at::Tensor distillation_loss(const Executor& teacher, const std::vector<at::Tensor>& inputs, const at::Tensor& output) {
  at::Tensor wanted;
  {
    const c10::NoGradGuard no_gradients;
    wanted = at::log_softmax(teacher.run(inputs).at(0), 1);
  }
  return (wanted.exp() * (wanted - at::log_softmax(output, 1))).sum(1).mean();
}

std::vector<std::int64_t> labels_of(const io::Dataset& data, std::span<const std::size_t> samples) {
  std::vector<std::int64_t> labels;
  for (const std::size_t s : samples) labels.push_back(data.labels()[s]);
  return labels;
}

Accuracy validate(const Executor& network, const io::Dataset& data, const std::vector<std::size_t>& samples,
                  std::size_t batch) {
  const c10::NoGradGuard no_gradients;
  std::vector<at::Tensor> parts;
  std::vector<std::int64_t> labels;
  for (const auto& group : in_batches(data, samples, batch)) {
    parts.push_back(network.run(read_batch(network.model(), data, group).inputs).at(0));
    std::ranges::copy(labels_of(data, group), std::back_inserter(labels));
  }
  return accuracy(at::cat(parts), labels);
}

using Snapshot = std::map<std::string, at::Tensor>;

Snapshot copy_of(const std::map<std::string, at::Tensor>& parameters) {
  Snapshot copy;
  for (const auto& [name, tensor] : parameters) copy[name] = tensor.detach().clone();
  return copy;
}

/// The running mean of parameters: of all steps so far, later of about the last `span`. Quantised weights swing between
/// two codes for as long as they are trained (Nagel et al. 2022); their mean does not.
class Average {
 public:
  Average(const std::map<std::string, at::Tensor>& parameters, std::size_t span)
      : mean_(copy_of(parameters)), span_(span) {}

  void add(const std::map<std::string, at::Tensor>& parameters) {
    seen_ = std::min(seen_ + 1, span_);
    for (const auto& [name, tensor] : parameters) mean_.at(name).lerp_(tensor, 1.0 / static_cast<double>(seen_));
  }
  const Snapshot& mean() const { return mean_; }

 private:
  Snapshot mean_;
  std::size_t span_, seen_ = 0;
};

void assign(std::map<std::string, at::Tensor>& parameters, const Snapshot& values) {
  for (auto& [name, tensor] : parameters) tensor.copy_(values.at(name));
}

}  // namespace

Trained train(Executor& network, const io::Dataset& data, const TrainOptions& options) {
  const Split split = split_samples(data, options.seed);
  Random random(options.seed);
  std::vector<at::Tensor> weights, steps;
  const auto& gradient_scale = options.gradient_scale;
  for (auto& [name, tensor] : network.parameters()) {
    tensor.requires_grad_(true);
    (gradient_scale.contains(name) ? steps : weights).push_back(tensor);
  }
  torch::optim::SGD optimizer(weights,
                              torch::optim::SGDOptions(options.learning_rate).momentum(0.9).weight_decay(1e-4));
  if (!steps.empty())
    optimizer.add_param_group(torch::optim::OptimizerParamGroup(
        steps, std::make_unique<torch::optim::SGDOptions>(
                   torch::optim::SGDOptions(options.learning_rate).momentum(0.9).weight_decay(0))));

  const std::size_t batch = options.batch, n = split.training.size(), per_epoch = (n + batch - 1) / batch;
  Average average(network.parameters(), per_epoch);
  Trained result;
  const auto record = [&](double loss) {
    const c10::NoGradGuard no_gradients;
    const Snapshot current = copy_of(network.parameters());
    assign(network.parameters(), average.mean());
    const Accuracy a = validate(network, data, split.validation, options.batch);
    assign(network.parameters(), current);
    result.epochs.push_back({loss, a.top1, a.loss});
  };
  record(0);
  Snapshot kept = copy_of(average.mean());
  const auto total = static_cast<double>(per_epoch) * options.epochs;
  double step = 0;
  Progress progress("fine-tuning", static_cast<std::size_t>(total));
  for (int e = 0; e < options.epochs; ++e) {
    const auto order = random.permutation(n);
    double loss_sum = 0;
    for (std::size_t first = 0; first < n; first += batch) {
      std::vector<std::size_t> samples;
      for (std::size_t i = first; i < std::min(n, first + batch); ++i) samples.push_back(split.training[order[i]]);
      for (auto& group : optimizer.param_groups())
        group.options().set_lr(options.learning_rate * 0.5 * (1 + std::cos(std::numbers::pi * step / total)));
      std::vector<at::Tensor> inputs = read_batch(network.model(), data, samples).inputs;
      if (inputs.size() == 1) inputs[0] = augmented(inputs[0], random, options.mirror);
      const at::Tensor output = network.run(inputs).at(0);
      at::Tensor loss = at::cross_entropy_loss(output, at::tensor(labels_of(data, samples), at::kLong));
      if (options.teacher) loss = 0.5 * (loss + distillation_loss(*options.teacher, inputs, output));
      optimizer.zero_grad();
      loss.backward();
      for (auto& [name, tensor] : network.parameters())
        if (const auto g = gradient_scale.find(name); g != gradient_scale.end() && tensor.grad().defined())
          tensor.mutable_grad().mul_(g->second);
      optimizer.step();
      const c10::NoGradGuard no_gradients;
      for (at::Tensor& s : steps) s.clamp_min_(1e-12);
      average.add(network.parameters());
      loss_sum += loss.item<double>() * static_cast<double>(samples.size());
      step += 1;
      progress.step();
    }
    const double mean_loss = loss_sum / static_cast<double>(n);
    if (!std::isfinite(mean_loss)) throw Error("diverged", "fine-tuning", "try a lower --learning-rate");
    record(mean_loss);
    if (result.epochs.back().validation_loss <= result.epochs[result.best].validation_loss) {
      result.best = result.epochs.size() - 1;
      kept = copy_of(average.mean());
    }
  }
  const c10::NoGradGuard no_gradients;
  assign(network.parameters(), kept);
  return result;
}

}  // namespace pare::runtime
