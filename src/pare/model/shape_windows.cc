// Rules of convolution, pooling and matrix products. They also complete the attributes of windows: afterwards kernel,
// strides, dilations and pads hold a number for every spatial axis, and pads are explicit where the sizes are known.
#include <fmt/format.h>

#include <algorithm>

#include "pare/base/error.h"
#include "pare/model/shape_rules.h"

namespace pare::model {
namespace {

using Integers = std::vector<std::int64_t>;

void complete(RuleContext& c, Integers& list, std::size_t size, std::int64_t value, const char* what) {
  if (list.empty()) list.assign(size, value);
  if (list.size() != size) c.fail(fmt::format("has {} {} for {} spatial axes", list.size(), what, size));
}

template <typename Window>
Shape window_output(RuleContext& c, Window& a, const Shape& input, bool ceil_mode) {
  const std::size_t spatial = input.size() - 2;
  complete(c, a.kernel, spatial, 1, "kernel sizes");
  complete(c, a.strides, spatial, 1, "strides");
  complete(c, a.dilations, spatial, 1, "dilations");
  complete(c, a.pads, 2 * spatial, 0, "pads");
  if (a.auto_pad == AutoPad::valid) a.auto_pad = AutoPad::explicit_pads;
  const bool same = a.auto_pad == AutoPad::same_upper || a.auto_pad == AutoPad::same_lower;
  Shape output;
  bool all_known = true;
  for (std::size_t d = 0; d < spatial; ++d) {
    const Dimension& size = input[d + 2];
    if (!size.known()) {
      all_known = false;
      output.push_back(same && a.strides[d] == 1 ? size : Dimension{});
      continue;
    }
    const std::int64_t extent = a.dilations[d] * (a.kernel[d] - 1) + 1;  // both below 2^31
    if (same) {
      const std::int64_t count = (size.size + a.strides[d] - 1) / a.strides[d];
      const std::int64_t padding = std::max<std::int64_t>(0, (count - 1) * a.strides[d] + extent - size.size);
      const std::int64_t less = padding / 2, more = padding - less;
      a.pads[d] = a.auto_pad == AutoPad::same_upper ? less : more;
      a.pads[d + spatial] = padding - a.pads[d];
      output.push_back({count, {}});
      continue;
    }
    const std::int64_t room = size.size + a.pads[d] + a.pads[d + spatial] - extent;
    if (room < 0) c.fail(fmt::format("has a window of {} over {} elements with padding", extent, room + extent));
    std::int64_t count = (room + (ceil_mode ? a.strides[d] - 1 : 0)) / a.strides[d] + 1;
    // a window that would begin in the padding at the end does not count
    if (ceil_mode && (count - 1) * a.strides[d] >= size.size + a.pads[d]) --count;
    output.push_back({count, {}});
  }
  if (same && all_known) a.auto_pad = AutoPad::explicit_pads;
  return output;
}

bool differ(const Dimension& a, const Dimension& b) { return a.known() && b.known() && a.size != b.size; }

}  // namespace

Shape conv_shape(RuleContext& c, std::size_t x_input, std::size_t w_input) {
  auto& a = std::get<ConvAttributes>(c.node().attributes);
  const Shape &x = c.shape(x_input), &w = c.shape(w_input);
  if (x.size() < 3 || w.size() != x.size())
    c.fail(fmt::format("has an input {} and a kernel {}", to_string(x), to_string(w)));
  Integers kernel;
  for (std::size_t d = 2; d < w.size(); ++d) {
    if (!w[d].known() || w[d].size < 1 || w[d].size > INT32_MAX) c.fail(fmt::format("has a kernel {}", to_string(w)));
    kernel.push_back(w[d].size);
  }
  if (a.kernel.empty()) a.kernel = kernel;
  if (a.kernel != kernel)
    c.fail(fmt::format("has a kernel {} that does not fit its attribute 'kernel_shape'", to_string(w)));
  if ((x[1].known() && w[1].known() && (x[1].size % a.groups != 0 || x[1].size / a.groups != w[1].size)) ||
      (w[0].known() && w[0].size % a.groups != 0))
    c.fail(fmt::format("has an input {}, a kernel {} and {} groups", to_string(x), to_string(w), a.groups));
  Shape output{x[0], w[0]};
  for (const Dimension& d : window_output(c, a, x, false)) output.push_back(d);
  return output;
}

void conv_rule(RuleContext& c) {
  c.require_float(0);
  c.require_same_types(0, 1);
  Shape output = conv_shape(c, 0, 1);
  if (c.has(2)) {
    c.require_same_types(0, 2);
    if (c.rank(2) != 1 || differ(c.shape(2)[0], output[1]))
      c.fail(fmt::format("has a bias {} for a kernel {}", to_string(c.shape(2)), to_string(c.shape(1))));
  }
  c.set(0, c.type(0), std::move(output));
}

void pool_rule(RuleContext& c) {
  auto& a = std::get<PoolAttributes>(c.node().attributes);
  if (c.node().op == Op::average_pool) c.require_float(0);
  if (c.rank(0) < 3) c.fail(fmt::format("has an input {} without spatial axes", to_string(c.shape(0))));
  Shape output{c.shape(0)[0], c.shape(0)[1]};
  for (const Dimension& d : window_output(c, a, c.shape(0), a.ceil_mode)) output.push_back(d);
  for (std::size_t d = 0; d < a.kernel.size(); ++d)
    if (a.auto_pad == AutoPad::explicit_pads &&
        std::max(a.pads[d], a.pads[d + a.kernel.size()]) > a.dilations[d] * (a.kernel[d] - 1))
      c.fail("has windows that lie wholly in the padding");
  c.set(0, c.type(0), std::move(output));
}

void global_pool_rule(RuleContext& c) {
  c.require_float(0);
  if (c.rank(0) < 3) c.fail(fmt::format("has an input {} without spatial axes", to_string(c.shape(0))));
  Shape output = c.shape(0);
  for (std::size_t d = 2; d < output.size(); ++d) output[d] = {1, {}};
  c.set(0, c.type(0), std::move(output));
}

void gemm_rule(RuleContext& c) {
  const auto& a = c.node().as<GemmAttributes>();
  c.require_same_types(0, 1);
  const Shape &x = c.shape(0), &y = c.shape(1);
  if (x.size() != 2 || y.size() != 2 || differ(x[a.transpose_a ? 0 : 1], y[a.transpose_b ? 1 : 0]))
    c.fail(fmt::format("has matrices {} and {} that do not fit", to_string(x), to_string(y)));
  Shape output{x[a.transpose_a ? 1 : 0], y[a.transpose_b ? 0 : 1]};
  if (c.has(2)) {
    c.require_same_types(0, 2);
    const auto sum = broadcast(output, c.shape(2));
    bool fit = sum && sum->size() == 2;
    for (std::size_t d = 0; fit && d < 2; ++d) fit = !output[d].known() || (*sum)[d].size == output[d].size;
    if (!fit) c.fail(fmt::format("adds {} to a matrix {}", to_string(c.shape(2)), to_string(output)));
  }
  c.set(0, c.type(0), std::move(output));
}

Shape product_shape(const RuleContext& c, std::size_t a, std::size_t b) {
  Shape x = c.shape(a), y = c.shape(b);
  const auto misfit = [&] {
    c.fail(fmt::format("has inputs {} and {} that do not fit", to_string(c.shape(a)), to_string(c.shape(b))));
  };
  if (x.empty() || y.empty()) misfit();
  const bool row = x.size() == 1, column = y.size() == 1;  // vectors, as numpy takes them
  if (row) x.insert(x.begin(), Dimension{1, {}});
  if (column) y.push_back({1, {}});
  if (differ(x.back(), y[y.size() - 2])) misfit();
  const auto batch = broadcast(Shape(x.begin(), x.end() - 2), Shape(y.begin(), y.end() - 2));
  if (!batch) misfit();
  Shape output = *batch;
  if (!row) output.push_back(x[x.size() - 2]);
  if (!column) output.push_back(y.back());
  return output;
}

void matmul_rule(RuleContext& c) {
  c.require_same_types(0, 1);
  c.set(0, c.type(0), product_shape(c, 0, 1));
}

}  // namespace pare::model
