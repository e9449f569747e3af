// Operators that move elements about and compute shapes.
#include <ATen/ATen.h>
#include <fmt/format.h>

#include "pare/base/error.h"
#include "pare/runtime/operators.h"
#include "pare/runtime/tensors.h"

namespace pare::runtime {
namespace {

using model::AxisAttributes;
using model::Node;
using model::Op;

at::Tensor reshape(const Node& node, const Tensors& in) {
  std::vector<std::int64_t> shape = integers(in[1]);
  if (!node.as<model::ReshapeAttributes>().allow_zero)
    for (std::size_t i = 0; i < shape.size(); ++i)
      if (shape[i] == 0) shape[i] = in[0].size(static_cast<std::int64_t>(i));
  return at::reshape(in[0], shape);
}

at::Tensor flatten(const Node& node, const Tensors& in) {
  std::int64_t axis = node.as<AxisAttributes>().axis;
  if (axis < 0) axis += in[0].dim();
  std::int64_t rows = 1, columns = 1;
  for (std::int64_t i = 0; i < in[0].dim(); ++i) (i < axis ? rows : columns) *= in[0].size(i);
  return at::reshape(in[0], {rows, columns});
}

/// inputs: data, starts, ends, axes, steps
at::Tensor slice(const Tensors& in) {
  const auto starts = integers(in[1]), ends = integers(in[2]);
  const bool has_axes = in.size() > 3 && in[3].defined(), has_steps = in.size() > 4 && in[4].defined();
  const auto axes = has_axes ? integers(in[3]) : std::vector<std::int64_t>{};
  const auto steps = has_steps ? integers(in[4]) : std::vector<std::int64_t>(starts.size(), 1);
  at::Tensor x = in[0];
  for (std::size_t i = 0; i < starts.size(); ++i) {
    const std::int64_t axis = checked_axis(has_axes ? axes[i] : static_cast<std::int64_t>(i), x.dim());
    const std::int64_t size = x.size(axis), step = steps[i];
    const auto from_end = [size](std::int64_t at) { return at < 0 ? at + size : at; };
    if (step > 0) {
      const auto start = std::clamp<std::int64_t>(from_end(starts[i]), 0, size);
      const auto end = std::clamp<std::int64_t>(from_end(ends[i]), 0, size);
      x = at::slice(x, axis, start, std::max(start, end), step);
    } else {  // torch has no negative steps
      std::vector<std::int64_t> picked;
      const auto start = std::clamp<std::int64_t>(from_end(starts[i]), -1, size - 1);
      const auto end = ends[i] < -size ? -1 : std::clamp<std::int64_t>(from_end(ends[i]), -1, size - 1);
      for (std::int64_t j = start; j > end; j += step) picked.push_back(j);
      x = at::index_select(x, axis, at::tensor(picked, at::kLong).to(x.device()));
    }
  }
  return x;
}

/// inputs: data, pads, value, axes
at::Tensor pad(const Node& node, const Tensors& in) {
  const auto pads = integers(in[1]);
  const std::int64_t rank = in[0].dim();
  std::vector<std::int64_t> axes;
  if (in.size() > 3 && in[3].defined())
    axes = integers(in[3]);
  else
    for (std::int64_t i = 0; i < rank; ++i) axes.push_back(i);
  if (pads.size() != 2 * axes.size()) throw Error("Pad has a wrong number of pads", printable(node.name));
  // torch lists the last axis first, begin and end together
  std::vector<std::int64_t> torch_pads(2 * static_cast<std::size_t>(rank), 0);
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const auto at = 2 * static_cast<std::size_t>(rank - 1 - checked_axis(axes[i], rank));
    torch_pads[at] = pads[i];
    torch_pads[at + 1] = pads[i + axes.size()];
  }
  const auto mode = node.as<model::PadAttributes>().mode;
  if (mode == model::PadMode::constant) {
    const at::Scalar value = in.size() > 2 && in[2].defined() ? in[2].item() : at::Scalar(0);
    return at::constant_pad_nd(in[0], torch_pads, value);
  }
  while (torch_pads.size() > 2 && torch_pads[torch_pads.size() - 1] == 0 && torch_pads[torch_pads.size() - 2] == 0)
    torch_pads.resize(torch_pads.size() - 2);
  constexpr const char* modes[] = {"constant", "reflect", "replicate", "circular"};
  return at::pad(in[0], torch_pads, modes[static_cast<int>(mode)]);
}

Tensors split(const Node& node, const Tensors& in) {
  const std::int64_t axis = checked_axis(node.as<AxisAttributes>().axis, in[0].dim());
  if (in.size() > 1 && in[1].defined()) return at::split_with_sizes(in[0], integers(in[1]), axis);
  const auto parts = static_cast<std::int64_t>(node.outputs.size());
  return at::split(in[0], (in[0].size(axis) + parts - 1) / parts, axis);
}

at::Tensor squeeze(const Tensors& in) {
  if (in.size() < 2 || !in[1].defined()) return at::squeeze(in[0]);
  return at::squeeze(in[0], integers(in[1]));
}

at::Tensor unsqueeze(const Tensors& in) {
  std::vector<std::int64_t> axes = integers(in[1]);
  const auto rank = in[0].dim() + static_cast<std::int64_t>(axes.size());
  for (auto& axis : axes) axis = checked_axis(axis, rank);
  std::ranges::sort(axes);
  at::Tensor x = in[0];
  for (const auto axis : axes) x = at::unsqueeze(x, axis);
  return x;
}

/// Any rank of indices; negative ones count from the end.
at::Tensor gather(const Node& node, const Tensors& in) {
  const std::int64_t axis = checked_axis(node.as<AxisAttributes>().axis, in[0].dim());
  at::Tensor flat = in[1].to(at::kLong).reshape({-1});
  flat = at::where(flat < 0, flat + in[0].size(axis), flat);
  const at::Tensor picked = at::index_select(in[0], axis, flat);
  std::vector<std::int64_t> shape(in[0].sizes().begin(), in[0].sizes().begin() + axis);
  shape.insert(shape.end(), in[1].sizes().begin(), in[1].sizes().end());
  shape.insert(shape.end(), in[0].sizes().begin() + axis + 1, in[0].sizes().end());
  return picked.reshape(shape);
}

at::Tensor expand(const Tensors& in) {
  const auto wanted = integers(in[1]);
  const auto shape = at::infer_size(in[0].sizes(), wanted);  // ONNX broadcasts both ways
  return in[0].expand(shape);
}

at::Tensor shape_of(const Node& node, const Tensors& in) {
  const auto& a = node.as<model::ShapeAttributes>();
  const std::int64_t rank = in[0].dim();
  const auto bound = [rank](std::int64_t at) { return std::clamp<std::int64_t>(at < 0 ? at + rank : at, 0, rank); };
  const std::vector<std::int64_t> sizes = in[0].sizes().vec();
  const auto begin = bound(a.start), end = std::max(begin, bound(a.end));
  return at::tensor(at::IntArrayRef(sizes.data() + begin, static_cast<std::size_t>(end - begin)), at::kLong);
}

at::Tensor constant_of_shape(const Node& node, const Tensors& in) {
  const auto& value = node.as<model::ConstantOfShapeAttributes>().value;
  const at::Tensor one = value ? as_torch(value).reshape({}) : at::zeros({}, at::kFloat);
  return one.expand(integers(in[0])).contiguous();
}

}  // namespace

void add_shape_operators(OperatorTable& table) {
  const auto set = [&table](Op op, Operator f) { table[static_cast<std::size_t>(op)] = std::move(f); };

  set(Op::reshape, [](const Node& n, const Tensors& in) { return Tensors{reshape(n, in)}; });
  set(Op::flatten, [](const Node& n, const Tensors& in) { return Tensors{flatten(n, in)}; });
  set(Op::slice, [](const Node&, const Tensors& in) { return Tensors{slice(in)}; });
  set(Op::pad, [](const Node& n, const Tensors& in) { return Tensors{pad(n, in)}; });
  set(Op::split, split);
  set(Op::squeeze, [](const Node&, const Tensors& in) { return Tensors{squeeze(in)}; });
  set(Op::unsqueeze, [](const Node&, const Tensors& in) { return Tensors{unsqueeze(in)}; });
  set(Op::gather, [](const Node& n, const Tensors& in) { return Tensors{gather(n, in)}; });
  set(Op::expand, [](const Node&, const Tensors& in) { return Tensors{expand(in)}; });
  set(Op::shape, [](const Node& n, const Tensors& in) { return Tensors{shape_of(n, in)}; });
  set(Op::constant_of_shape, [](const Node& n, const Tensors& in) { return Tensors{constant_of_shape(n, in)}; });
  set(Op::transpose, [](const Node& n, const Tensors& in) {
    return Tensors{in[0].permute(n.as<model::TransposeAttributes>().permutation)};
  });
  set(Op::concat, [](const Node& n, const Tensors& in) { return Tensors{at::cat(in, n.as<AxisAttributes>().axis)}; });
  set(Op::cast,
      [](const Node& n, const Tensors& in) { return Tensors{in[0].to(torch_type(n.as<model::CastAttributes>().to))}; });
  set(Op::range, [](const Node&, const Tensors& in) {
    return Tensors{at::arange(in[0].item(), in[1].item(), in[2].item(), in[0].options())};
  });
}

}  // namespace pare::runtime
