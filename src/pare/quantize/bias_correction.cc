#include "pare/quantize/bias_correction.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include "pare/runtime/executor.h"

namespace pare::quantize {

using model::no_value;

model::Recipe correct_biases(const Calibrated& network, model::Recipe recipe, const at::Tensor& samples) {
  const c10::NoGradGuard no_gradients;
  const model::Model& m = *network.network;
  const runtime::Executor quantized(model::apply(m, recipe));
  const auto readers = m.readers();
  std::map<std::string, const Layer*> layer_of_name;
  std::map<const Layer*, std::size_t> number_of;
  for (std::size_t i = 0; i < network.layers.size(); ++i) {
    const Layer& layer = network.layers[i];
    layer_of_name[m.nodes[layer.node].name] = &layer;
    number_of[&layer] = i;
  }

  quantized.run({samples}, [&](std::size_t node, std::vector<at::Tensor>& outputs) {
    const auto found = layer_of_name.find(quantized.model().nodes[node].name);
    if (found == layer_of_name.end()) return;
    const Layer& layer = *found->second;
    const bool shared = layer.bias != no_value && readers[static_cast<std::size_t>(layer.bias)].size() > 1;
    if (shared) return;
    const auto means = channel_means(outputs[0], layer.output_axis);
    const auto& wanted = network.output_means[number_of.at(&layer)];
    std::vector<float> shift(means.size());
    for (std::size_t c = 0; c < shift.size(); ++c) shift[c] = static_cast<float>(wanted[c] - means[c]);

    // the layers behind see the corrected output
    std::vector<std::int64_t> shape(static_cast<std::size_t>(outputs[0].dim()), 1);
    const auto axis = static_cast<std::size_t>(layer.output_axis < 0 ? outputs[0].dim() - 1 : layer.output_axis);
    shape[axis] = static_cast<std::int64_t>(shift.size());
    outputs[0] = outputs[0] + at::tensor(shift).reshape(shape);

    if (layer.bias == no_value) {
      recipe.added_biases[m.nodes[layer.node].name] =
          model::Tensor::f32({static_cast<std::int64_t>(shift.size())}, shift);
      return;
    }
    model::Tensor& bias = recipe.constants.at(m.value(layer.bias).name);
    const std::size_t n = bias.elements();  // a Gemm's bias may be one value for all channels
    std::vector<float> corrected(shift.size());
    for (std::size_t c = 0; c < shift.size(); ++c) corrected[c] = bias.data<float>()[n == 1 ? 0 : c] + shift[c];
    bias = model::Tensor::f32({static_cast<std::int64_t>(corrected.size())}, corrected);
  });
  return recipe;
}

}  // namespace pare::quantize
