// Normalisations.
#include <ATen/ATen.h>

#include "pare/runtime/operators.h"

namespace pare::runtime {
namespace {

using model::Node;
using model::NormalizationAttributes;
using model::Op;

/// Outputs: normalised, and, where wanted, mean and inverse standard deviation.
Tensors layer_normalization(const Node& node, const Tensors& in) {
  const auto& a = node.as<NormalizationAttributes>();
  const std::int64_t axis = checked_axis(a.axis, in[0].dim());
  const at::IntArrayRef normalised = in[0].sizes().slice(static_cast<std::size_t>(axis));
  at::Tensor scale = in[1].expand(normalised), bias = optional_input(in, 2);
  if (bias.defined()) bias = bias.expand(normalised);
  if (node.outputs.size() == 1) return {at::layer_norm(in[0], normalised, scale, bias, a.epsilon)};
  auto [y, mean, deviation] = at::native_layer_norm(in[0], normalised, scale, bias, a.epsilon);
  return {y, mean, deviation};
}

at::Tensor group_normalization(const Node& node, const Tensors& in) {
  const auto& a = node.as<NormalizationAttributes>();
  const auto by_channel = [&](const at::Tensor& x) {  // opset 18 gave one figure a group
    return x.size(0) == in[0].size(1) ? x : x.repeat_interleave(in[0].size(1) / a.groups);
  };
  return at::group_norm(in[0], a.groups, by_channel(in[1]), by_channel(in[2]), a.epsilon, /*cudnn_enabled=*/false);
}

at::Tensor lp_normalization(const Node& node, const Tensors& in) {
  const auto& a = node.as<model::LpNormalizationAttributes>();
  const at::Tensor norm = at::norm(in[0], at::Scalar(a.p), {checked_axis(a.axis, in[0].dim())}, /*keepdim=*/true);
  return at::where(norm == 0, at::zeros_like(in[0]), in[0] / norm);
}

at::Tensor mean_variance(const Node& node, const Tensors& in) {
  const auto& axes = node.as<model::AxesAttributes>().axes;
  const at::Tensor mean = at::mean(in[0], axes, true);
  const at::Tensor variance = at::mean(in[0] * in[0], axes, true) - mean * mean;
  return (in[0] - mean) / (at::sqrt(variance) + 1e-9);
}

}  // namespace

void add_normalization_operators(OperatorTable& table) {
  const auto set = [&table](Op op, Operator f) { table[static_cast<std::size_t>(op)] = std::move(f); };

  set(Op::layer_normalization, layer_normalization);
  set(Op::rms_normalization, [](const Node& n, const Tensors& in) {
    const auto& a = n.as<NormalizationAttributes>();
    const std::int64_t axis = checked_axis(a.axis, in[0].dim());
    const at::IntArrayRef normalised = in[0].sizes().slice(static_cast<std::size_t>(axis));
    return Tensors{at::rms_norm(in[0], normalised, in[1].expand(normalised), a.epsilon)};
  });
  set(Op::instance_normalization, [](const Node& n, const Tensors& in) {
    return Tensors{at::instance_norm(in[0], in[1], in[2], {}, {}, /*use_input_stats=*/true, 0,
                                     n.as<NormalizationAttributes>().epsilon, false)};
  });
  set(Op::group_normalization, [](const Node& n, const Tensors& in) { return Tensors{group_normalization(n, in)}; });
  set(Op::lp_normalization, [](const Node& n, const Tensors& in) { return Tensors{lp_normalization(n, in)}; });
  set(Op::mean_variance_normalization, [](const Node& n, const Tensors& in) { return Tensors{mean_variance(n, in)}; });
  set(Op::batch_normalization, [](const Node& n, const Tensors& in) {
    const double epsilon = n.as<model::BatchNormalizationAttributes>().epsilon;
    return Tensors{at::batch_norm(in[0], in[1], in[2], in[3], in[4], /*training=*/false, 0, epsilon, false)};
  });
  set(Op::lrn, [](const Node& n, const Tensors& in) {
    const auto& a = n.as<model::LrnAttributes>();
    const std::int64_t before = (a.size - 1) / 2, after = a.size - 1 - before;
    // the sum of squares over a window of channels
    const at::Tensor squares = (in[0] * in[0]).flatten(2).unsqueeze(1);
    const at::Tensor padded = at::constant_pad_nd(squares, {0, 0, before, after});
    const at::Tensor sums = at::avg_pool2d(padded, {a.size, 1}, {1, 1}, {0, 0}, false, true, 1).squeeze(1);
    const at::Tensor scale =
        at::pow(sums.reshape(in[0].sizes()) * (a.alpha / static_cast<double>(a.size)) + a.bias, a.beta);
    return Tensors{in[0] / scale};
  });
}

}  // namespace pare::runtime
