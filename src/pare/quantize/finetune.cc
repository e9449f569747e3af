#include "pare/quantize/finetune.h"

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
#include "pare/runtime/tensors.h"

namespace pare::quantize {
namespace {

using runtime::Executor;

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
    const auto target = out[i].slice(1, std::max<std::int64_t>(0, dy), height + std::min<std::int64_t>(0, dy))
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

std::vector<std::int64_t> labels_of(const io::Dataset& data, std::span<const std::size_t> samples) {
  std::vector<std::int64_t> labels;
  for (const std::size_t s : samples) labels.push_back(data.labels()[s]);
  return labels;
}

double validate(const Executor& network, const io::Dataset& data, const std::vector<std::size_t>& samples,
                std::size_t batch) {
  const c10::NoGradGuard no_gradients;
  std::vector<at::Tensor> parts;
  for (std::size_t first = 0; first < samples.size(); first += batch) {
    const auto part = std::span(samples).subspan(first, std::min(batch, samples.size() - first));
    parts.push_back(network.run({runtime::read_samples(data, part)}).at(0));
  }
  return runtime::accuracy(at::cat(parts), labels_of(data, samples)).top1;
}

using Snapshot = std::map<std::string, at::Tensor>;

Snapshot copy_of(const std::map<std::string, at::Tensor>& parameters) {
  Snapshot copy;
  for (const auto& [name, tensor] : parameters) copy[name] = tensor.detach().clone();
  return copy;
}

/// The value name of each quantiser's scales, by the name of what it quantises, with the size of its step's gradient.
struct ScaleParameter {
  std::string name;
  double gradient_scale = 1;  // 1 / sqrt(values * largest code value), Esser et al. 2020, section 2.2
};

std::map<std::string, ScaleParameter> scale_parameters(const model::Model& applied, const Calibrated& network) {
  std::map<std::string, double> elements;
  for (const auto& [id, activation] : network.activations)
    elements[network.network->value(id).name] = activation.elements;
  std::map<std::string, ScaleParameter> scales;
  for (const model::Node& node : applied.nodes) {
    if (node.op != model::Op::fake_quantize) continue;
    const model::Value& value = applied.value(node.inputs[0]);
    const auto& a = node.as<model::QuantizeAttributes>();
    const double n = value.constant ? static_cast<double>(value.constant->elements()) : elements.at(value.name);
    const double count = n / static_cast<double>(applied.value(node.inputs[1]).constant->elements());
    scales[value.name] = {applied.value(node.inputs[1]).name,
                          1 / std::sqrt(std::max(1.0, count) * number::largest(a.format))};
  }
  return scales;
}

/// Trains the executor's parameters in place and leaves the best epoch's in them.
std::vector<Epoch> train(Executor& network, const std::map<std::string, ScaleParameter>& scales,
                         const io::Dataset& data, const Options& options, std::size_t& best) {
  const Split split = split_samples(data, options.seed);
  Random random(options.seed);
  std::vector<at::Tensor> weights, steps;
  std::map<std::string, double> gradient_scale;
  for (const auto& [of, scale] : scales) gradient_scale[scale.name] = scale.gradient_scale;
  for (auto& [name, tensor] : network.parameters()) {
    tensor.requires_grad_(true);
    (gradient_scale.contains(name) ? steps : weights).push_back(tensor);
  }
  torch::optim::SGD optimizer(weights, torch::optim::SGDOptions(options.learning_rate).momentum(0.9).weight_decay(1e-4));
  if (!steps.empty())
    optimizer.add_param_group(torch::optim::OptimizerParamGroup(
        steps, std::make_unique<torch::optim::SGDOptions>(
                   torch::optim::SGDOptions(options.learning_rate).momentum(0.9).weight_decay(0))));

  std::vector<Epoch> epochs{{0, validate(network, data, split.validation, options.batch)}};
  Snapshot kept = copy_of(network.parameters());
  best = 0;
  const std::size_t batch = options.batch, n = split.training.size(), per_epoch = (n + batch - 1) / batch;
  const auto total = static_cast<double>(per_epoch) * options.finetune_epochs;
  double step = 0;
  Progress progress("fine-tuning", static_cast<std::size_t>(total));
  for (int e = 0; e < options.finetune_epochs; ++e) {
    const auto order = random.permutation(n);
    double loss_sum = 0;
    for (std::size_t first = 0; first < n; first += batch) {
      std::vector<std::size_t> samples;
      for (std::size_t i = first; i < std::min(n, first + batch); ++i) samples.push_back(split.training[order[i]]);
      for (auto& group : optimizer.param_groups())
        group.options().set_lr(options.learning_rate * 0.5 * (1 + std::cos(std::numbers::pi * step / total)));
      const at::Tensor input = augmented(runtime::read_samples(data, samples), random, options.mirror);
      const at::Tensor output = network.run({input}).at(0);
      const at::Tensor loss =
          at::cross_entropy_loss(output, at::tensor(labels_of(data, samples), at::kLong));
      optimizer.zero_grad();
      loss.backward();
      for (auto& [name, tensor] : network.parameters())
        if (const auto g = gradient_scale.find(name); g != gradient_scale.end() && tensor.grad().defined())
          tensor.mutable_grad().mul_(g->second);
      optimizer.step();
      const c10::NoGradGuard no_gradients;
      for (at::Tensor& s : steps) s.clamp_min_(1e-12);
      loss_sum += loss.item<double>() * static_cast<double>(samples.size());
      step += 1;
      progress.step();
    }
    const double mean_loss = loss_sum / static_cast<double>(n);
    if (!std::isfinite(mean_loss))
      throw Error("diverged", "fine-tuning", "try a lower --learning-rate");
    epochs.push_back({mean_loss, validate(network, data, split.validation, options.batch)});
    if (epochs.back().accuracy >= epochs[best].accuracy) {
      best = epochs.size() - 1;
      kept = copy_of(network.parameters());
    }
  }
  const c10::NoGradGuard no_gradients;
  for (auto& [name, tensor] : network.parameters()) tensor.copy_(kept.at(name));
  return epochs;
}

}  // namespace

Finetuned finetune_quantized(const Calibrated& network, const model::Recipe& recipe, const io::Dataset& training,
                             const Options& options) {
  const model::Model applied = model::apply(*network.network, recipe, model::WeightForm::trainable);
  Executor executor(applied, /*trainable=*/true);
  const auto scales = scale_parameters(applied, network);
  Finetuned result{.recipe = recipe};
  result.epochs = train(executor, scales, training, options, result.best);

  auto& trained = executor.parameters();
  for (model::QuantizedTensor& tensor : result.recipe.tensors) {
    const at::Tensor s = trained.at(scales.at(tensor.value).name).detach().contiguous();
    tensor.scales.assign(s.data_ptr<float>(), s.data_ptr<float>() + s.numel());
    if (tensor.kind != model::TensorKind::weight) continue;
    const at::Tensor w = trained.at(tensor.value).detach().contiguous();
    const auto layout = number::layout(w.sizes().vec(), tensor.granularity, tensor.axis, tensor.group_size);
    std::vector<std::uint8_t> codes(static_cast<std::size_t>(w.numel()));
    number::encode_tensor(tensor.format, recipe.ties, w.data_ptr<float>(), layout, tensor.scales.data(), codes.data());
    number::pack(codes.data(), codes.size(), tensor.format.bits, tensor.packed.data());
  }
  for (auto* constants : {&result.recipe.constants, &result.recipe.added_biases})
    for (auto& [name, tensor] : *constants)
      if (const auto found = trained.find(name); found != trained.end())
        tensor = runtime::from_torch(found->second);
  return result;
}

Finetuned finetune_float(const model::Model& model, const io::Dataset& training, const Options& options) {
  Executor executor(model, /*trainable=*/true);
  Finetuned result{.network = model};
  result.epochs = train(executor, {}, training, options, result.best);
  for (model::Value& value : result.network.values)
    if (const auto found = executor.parameters().find(value.name); found != executor.parameters().end())
      value.constant = std::make_shared<const model::Tensor>(runtime::from_torch(found->second));
  return result;
}

}  // namespace pare::quantize
