#include "pare/quantize/details.h"

#include <algorithm>
#include <cmath>

namespace pare::quantize {
namespace {

using model::QuantizedTensor;
using model::TensorKind;
using study::Json;

/// The values of a quantised tensor divided by their scales: for weights all, for activations the sample kept.
std::vector<float> grid_units(const Calibrated& network, const QuantizedTensor& tensor) {
  const model::Model& m = *network.network;
  const auto id = m.find(tensor.value);
  if (tensor.kind != TensorKind::weight) {
    std::vector<float> values = network.activations.at(id).values.values();
    for (float& x : values) x /= tensor.scales[0];
    return values;
  }
  const auto& weight = *m.value(id).constant;
  const auto layout = number::layout(weight.shape, tensor.granularity, tensor.axis, tensor.group_size);
  std::vector<float> spread = number::spread_scales(layout, tensor.scales.data());
  for (std::size_t i = 0; i < spread.size(); ++i) spread[i] = weight.data<float>()[i] / spread[i];
  return spread;
}

const char* name(number::Granularity granularity) {
  switch (granularity) {
    case number::Granularity::tensor: return "tensor";
    case number::Granularity::channel: return "channel";
    case number::Granularity::group: return "group";
  }
  return "";
}

Json distribution(const Calibrated& network, const QuantizedTensor& tensor) {
  const auto values = grid_units(network, tensor);
  const auto& points = number::values(tensor.format);
  const auto [low, high] = std::ranges::minmax(values);
  const double first = std::min<double>(low, points.front()), last = std::max<double>(high, points.back());
  constexpr std::size_t bins = 96;
  std::vector<double> edges(bins + 1);
  std::vector<std::size_t> counts(bins);
  for (std::size_t i = 0; i <= bins; ++i) edges[i] = first + (last - first) * static_cast<double>(i) / bins;
  for (const float x : values) {
    const double at = last > first ? (x - first) / (last - first) * bins : 0;
    ++counts[std::min(bins - 1, static_cast<std::size_t>(std::max(0.0, at)))];
  }
  return {{"tensor", tensor.value},
          {"kind", model::name(tensor.kind)},
          {"format", number::name(tensor.format)},
          {"scale", tensor.scales.size() == 1 ? Json(tensor.scales[0]) : Json("by channel")},
          {"unit", "grid units (value / scale)"},
          {"histogram", {{"edges", edges}, {"counts", counts}}},
          {"code_points", points}};
}

}  // namespace

Json tensor_details(const Calibrated& network, const model::Recipe& recipe, const Plan& plan) {
  Json rows = Json::array();
  for (const QuantizedTensor& tensor : recipe.tensors) {
    const auto [low, high] = std::ranges::minmax(tensor.scales);
    const auto id = network.network->find(tensor.value);
    float peak = 0;
    for (const float x : grid_units(network, tensor)) peak = std::max(peak, std::abs(x));
    const TensorPlan& planned = plan.tensors.at(id);
    rows.push_back({{"name", tensor.value},
                    {"kind", model::name(tensor.kind)},
                    {"format", number::name(tensor.format)},
                    {"bits", tensor.format.bits},
                    {"granularity", name(tensor.granularity)},
                    {"scale", low == high ? Json(low) : Json{{"min", low}, {"max", high}}},
                    {"mse", tensor.mse},
                    {"relative_mse", planned.power > 0 ? planned.mse / planned.power : 0},
                    {"range_used", std::min(1.0f, peak / number::largest(tensor.format))}});
  }
  return rows;
}

Json distributions(const Calibrated& network, const model::Recipe& recipe) {
  Json drawn = Json::array();
  for (const TensorKind kind : {TensorKind::weight, TensorKind::activation}) {
    const QuantizedTensor* worst = nullptr;
    for (const QuantizedTensor& tensor : recipe.tensors)
      if (tensor.kind == kind && (!worst || tensor.mse > worst->mse)) worst = &tensor;
    if (worst) drawn.push_back(distribution(network, *worst));
  }
  return drawn;
}

Json tried_details(const std::vector<NetworkCandidate>& tried) {
  Json rows = Json::array();
  for (const auto& candidate : tried)
    rows.push_back({{"rule", candidate.rule},
                    {"window", candidate.free_window ? "free" : "published"},
                    {"correction", name(candidate.correction)},
                    {"divergence", candidate.divergence},
                    {"mse", candidate.plan.squared_error()}});
  return rows;
}

Json finetune_details(const Finetuned& tuned) {
  Json epochs = Json::array(), loss = Json::array(), accuracy = Json::array();
  for (std::size_t e = 0; e < tuned.trained.epochs.size(); ++e) {
    epochs.push_back(e);
    loss.push_back(e == 0 ? Json() : Json(tuned.trained.epochs[e].loss));
    accuracy.push_back(tuned.trained.epochs[e].accuracy);
  }
  return {{"epochs", epochs}, {"loss", loss}, {"accuracy", accuracy}, {"kept_epoch", tuned.trained.best}};
}

}  // namespace pare::quantize
