#include "pare/quantize/correction.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <algorithm>

#include "pare/base/error.h"
#include "pare/runtime/executor.h"

namespace pare::quantize {

using model::no_value;

const char* name(Correction correction) {
  switch (correction) {
    case Correction::none: return "none";
    case Correction::mean: return "mean";
    case Correction::affine: return "affine";
  }
  return "";
}

namespace {

/// out' = gain * out + shift, by channel.
struct Affine {
  std::vector<float> gain, shift;
};

at::Tensor along(const at::Tensor& by_channel, const at::Tensor& like, std::int64_t axis) {
  std::vector<std::int64_t> shape(static_cast<std::size_t>(like.dim()), 1);
  shape[static_cast<std::size_t>(axis < 0 ? axis + like.dim() : axis)] = by_channel.numel();
  return by_channel.reshape(shape);
}

std::vector<float> to_vector(const at::Tensor& x) {
  const at::Tensor f = x.to(at::kFloat).contiguous();
  return {f.data_ptr<float>(), f.data_ptr<float>() + f.numel()};
}

/// The affine map of least squared error from the quantised output to the float one; gains stay within a factor of two,
/// beyond that the layer is broken and no gain mends it.
Affine fit(const at::Tensor& quantized, const at::Tensor& exact, std::int64_t axis, bool with_gain) {
  std::vector<std::int64_t> others;
  for (std::int64_t i = 0; i < quantized.dim(); ++i)
    if (i != (axis < 0 ? axis + quantized.dim() : axis)) others.push_back(i);
  const auto mean = [&](const at::Tensor& x) { return at::mean(x, others, /*keepdim=*/false, at::kDouble); };
  const at::Tensor q_mean = mean(quantized), f_mean = mean(exact);
  at::Tensor gain = at::ones_like(q_mean);
  if (with_gain) {
    const at::Tensor q = quantized - along(q_mean.to(at::kFloat), quantized, axis);
    const at::Tensor variance = mean(q * q), covariance = mean(q * exact);
    gain = at::where(variance > 1e-20, covariance / variance.clamp_min(1e-20), gain).clamp(0.5, 2.0);
  }
  return {to_vector(gain), to_vector(f_mean - gain * q_mean)};
}

class Corrector {
 public:
  Corrector(const Calibrated& network, model::Recipe& recipe, bool with_gain, at::Tensor mask)
      : m_(*network.network), recipe_(recipe), with_gain_(with_gain), mask_(std::move(mask)), readers_(m_.readers()) {}

  /// Corrects one layer in the recipe and returns its corrected output.
  at::Tensor correct(const Layer& layer, const at::Tensor& quantized, const at::Tensor& exact) {
    if (layer.bias != no_value && shared(layer.bias)) return quantized;
    model::QuantizedTensor& weight =
        *std::ranges::find(recipe_.tensors, m_.value(layer.weight).name, &model::QuantizedTensor::value);
    const bool can_scale = weight.granularity != number::Granularity::tensor && !shared(layer.weight);
    const std::int64_t axis = layer.output_axis;
    // without padding, tokens are one axis and channels are the last
    const at::Tensor q = runtime::real_tokens(quantized, mask_), f = runtime::real_tokens(exact, mask_);
    const Affine a = fit(q, f, q.dim() == quantized.dim() ? axis : q.dim() - 1, with_gain_ && can_scale);
    const std::size_t channels = a.gain.size(), each = weight.scales.size() / std::max<std::size_t>(1, channels);
    if (with_gain_ && can_scale)
      for (std::size_t i = 0; i < weight.scales.size(); ++i) weight.scales[i] *= a.gain[i / each];

    std::vector<float> bias(channels, 0.0f);
    if (layer.bias != no_value) {
      const model::Tensor& old = recipe_.constants.at(m_.value(layer.bias).name);
      for (std::size_t c = 0; c < channels; ++c) bias[c] = old.data<float>()[old.elements() == 1 ? 0 : c];
    }
    for (std::size_t c = 0; c < channels; ++c) bias[c] = a.gain[c] * bias[c] + a.shift[c];
    const model::Tensor tensor = model::Tensor::f32({static_cast<std::int64_t>(channels)}, bias);
    if (layer.bias != no_value)
      recipe_.constants[m_.value(layer.bias).name] = tensor;
    else
      recipe_.added_biases[m_.nodes[layer.node].name] = tensor;
    return quantized * along(at::tensor(a.gain), quantized, layer.output_axis) +
           along(at::tensor(a.shift), quantized, layer.output_axis);
  }

 private:
  bool shared(model::ValueId id) const { return readers_[static_cast<std::size_t>(id)].size() > 1; }

  const model::Model& m_;
  model::Recipe& recipe_;
  bool with_gain_;
  at::Tensor mask_;
  std::vector<std::vector<std::size_t>> readers_;
};

}  // namespace

model::Recipe correct(const Calibrated& network, model::Recipe recipe, Correction correction,
                      const runtime::Batch& samples) {
  if (correction == Correction::none) return recipe;
  const c10::NoGradGuard no_gradients;
  const model::Model& m = *network.network;
  const runtime::Executor exact(m), quantized(model::apply(m, recipe));
  runtime::Executor::Run exact_run(exact, samples.inputs), quantized_run(quantized, samples.inputs);
  Corrector corrector(network, recipe, correction == Correction::affine, samples.mask);
  for (const Layer& layer : network.layers) {
    const std::string& node = m.nodes[layer.node].name;
    const auto mend = [&](std::size_t n, std::vector<at::Tensor>& outputs) {
      if (quantized.model().nodes[n].name == node)
        outputs[0] = corrector.correct(layer, outputs[0], exact_run.latest());
    };
    if (!exact_run.run_to(node) || !quantized_run.run_to(node, mend))
      throw Error("is not met when the network runs", "layer '" + printable(node) + "'");
  }
  return recipe;
}

}  // namespace pare::quantize
