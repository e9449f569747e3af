// Operators that slide a window over the spatial axes.
#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
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

/// A window over two or three spatial axes; a 1-D signal gets an axis of size one.
struct Window {
  at::Tensor x;
  Sizes kernel, strides, dilations, pads;
  bool one_dimensional;

  Window(const model::PoolAttributes& a, const at::Tensor& input) : x(input), kernel(a.kernel) {
    const std::size_t n = kernel.size();
    if (n != static_cast<std::size_t>(input.dim()) - 2 || n > 3 || n < 1)
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
  bool flat() const { return kernel.size() == 2; }

  /// Torch pads alike on both sides and by half the window at most.
  bool fits_torch() const {
    if (!symmetric(pads)) return false;
    for (std::size_t i = 0; i < kernel.size(); ++i)
      if (2 * pads[i] > kernel[i]) return false;
    return true;
  }

  /// How far the last window of axis i reaches beyond the padding, where ceil_mode lets it.
  std::int64_t overhang(std::size_t i, bool ceil_mode) const {
    const std::size_t n = kernel.size();
    const std::int64_t size = x.size(static_cast<std::int64_t>(i) + 2), extent = dilations[i] * (kernel[i] - 1) + 1;
    const std::int64_t room = size + pads[i] + pads[i + n] - extent;
    std::int64_t count = (room + (ceil_mode ? strides[i] - 1 : 0)) / strides[i] + 1;
    if (ceil_mode && (count - 1) * strides[i] >= size + pads[i]) --count;  // it would begin in the padding at the end
    return std::max<std::int64_t>(0, (count - 1) * strides[i] - room);
  }
};

at::Tensor max_pool(const Node& node, const Tensors& in) {
  const auto& a = node.as<model::PoolAttributes>();
  Window w(a, in[0]);
  if (node.outputs.size() > 1 && node.outputs[1] != model::no_value)
    throw Error("the indices of MaxPool are not supported", printable(node.name));
  if (!w.fits_torch()) {
    w.x = pad_with(w.x, w.pads, -std::numeric_limits<double>::infinity());
    w.pads.assign(w.pads.size(), 0);
  }
  const auto pool = w.flat() ? &at::max_pool2d : &at::max_pool3d;
  return w.result(pool(w.x, w.kernel, w.strides, begins(w.pads), w.dilations, a.ceil_mode));
}

at::Tensor average_pool(const Node& node, const Tensors& in) {
  const auto& a = node.as<model::PoolAttributes>();
  const Window w(a, in[0]);
  const bool dilated = std::ranges::any_of(w.dilations, [](auto d) { return d != 1; });
  if (w.fits_torch() && !dilated) {
    const auto pool = w.flat() ? &at::avg_pool2d : &at::avg_pool3d;
    return w.result(pool(w.x, w.kernel, w.strides, begins(w.pads), a.ceil_mode, a.count_include_pad, std::nullopt));
  }
  // sums by convolution with ones; an element counts where it is not padding, or where padding is counted and it is no
  // overhang of ceil_mode
  const std::size_t n = w.kernel.size();
  Sizes beyond(2 * n, 0), kernel{1, 1};
  for (std::size_t i = 0; i < n; ++i) beyond[i + n] = w.overhang(i, a.ceil_mode);
  kernel.insert(kernel.end(), w.kernel.begin(), w.kernel.end());
  const at::Tensor ones = at::ones(kernel, w.x.options());
  const auto sums = [&](const at::Tensor& x) {
    const at::Tensor padded = pad_with(x, beyond, 0);
    const at::Tensor flat = padded.flatten(0, 1).unsqueeze(1);  // channels one by one
    const at::Tensor y = at::convolution(flat, ones, {}, w.strides, Sizes(n, 0), w.dilations, false, Sizes(n, 0), 1);
    return y.squeeze(1).unflatten(0, {x.size(0), x.size(1)});
  };
  const at::Tensor mask = at::ones_like(w.x.slice(0, 0, 1).slice(1, 0, 1));
  return w.result(sums(pad_with(w.x, w.pads, 0)) / sums(pad_with(mask, w.pads, a.count_include_pad ? 1 : 0)));
}

Sizes spatial_axes(const at::Tensor& x) {
  Sizes axes;
  for (std::int64_t i = 2; i < x.dim(); ++i) axes.push_back(i);
  return axes;
}

}  // namespace

at::Tensor convolve(const model::ConvAttributes& a, const at::Tensor& input, const at::Tensor& w,
                    const at::Tensor& bias) {
  const Sizes kernel(w.sizes().begin() + 2, w.sizes().end());
  const Sizes strides = or_ones(a.strides, kernel.size()), dilations = or_ones(a.dilations, kernel.size());
  Sizes pads = resolved_pads(a, input, kernel, strides, dilations);
  at::Tensor x = input;
  if (!symmetric(pads)) {
    x = pad_with(x, pads, 0);
    pads.assign(pads.size(), 0);
  }
  return at::convolution(x, w, bias, strides, begins(pads), dilations, /*transposed=*/false, Sizes(kernel.size(), 0),
                         a.groups);
}

void add_window_operators(OperatorTable& table) {
  const auto set = [&table](Op op, Operator f) { table[static_cast<std::size_t>(op)] = std::move(f); };

  set(Op::conv, [](const Node& n, const Tensors& in) {
    return Tensors{convolve(n.as<model::ConvAttributes>(), in[0], in[1], optional_input(in, 2))};
  });
  set(Op::max_pool, [](const Node& n, const Tensors& in) { return Tensors{max_pool(n, in)}; });
  set(Op::average_pool, [](const Node& n, const Tensors& in) { return Tensors{average_pool(n, in)}; });
  set(Op::global_average_pool,
      [](const Node&, const Tensors& in) { return Tensors{at::mean(in[0], spatial_axes(in[0]), true)}; });
  set(Op::global_max_pool,
      [](const Node&, const Tensors& in) { return Tensors{at::amax(in[0], spatial_axes(in[0]), true)}; });
}

}  // namespace pare::runtime
