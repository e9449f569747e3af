// Operators that slide a window over the spatial axes, and normalisation.
#include <ATen/ATen.h>
#include <fmt/format.h>

#include <limits>

#include "pare/base/error.h"
#include "pare/runtime/operators.h"

namespace pare::runtime {
namespace {

using model::AutoPad;
using model::Node;
using model::Op;
using Sizes = std::vector<std::int64_t>;

Sizes or_ones(const Sizes& list, std::size_t n) { return list.empty() ? Sizes(n, 1) : list; }

/// Begins, then ends, of the padding of every spatial axis.
template <typename WindowAttributes>
Sizes resolved_pads(const WindowAttributes& a, const at::Tensor& x, const Sizes& kernel, const Sizes& strides,
                    const Sizes& dilations) {
  const std::size_t n = kernel.size();
  if (a.auto_pad == AutoPad::explicit_pads) return a.pads.empty() ? Sizes(2 * n, 0) : a.pads;
  Sizes pads(2 * n, 0);
  if (a.auto_pad == AutoPad::valid) return pads;
  for (std::size_t i = 0; i < n; ++i) {
    const std::int64_t size = x.size(static_cast<std::int64_t>(i) + 2);
    const std::int64_t out = (size + strides[i] - 1) / strides[i];
    const std::int64_t total =
        std::max<std::int64_t>(0, (out - 1) * strides[i] + (kernel[i] - 1) * dilations[i] + 1 - size);
    const std::int64_t small = total / 2, large = total - small;
    pads[i] = a.auto_pad == AutoPad::same_upper ? small : large;
    pads[i + n] = total - pads[i];
  }
  return pads;
}

bool symmetric(const Sizes& pads) {
  const std::size_t n = pads.size() / 2;
  return std::equal(pads.begin(), pads.begin() + static_cast<std::ptrdiff_t>(n),
                    pads.begin() + static_cast<std::ptrdiff_t>(n));
}

at::Tensor pad_with(const at::Tensor& x, const Sizes& pads, double value) {
  const std::size_t n = pads.size() / 2;
  Sizes torch_pads;
  for (std::size_t i = n; i-- > 0;) {
    torch_pads.push_back(pads[i]);
    torch_pads.push_back(pads[i + n]);
  }
  return at::constant_pad_nd(x, torch_pads, value);
}

Sizes begins(const Sizes& pads) { return {pads.begin(), pads.begin() + static_cast<std::ptrdiff_t>(pads.size() / 2)}; }

at::Tensor conv(const Node& node, const Tensors& in) {
  const auto& a = node.as<model::ConvAttributes>();
  const Sizes kernel(in[1].sizes().begin() + 2, in[1].sizes().end());
  const Sizes strides = or_ones(a.strides, kernel.size()), dilations = or_ones(a.dilations, kernel.size());
  Sizes pads = resolved_pads(a, in[0], kernel, strides, dilations);
  at::Tensor x = in[0];
  if (!symmetric(pads)) {
    x = pad_with(x, pads, 0);
    pads.assign(pads.size(), 0);
  }
  const at::Tensor bias = in.size() > 2 ? in[2] : at::Tensor();
  return at::convolution(x, in[1], bias, strides, begins(pads), dilations, /*transposed=*/false,
                         Sizes(kernel.size(), 0), a.groups);
}

/// A window over 2-D images; a 1-D signal gets an axis of size one.
struct Window {
  at::Tensor x;
  Sizes kernel, strides, dilations, pads;
  bool one_dimensional;

  Window(const model::PoolAttributes& a, const at::Tensor& input) : x(input), kernel(a.kernel) {
    const std::size_t n = kernel.size();
    if (n != static_cast<std::size_t>(input.dim()) - 2 || n > 2 || n < 1)
      throw Error(fmt::format("pooling over {} axes is not supported", n), "runtime");
    strides = or_ones(a.strides, n);
    dilations = or_ones(a.dilations, n);
    pads = resolved_pads(a, input, kernel, strides, dilations);
    one_dimensional = n == 1;
    if (!one_dimensional) return;
    x = x.unsqueeze(2);
    kernel.insert(kernel.begin(), 1);
    strides.insert(strides.begin(), 1);
    dilations.insert(dilations.begin(), 1);
    pads = {0, pads[0], 0, pads[1]};
  }

  at::Tensor result(const at::Tensor& y) const { return one_dimensional ? y.squeeze(2) : y; }

  /// Torch pads alike on both sides and by half the window at most.
  bool fits_torch() const {
    if (!symmetric(pads)) return false;
    for (std::size_t i = 0; i < 2; ++i)
      if (2 * pads[i] > kernel[i]) return false;
    return true;
  }
};

at::Tensor max_pool(const Node& node, const Tensors& in) {
  const auto& a = node.as<model::PoolAttributes>();
  Window w(a, in[0]);
  if (node.outputs.size() > 1 && node.outputs[1] != model::no_value)
    throw Error("the indices of MaxPool are not supported", printable(node.name));
  if (!w.fits_torch()) {
    w.x = pad_with(w.x, w.pads, -std::numeric_limits<double>::infinity());
    w.pads.assign(4, 0);
  }
  return w.result(at::max_pool2d(w.x, w.kernel, w.strides, begins(w.pads), w.dilations, a.ceil_mode));
}

at::Tensor average_pool(const Node& node, const Tensors& in) {
  const auto& a = node.as<model::PoolAttributes>();
  Window w(a, in[0]);
  for (const auto dilation : w.dilations)
    if (dilation != 1) throw Error("AveragePool with dilations is not supported", printable(node.name));
  if (w.fits_torch())
    return w.result(at::avg_pool2d(w.x, w.kernel, w.strides, begins(w.pads), a.ceil_mode, a.count_include_pad));
  const at::Tensor padded = pad_with(w.x, w.pads, 0);
  const at::Tensor sums = at::avg_pool2d(padded, w.kernel, w.strides, {0, 0}, a.ceil_mode, true, 1);
  if (a.count_include_pad && !a.ceil_mode) return w.result(sums / static_cast<double>(w.kernel[0] * w.kernel[1]));
  // an element counts where it is not padding, or where padding is counted and it is no overhang of ceil_mode
  const at::Tensor ones = at::ones_like(w.x.slice(0, 0, 1).slice(1, 0, 1));
  const at::Tensor mask = pad_with(ones, w.pads, a.count_include_pad ? 1 : 0);
  return w.result(sums / at::avg_pool2d(mask, w.kernel, w.strides, {0, 0}, a.ceil_mode, true, 1));
}

Sizes spatial_axes(const at::Tensor& x) {
  Sizes axes;
  for (std::int64_t i = 2; i < x.dim(); ++i) axes.push_back(i);
  return axes;
}

}  // namespace

void add_window_operators(OperatorTable& table) {
  const auto set = [&table](Op op, Operator f) { table[static_cast<std::size_t>(op)] = std::move(f); };

  set(Op::conv, [](const Node& n, const Tensors& in) { return Tensors{conv(n, in)}; });
  set(Op::max_pool, [](const Node& n, const Tensors& in) { return Tensors{max_pool(n, in)}; });
  set(Op::average_pool, [](const Node& n, const Tensors& in) { return Tensors{average_pool(n, in)}; });
  set(Op::global_average_pool,
      [](const Node&, const Tensors& in) { return Tensors{at::mean(in[0], spatial_axes(in[0]), true)}; });
  set(Op::global_max_pool,
      [](const Node&, const Tensors& in) { return Tensors{at::amax(in[0], spatial_axes(in[0]), true)}; });
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
