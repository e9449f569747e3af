#include "pare/quantize/finetune.h"

#include <ATen/ATen.h>

#include <cmath>

#include "pare/runtime/tensors.h"

namespace pare::quantize {
namespace {

using runtime::Executor;

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

/// The network whose weights carry the gains that correction put into the recipe's scales: quantised with those scales
/// they give the recipe's codes again.
model::Model latent_network(const Calibrated& network, const Plan& plan, const model::Recipe& recipe) {
  model::Model latent = *network.network;
  for (const model::QuantizedTensor& tensor : recipe.tensors) {
    if (tensor.kind != model::TensorKind::weight) continue;
    const model::ValueId id = latent.find(tensor.value);
    model::Tensor weight = *latent.value(id).constant;
    const auto layout = number::layout(weight.shape, tensor.granularity, tensor.axis, tensor.group_size);
    const auto now = number::spread_scales(layout, tensor.scales.data());
    const auto before = number::spread_scales(layout, plan.tensors.at(id).fit.scales.data());
    for (std::size_t i = 0; i < now.size(); ++i) weight.data<float>()[i] *= now[i] / before[i];
    latent.value(id).constant = std::make_shared<const model::Tensor>(std::move(weight));
  }
  return latent;
}

runtime::TrainOptions train_options(const Options& options) {
  return {.epochs = options.finetune_epochs,
          .learning_rate = options.learning_rate,
          .batch = options.finetune_batch,
          .seed = options.seed,
          .mirror = options.mirror,
          .gradient_scale = {},
          .teacher = nullptr};
}

}  // namespace

Finetuned finetune_quantized(const Calibrated& network, const Plan& plan, const model::Recipe& recipe,
                             const model::Model& teacher, const io::Dataset& training, const Options& options) {
  const model::Model applied =
      model::apply(latent_network(network, plan, recipe), recipe, model::WeightForm::trainable);
  Executor executor(applied, /*trainable=*/true);
  const auto scales = scale_parameters(applied, network);
  Finetuned result{.recipe = recipe};
  const Executor teaching(teacher);
  runtime::TrainOptions how = train_options(options);
  how.teacher = &teaching;
  for (const auto& [of, scale] : scales) how.gradient_scale[scale.name] = scale.gradient_scale;
  result.trained = runtime::train(executor, training, how);

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
  for (auto& [name, tensor] : result.recipe.constants)
    if (const auto found = trained.find(name); found != trained.end()) tensor = runtime::from_torch(found->second);
  for (const model::Node& node : applied.nodes) {
    const auto added = result.recipe.added_biases.find(node.name);
    if (added == result.recipe.added_biases.end() || node.inputs.size() < 3) continue;
    if (const auto found = trained.find(applied.value(node.inputs[2]).name); found != trained.end())
      added->second = runtime::from_torch(found->second);
  }
  return result;
}

Finetuned finetune_float(const model::Model& model, const io::Dataset& training, const Options& options) {
  Executor executor(model, /*trainable=*/true);
  Finetuned result{.network = model};
  result.trained = runtime::train(executor, training, train_options(options));
  for (model::Value& value : result.network.values)
    if (const auto found = executor.parameters().find(value.name); found != executor.parameters().end())
      value.constant = std::make_shared<const model::Tensor>(runtime::from_torch(found->second));
  return result;
}

}  // namespace pare::quantize
