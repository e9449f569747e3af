// Operators that enlarge or shrink images.
#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "pare/base/error.h"
#include "pare/runtime/operators.h"

namespace pare::runtime {
namespace {

using model::Node;
using model::Op;
using model::ResizeAttributes;
using model::ResizeCoordinates;
using model::ResizeMode;
using model::ResizeRounding;

/// How one axis is resized.
struct AxisResize {
  std::int64_t from, to;
  double scale;
};

double source_of(const ResizeAttributes& a, const AxisResize& r, std::int64_t at) {
  const auto x = static_cast<double>(at), from = static_cast<double>(r.from), to = static_cast<double>(r.to);
  const double half = (x + 0.5) / r.scale - 0.5;
  switch (a.coordinates) {
    case ResizeCoordinates::half_pixel: return half;
    case ResizeCoordinates::half_pixel_symmetric: {
      const double adjustment = to / (r.scale * from), centre = from / 2;
      return centre * (1 - adjustment) + half;
    }
    case ResizeCoordinates::pytorch_half_pixel: return to > 1 ? half : 0;
    case ResizeCoordinates::align_corners: {
      const double length = r.scale * from;  // before it was made whole
      return length > 1 ? x * (from - 1) / (length - 1) : 0;
    }
    case ResizeCoordinates::asymmetric: return x / r.scale;
  }
  return x;
}

double nearest(ResizeRounding rounding, double x) {
  switch (rounding) {
    case ResizeRounding::prefer_floor: return std::ceil(x - 0.5);
    case ResizeRounding::prefer_ceil: return std::floor(x + 0.5);
    case ResizeRounding::floor: return std::floor(x);
    case ResizeRounding::ceil: return std::ceil(x);
  }
  return x;
}

/// Weights of the taps around a position whose fraction is t (Keys 1981 for cubic).
std::vector<double> taps_of(const ResizeAttributes& a, double t) {
  if (a.mode == ResizeMode::linear) return {1 - t, t};
  const double c = a.cubic;
  const auto near = [c](double d) { return ((c + 2) * d - (c + 3)) * d * d + 1; };
  const auto far = [c](double d) { return ((c * d - 5 * c) * d + 8 * c) * d - 4 * c; };
  return {far(1 + t), near(t), near(1 - t), far(2 - t)};
}

/// One axis after the other: every output is a weighted sum of a few inputs along it.
at::Tensor resize_axis(const at::Tensor& x, std::int64_t axis, const ResizeAttributes& a, const AxisResize& r) {
  const std::size_t taps = a.mode == ResizeMode::nearest ? 1 : a.mode == ResizeMode::linear ? 2 : 4;
  std::vector<std::vector<std::int64_t>> places(taps);
  std::vector<std::vector<float>> weights(taps);
  for (std::int64_t i = 0; i < r.to; ++i) {
    const double source = source_of(a, r, i);
    double first = std::floor(source);
    std::vector<double> w{1};
    if (a.mode == ResizeMode::nearest)
      first = nearest(a.rounding, source);
    else
      w = taps_of(a, source - first);
    if (a.mode == ResizeMode::cubic) first -= 1;
    double sum = 0;
    for (std::size_t t = 0; t < taps; ++t) {
      const double place = first + static_cast<double>(t);
      const bool outside = place < 0 || place >= static_cast<double>(r.from);
      if (outside && a.exclude_outside) w[t] = 0;
      sum += w[t];
      places[t].push_back(static_cast<std::int64_t>(std::clamp(place, 0.0, static_cast<double>(r.from - 1))));
    }
    for (std::size_t t = 0; t < taps; ++t)
      weights[t].push_back(static_cast<float>(a.exclude_outside ? w[t] / sum : w[t]));
  }
  at::Tensor out;
  std::vector<std::int64_t> shape(static_cast<std::size_t>(x.dim()), 1);
  shape[static_cast<std::size_t>(axis)] = r.to;
  for (std::size_t t = 0; t < taps; ++t) {
    at::Tensor part = at::index_select(x, axis, at::tensor(places[t], at::kLong));
    if (taps > 1) part = part * at::tensor(weights[t]).reshape(shape).to(x.scalar_type());
    out = out.defined() ? out + part : part;
  }
  return out;
}

at::Tensor resize(const Node& node, const Tensors& in) {
  const auto& a = node.as<ResizeAttributes>();
  const std::int64_t rank = in[0].dim();
  std::vector<std::int64_t> axes = a.axes;
  for (std::int64_t d = 0; a.axes.empty() && d < rank; ++d) axes.push_back(d);
  const bool by_size = in.size() > 3 && in[3].defined();
  std::vector<AxisResize> plan;
  double ratio = 0;
  for (std::size_t i = 0; i < axes.size(); ++i) {
    axes[i] = checked_axis(axes[i], rank);
    const std::int64_t from = in[0].size(axes[i]);
    const auto length = static_cast<double>(from);
    if (by_size) {
      const std::int64_t to = integers(in[3]).at(i);
      const double scale = static_cast<double>(to) / length;
      const bool smaller = a.aspect == model::ResizeAspect::not_larger;
      ratio = i == 0 ? scale : smaller ? std::min(ratio, scale) : std::max(ratio, scale);
      plan.push_back({from, to, scale});
    } else {
      const double scale = in[2].select(0, static_cast<std::int64_t>(i)).item<float>();
      plan.push_back({from, static_cast<std::int64_t>(std::floor(length * scale)), scale});
    }
  }
  at::Tensor x = in[0];
  for (std::size_t i = 0; i < axes.size(); ++i) {
    AxisResize r = plan[i];
    if (by_size && a.aspect != model::ResizeAspect::stretch)
      r = {r.from, static_cast<std::int64_t>(std::round(ratio * static_cast<double>(r.from))), ratio};
    if (r.from != r.to || r.scale != 1) x = resize_axis(x, axes[i], a, r);
  }
  return x;
}

/// inputs: data, kernel [channels, outputs / groups, ...], bias
at::Tensor conv_transpose(const Node& node, const Tensors& in) {
  const auto& a = node.as<model::ConvTransposeAttributes>();
  const auto n = static_cast<std::size_t>(in[0].dim() - 2);
  const auto or_value = [n](const std::vector<std::int64_t>& list, std::int64_t value, std::size_t count) {
    return list.empty() ? std::vector<std::int64_t>(count * n, value) : list;
  };
  const auto strides = or_value(a.window.strides, 1, 1), dilations = or_value(a.window.dilations, 1, 1);
  const auto extra = or_value(a.output_padding, 0, 1);
  auto pads = or_value(a.window.pads, 0, 2);
  const std::vector<std::int64_t> none(n, 0);
  at::Tensor y =
      at::convolution(in[0], in[1], {}, strides, none, dilations, /*transposed=*/true, none, a.window.groups);
  const bool same = a.window.auto_pad == model::AutoPad::same_upper || a.window.auto_pad == model::AutoPad::same_lower;
  for (std::size_t d = 0; d < n; ++d) {
    const auto axis = static_cast<std::int64_t>(d) + 2;
    const std::int64_t whole = y.size(axis) + extra[d];
    if (same || !a.output_shape.empty()) {
      const std::int64_t wanted = a.output_shape.empty() ? in[0].size(axis) * strides[d] : a.output_shape[d];
      const std::int64_t total = whole - wanted, half = total / 2;
      // ONNX ConvTranspose: the smaller half comes first, except under SAME_LOWER
      pads[d] = a.window.auto_pad == model::AutoPad::same_lower ? total - half : half;
      pads[d + n] = total - pads[d];
    }
  }
  std::vector<std::int64_t> cut;  // torch lists the last axis first
  for (std::size_t d = n; d-- > 0;) {
    cut.push_back(-pads[d]);
    cut.push_back(extra[d] - pads[d + n]);
  }
  y = at::constant_pad_nd(y, cut);
  if (in.size() < 3 || !in[2].defined()) return y;
  std::vector<std::int64_t> channels(static_cast<std::size_t>(y.dim()), 1);
  channels[1] = -1;
  return y + in[2].reshape(channels);
}

at::Tensor depth_to_space(const Node& node, const Tensors& in) {
  const auto& a = node.as<model::DepthAttributes>();
  const std::int64_t n = in[0].size(0), c = in[0].size(1), h = in[0].size(2), w = in[0].size(3), b = a.block;
  const at::Tensor x = a.column_row_depth ? in[0].reshape({n, c / (b * b), b, b, h, w}).permute({0, 1, 4, 2, 5, 3})
                                          : in[0].reshape({n, b, b, c / (b * b), h, w}).permute({0, 3, 4, 1, 5, 2});
  return x.reshape({n, c / (b * b), h * b, w * b});
}

at::Tensor space_to_depth(const Node& node, const Tensors& in) {
  const std::int64_t b = node.as<model::DepthAttributes>().block;
  const std::int64_t n = in[0].size(0), c = in[0].size(1), h = in[0].size(2) / b, w = in[0].size(3) / b;
  return in[0].reshape({n, c, h, b, w, b}).permute({0, 3, 5, 1, 2, 4}).reshape({n, c * b * b, h, w});
}

}  // namespace

void add_resize_operators(OperatorTable& table) {
  const auto set = [&table](Op op, Operator f) { table[static_cast<std::size_t>(op)] = std::move(f); };

  set(Op::resize, [](const Node& n, const Tensors& in) { return Tensors{resize(n, in)}; });
  set(Op::conv_transpose, [](const Node& n, const Tensors& in) { return Tensors{conv_transpose(n, in)}; });
  set(Op::depth_to_space, [](const Node& n, const Tensors& in) { return Tensors{depth_to_space(n, in)}; });
  set(Op::space_to_depth, [](const Node& n, const Tensors& in) { return Tensors{space_to_depth(n, in)}; });
}

}  // namespace pare::runtime
