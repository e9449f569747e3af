// Rules of operators that enlarge or shrink images.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "pare/base/error.h"
#include "pare/model/limits.h"
#include "pare/model/shape_rules.h"

namespace pare::model {
namespace {

using Integers = std::vector<std::int64_t>;

Integers filled(const Integers& list, std::size_t n, std::int64_t value, RuleContext& c, const char* what) {
  if (list.empty()) return Integers(n, value);
  if (list.size() != n) c.fail(fmt::format("has {} {} for {} spatial axes", list.size(), what, n));
  return list;
}

/// The floats of a constant input; nullopt where it is no constant.
std::optional<std::vector<float>> floats_in(const RuleContext& c, std::size_t i) {
  if (c.type(i) != ElementType::f32 || c.rank(i) != 1)
    c.fail(fmt::format("takes a list of float32 as input {}", i + 1));
  const auto& constant = c.in(i).constant;
  if (!constant) return std::nullopt;
  return std::vector<float>(constant->data<float>(), constant->data<float>() + constant->elements());
}

}  // namespace

void conv_transpose_rule(RuleContext& c) {
  auto& a = std::get<ConvTransposeAttributes>(c.node().attributes);
  c.require_float(0);
  c.require_same_types(0, 1);
  const Shape &x = c.shape(0), &w = c.shape(1);
  if (x.size() < 3 || w.size() != x.size())
    c.fail(fmt::format("has an input {} and a kernel {}", to_string(x), to_string(w)));
  const std::size_t n = x.size() - 2;
  Integers kernel;
  for (std::size_t d = 2; d < w.size(); ++d) {
    if (!w[d].known() || w[d].size < 1 || w[d].size > INT32_MAX) c.fail(fmt::format("has a kernel {}", to_string(w)));
    kernel.push_back(w[d].size);
  }
  if (x[1].known() && w[0].known() && (x[1].size != w[0].size || x[1].size % a.window.groups != 0))
    c.fail(fmt::format("has an input {}, a kernel {} and {} groups", to_string(x), to_string(w), a.window.groups));
  a.window.kernel = kernel;
  a.window.strides = filled(a.window.strides, n, 1, c, "strides");
  a.window.dilations = filled(a.window.dilations, n, 1, c, "dilations");
  a.window.pads = filled(a.window.pads, 2 * n, 0, c, "pads");
  a.output_padding = filled(a.output_padding, n, 0, c, "output paddings");
  if (!a.output_shape.empty() && a.output_shape.size() != n) c.fail("has an output_shape of another rank");
  const bool same = a.window.auto_pad == AutoPad::same_upper || a.window.auto_pad == AutoPad::same_lower;
  Shape output{x[0], w[1].known() ? Dimension{w[1].size * a.window.groups, {}} : Dimension{}};
  for (std::size_t d = 0; d < n; ++d) {
    const std::int64_t in = x[d + 2].size, stride = a.window.strides[d];
    Dimension size;
    if (!a.output_shape.empty())
      size.size = a.output_shape[d];
    else if (in >= 0 && same)
      size.size = in * stride;
    else if (in >= 0)
      size.size = stride * (in - 1) + a.output_padding[d] + (kernel[d] - 1) * a.window.dilations[d] + 1 -
                  a.window.pads[d] - a.window.pads[d + n];
    if (in >= 0 && size.size < 0) c.fail("cuts more than there is");
    output.push_back(size);
  }
  c.set(0, c.type(0), std::move(output));
}

void depth_to_space_rule(RuleContext& c) {
  const std::int64_t block = c.node().as<DepthAttributes>().block;
  if (c.rank(0) != 4) c.fail(fmt::format("takes [batch, channels, height, width], not {}", to_string(c.shape(0))));
  Shape output = c.shape(0);
  if (c.node().op == Op::depth_to_space) {
    if (output[1].known() && output[1].size % (block * block) != 0) c.fail("does not divide its channels evenly");
    output[1] = output[1].known() ? Dimension{output[1].size / (block * block), {}} : Dimension{};
    for (const std::size_t d : {2u, 3u})
      output[d] = output[d].known() ? Dimension{output[d].size * block, {}} : Dimension{};
  } else {
    output[1] = output[1].known() ? Dimension{output[1].size * block * block, {}} : Dimension{};
    for (const std::size_t d : {2u, 3u}) {
      if (output[d].known() && output[d].size % block != 0) c.fail("does not divide its sizes evenly");
      output[d] = output[d].known() ? Dimension{output[d].size / block, {}} : Dimension{};
    }
  }
  c.set(0, c.type(0), std::move(output));
}

void resize_rule(RuleContext& c) {
  const auto& a = c.node().as<ResizeAttributes>();
  Shape output = c.shape(0);
  std::vector<std::size_t> axes;
  for (const std::int64_t axis : a.axes) axes.push_back(c.axis(axis, c.rank(0)));
  for (std::size_t d = 0; a.axes.empty() && d < output.size(); ++d) axes.push_back(d);
  if (c.has(3)) {
    const auto sizes = c.entries(3);
    c.integers(3);
    if (sizes && sizes->size() != axes.size()) c.fail("has sizes for another number of axes");
    double ratio = 0;  // where the aspect is kept
    bool all = sizes.has_value();
    for (std::size_t i = 0; all && i < axes.size(); ++i) {
      all = (*sizes)[i].number && output[axes[i]].known() && output[axes[i]].size > 0;
      if (!all) break;
      const double r = static_cast<double>(*(*sizes)[i].number) / static_cast<double>(output[axes[i]].size);
      const bool smaller = a.aspect == ResizeAspect::not_larger;
      ratio = i == 0 ? r : smaller ? std::min(ratio, r) : std::max(ratio, r);
    }
    for (std::size_t i = 0; i < axes.size(); ++i) {
      Dimension& d = output[axes[i]];
      if (a.aspect != ResizeAspect::stretch) {
        d = all ? Dimension{static_cast<std::int64_t>(std::round(ratio * static_cast<double>(d.size))), {}}
                : Dimension{};
        continue;
      }
      const Entry entry = sizes ? (*sizes)[i] : Entry{};
      if (entry.number && (*entry.number < 0 || *entry.number > largest_dimension))
        c.fail("asks for an impossible size");
      d = entry.number ? Dimension{*entry.number, {}} : Dimension{-1, entry.symbol};
    }
  } else if (c.has(2)) {
    const auto scales = floats_in(c, 2);
    if (scales && scales->size() != axes.size()) c.fail("has scales for another number of axes");
    for (std::size_t i = 0; i < axes.size(); ++i) {
      Dimension& d = output[axes[i]];
      const float scale = scales ? (*scales)[i] : 0;
      if (scale == 1) continue;
      if (scales && !(scale > 0 && scale < 1e6f)) c.fail(fmt::format("scales by {}", scale));
      const bool known = scales && d.known();
      d = known ? Dimension{static_cast<std::int64_t>(std::floor(static_cast<float>(d.size) * scale)), {}}
                : Dimension{};
    }
  } else {
    c.fail("has neither scales nor sizes");
  }
  c.set(0, c.type(0), std::move(output));
}

}  // namespace pare::model
