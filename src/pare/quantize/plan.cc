#include "pare/quantize/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "pare/base/error.h"

namespace pare::quantize {

using model::no_value;
using model::TensorKind;
using model::ValueId;

namespace {

/// The formats of those families that exist at this width; with their family names beside.
std::vector<number::Format> existing_formats(const std::vector<std::string>& families, int bits, bool is_signed,
                                             number::IntRange range, std::vector<std::string>& names) {
  std::vector<number::Format> formats;
  for (const auto& family : families) try {
      formats.push_back(formats_of({family}, bits, is_signed, range).front());
      names.push_back(family);
    } catch (const UsageError&) {
      if (families.size() == 1) throw;  // what was asked for by name must be there
    }
  return formats;
}

Window window_of(int bits, bool free_window) { return free_window ? Window::free() : Window::published(bits); }

std::vector<TensorPlan> to_plans(const std::vector<FormatFit>& fits, double count, double squares) {
  std::vector<TensorPlan> plans;
  plans.reserve(fits.size());
  count = std::max(count, 1.0);
  for (const auto& fit : fits) plans.push_back({fit, fit.squared_error / count, squares / count});
  return plans;
}

double sum_of_squares(const model::Tensor& tensor) {
  double sum = 0;
  for (std::size_t i = 0; i < tensor.elements(); ++i)
    sum += static_cast<double>(tensor.data<float>()[i]) * tensor.data<float>()[i];
  return sum;
}

}  // namespace

double Plan::squared_error() const {
  double sum = 0;
  for (const auto& [id, tensor] : tensors) sum += tensor.power > 0 ? tensor.mse / tensor.power : 0;
  return tensors.empty() ? 0 : sum / static_cast<double>(tensors.size());
}

number::Layout weight_layout(const model::Model& model, const Layer& layer, const Options& options) {
  return number::layout(model.value(layer.weight).constant->shape, options.weight_granularity, layer.channel_axis,
                        options.group_size);
}

FitTable::FitTable(const Calibrated& network, const std::vector<std::string>& families, int bits, bool free_window,
                   const Options& options) {
  for (const Layer& layer : network.layers) {
    if (fits_.contains(layer.weight)) continue;
    const auto& weight = *network.network->value(layer.weight).constant;
    const auto formats = existing_formats(families, bits, true, options.int_range, families_[layer.weight]);
    const auto layout = weight_layout(*network.network, layer, options);
    fits_[layer.weight] = to_plans(fit_formats(weight.data<float>(), layout, formats, window_of(bits, free_window)),
                                   static_cast<double>(weight.elements()), sum_of_squares(weight));
    is_weight_[layer.weight] = true;
  }
  for (const auto& [id, activation] : network.activations) {
    const bool wide_input = activation.is_input && options.input_bits > bits;
    const int width = wide_input ? options.input_bits : bits;
    // an input of bytes is near uniform: integers hold it best, and every method alike gets them
    const std::vector<std::string> own = wide_input ? std::vector<std::string>{"int"} : families;
    const auto formats = existing_formats(own, width, activation.is_signed, options.int_range, families_[id]);
    std::vector<FormatFit> fits;
    for (const auto& format : formats) {
      const Scale best = activation.values.best_scale(format, window_of(width, free_window));
      fits.push_back({format, {best.scale}, best.squared_error});
    }
    fits_[id] = to_plans(fits, static_cast<double>(activation.values.size()), activation.values.sum_of_squares());
    is_weight_[id] = false;
  }
  for (const auto& [id, fits] : fits_)
    if (fits.empty())
      throw UsageError(fmt::format("none of the formats exists at {} bits for '{}'", bits,
                                   printable(network.network->value(id).name)),
                       "--formats");
}

const TensorPlan& FitTable::fit(ValueId tensor, const std::string& family) const {
  const auto& names = families_.at(tensor);
  const auto& fits = fits_.at(tensor);
  const auto found = std::ranges::find(names, family);
  return found == names.end() ? fits.front() : fits[static_cast<std::size_t>(found - names.begin())];
}

Plan FitTable::single(const std::string& family) const { return split(family, family); }

Plan FitTable::split(const std::string& weight_family, const std::string& activation_family) const {
  Plan plan;
  for (const auto& [id, fits] : fits_)
    plan.tensors.emplace(id, fit(id, is_weight_.at(id) ? weight_family : activation_family));
  return plan;
}

Plan FitTable::least_error() const {
  Plan plan;
  for (const auto& [id, fits] : fits_) plan.tensors.emplace(id, *std::ranges::min_element(fits, {}, &TensorPlan::mse));
  return plan;
}

model::Recipe to_recipe(const Calibrated& network, const Plan& plan, const Options& options,
                        const std::string& method) {
  const model::Model& m = *network.network;
  model::Recipe recipe{.model_name = m.name, .model_hash = m.hash, .ties = options.ties, .method = method};
  std::set<ValueId> done;
  for (const Layer& layer : network.layers) {
    if (layer.bias != no_value) recipe.constants.emplace(m.value(layer.bias).name, *m.value(layer.bias).constant);
    if (done.insert(layer.input).second) {
      const Activation& activation = network.activations.at(layer.input);
      const TensorPlan& tensor = plan.tensors.at(layer.input);
      recipe.tensors.push_back({.value = m.value(layer.input).name,
                                .kind = activation.is_input ? TensorKind::input : TensorKind::activation,
                                .format = tensor.fit.format,
                                .scales = tensor.fit.scales,
                                .mse = tensor.mse});
    }
    if (!done.insert(layer.weight).second) continue;
    const TensorPlan& tensor = plan.tensors.at(layer.weight);
    const auto& weight = *m.value(layer.weight).constant;
    const auto layout = weight_layout(m, layer, options);
    std::vector<std::uint8_t> codes(weight.elements());
    number::encode_tensor(tensor.fit.format, options.ties, weight.data<float>(), layout, tensor.fit.scales.data(),
                          codes.data());
    model::QuantizedTensor stored{
        .value = m.value(layer.weight).name,
        .kind = TensorKind::weight,
        .format = tensor.fit.format,
        .granularity = options.weight_granularity,
        .axis = layer.channel_axis,
        .group_size = options.weight_granularity == number::Granularity::group ? options.group_size : 0,
        .scales = tensor.fit.scales,
        .mse = tensor.mse};
    stored.packed.resize(number::packed_bytes(codes.size(), tensor.fit.format.bits));
    number::pack(codes.data(), codes.size(), tensor.fit.format.bits, stored.packed.data());
    recipe.tensors.push_back(std::move(stored));
  }
  return recipe;
}

Widths widths(const Calibrated& network, const model::Recipe& recipe) {
  double weights = 0, weight_bits = 0, activations = 0, activation_bits = 0;
  std::map<std::string, double> elements;
  for (const auto& [id, activation] : network.activations)
    elements[network.network->value(id).name] = activation.elements;
  for (const Layer& layer : network.layers) {
    const auto& value = network.network->value(layer.weight);
    elements[value.name] = static_cast<double>(value.constant->elements());
  }
  for (const auto& tensor : recipe.tensors) {
    const double n = elements.at(tensor.value);
    (tensor.kind == TensorKind::weight ? weights : activations) += n;
    (tensor.kind == TensorKind::weight ? weight_bits : activation_bits) += n * tensor.format.bits;
  }
  return {weights > 0 ? weight_bits / weights : 0, activations > 0 ? activation_bits / activations : 0};
}

}  // namespace pare::quantize
