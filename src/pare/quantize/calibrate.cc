#include "pare/quantize/calibrate.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <fmt/format.h>

#include <algorithm>

#include "pare/base/error.h"
#include "pare/base/progress.h"
#include "pare/base/random.h"
#include "pare/runtime/evaluate.h"

namespace pare::quantize {

using model::ValueId;

namespace {

constexpr std::size_t kept_values = std::size_t{1} << 20;  // of an activation; more change no scale noticeably

/// Gathers an even sample of a tensor's values over all batches, and its extremes.
class Collector {
 public:
  Collector(std::size_t batches, std::uint64_t seed)
      : per_batch_(std::max<std::size_t>(1, kept_values / batches)), random_(seed) {}

  void add(const at::Tensor& tensor, const at::Tensor& mask, const std::string& name) {
    const at::Tensor x = runtime::real_tokens(tensor, mask).to(at::kFloat).contiguous();
    const auto n = static_cast<std::size_t>(x.numel());
    if (n == 0) return;
    const float* data = x.data_ptr<float>();
    if (!number::all_finite(data, n))
      throw Error("takes values that are infinite or no numbers (NaN)", fmt::format("activation '{}'", printable(name)),
                  "check the network and the preprocessing of its data");
    low_ = std::min(low_, x.min().item<float>());
    high_ = std::max(high_, x.max().item<float>());
    elements_ = static_cast<double>(n) / static_cast<double>(tensor.dim() > 0 ? tensor.size(0) : 1);
    if (n <= per_batch_) {
      values_.insert(values_.end(), data, data + n);
      return;
    }
    // one value from each of per_batch_ equal stretches
    const double stretch = static_cast<double>(n) / static_cast<double>(per_batch_);
    for (std::size_t i = 0; i < per_batch_; ++i)
      values_.push_back(
          data[std::min(n - 1, static_cast<std::size_t>((static_cast<double>(i) + random_.uniform()) * stretch))]);
  }

  Activation finish(bool is_input) {
    values_.push_back(low_);
    values_.push_back(high_);
    return {SortedValues(values_.data(), values_.size()), low_ < 0, is_input, elements_};
  }

 private:
  std::size_t per_batch_;
  Random random_;
  std::vector<float> values_;
  float low_ = 0, high_ = 0;
  double elements_ = 0;
};

}  // namespace

TrainingSamples draw_samples(const io::Dataset& training, const Options& options) {
  if (training.size() == 0) throw Error("has no samples", training.name());
  Random random(options.seed);
  const auto order = random.permutation(training.size());
  const std::size_t half = std::max<std::size_t>(1, training.size() / 2);
  const std::size_t calibration = std::min(options.calibration_samples, half);
  const std::size_t selection = std::min(options.selection_samples, training.size() - calibration);
  const auto at = [&](std::size_t i) { return order.begin() + static_cast<std::ptrdiff_t>(i); };
  TrainingSamples samples{{at(0), at(calibration)}, {at(calibration), at(calibration + selection)}, {}};
  samples.rest.assign(at(calibration + selection), order.end());
  if (samples.selection.empty()) samples.selection = samples.calibration;  // a set of one sample
  return samples;
}

Calibrated calibrate(const model::Model& model, const io::Dataset& training, const TrainingSamples& samples,
                     const Options& options) {
  const c10::NoGradGuard no_gradients;
  Calibrated result{.network = &model, .layers = find_layers(model)};
  if (result.layers.empty())
    throw Error("has no convolution or matrix product with constant weights", model.name,
                "there is nothing to quantise");

  const auto batches = runtime::in_batches(training, samples.calibration, options.batch);
  std::map<ValueId, Collector> collectors;
  for (const ValueId id : layer_inputs(result.layers)) collectors.emplace(id, Collector(batches.size(), options.seed));
  const runtime::Executor network(model);
  Progress progress("calibrating", samples.calibration.size());
  for (const auto& group : batches) {
    const runtime::Batch batch = runtime::read_batch(model, training, group);
    const auto collect = [&](ValueId id, const at::Tensor& x) {
      if (const auto found = collectors.find(id); found != collectors.end())
        found->second.add(x, batch.mask, model.value(id).name);
    };
    for (std::size_t i = 0; i < batch.inputs.size(); ++i) collect(model.inputs[i], batch.inputs[i]);
    network.run(batch.inputs, [&](std::size_t node, std::vector<at::Tensor>& outputs) {
      for (std::size_t o = 0; o < outputs.size(); ++o) collect(model.nodes[node].outputs[o], outputs[o]);
    });
    progress.step(group.size());
  }
  for (auto& [id, collector] : collectors) {
    const bool is_input = std::ranges::find(model.inputs, id) != model.inputs.end();
    result.activations.emplace(id, collector.finish(is_input));
  }
  return result;
}

std::vector<std::size_t> samples_that_fit(const Calibrated& network, const std::vector<std::size_t>& samples) {
  double largest = 1;
  for (const auto& [id, activation] : network.activations) largest = std::max(largest, activation.elements);
  // a handful of tensors of that size live at once
  const auto most = static_cast<std::size_t>(std::max(1.0, 2e9 / (5 * 4 * largest)));
  return {samples.begin(), samples.begin() + static_cast<std::ptrdiff_t>(std::min(most, samples.size()))};
}

}  // namespace pare::quantize
