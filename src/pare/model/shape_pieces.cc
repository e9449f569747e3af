// Rules of operators that take tensors apart, put them together, or add borders.
#include <fmt/format.h>

#include <algorithm>

#include "pare/base/error.h"
#include "pare/model/limits.h"
#include "pare/model/shape_rules.h"

namespace pare::model {
namespace {

using Integers = std::vector<std::int64_t>;

}  // namespace

void concat_rule(RuleContext& c) {
  const std::size_t axis = c.axis(c.node().as<AxisAttributes>().axis, c.rank(0));
  Shape output = c.shape(0);
  bool fit = true;
  for (std::size_t i = 1; i < c.inputs(); ++i) {
    c.require_same_types(0, i);
    const Shape& next = c.shape(i);
    fit = fit && next.size() == output.size();
    for (std::size_t d = 0; fit && d < output.size(); ++d) {
      if (d == axis) {
        output[d] = output[d].known() && next[d].known() ? Dimension{output[d].size + next[d].size, {}} : Dimension{};
      } else if (!output[d].known()) {
        if (next[d].known() || output[d].symbol.empty()) output[d] = next[d];
      } else {
        fit = !next[d].known() || next[d].size == output[d].size;
      }
    }
    if (!fit) c.fail(fmt::format("joins {} and {} along axis {}", to_string(c.shape(0)), to_string(next), axis));
    if (output[axis].known() && output[axis].size > largest_dimension) c.fail("gives a tensor that is too large");
  }
  c.set(0, c.type(0), output);
  const auto to = RuleContext::known(output);
  if (!to) return;
  const Integers to_strides = row_major_strides(*to);
  std::vector<Move> moves;
  std::vector<std::size_t> sources;
  std::int64_t position = 0;
  for (std::size_t i = 0; i < c.inputs(); ++i) {
    const auto sizes = RuleContext::known(c.shape(i));
    if (!sizes) return;
    moves.push_back({.input = i,
                     .sizes = *sizes,
                     .from = row_major_strides(*sizes),
                     .to = to_strides,
                     .from_offset = 0,
                     .to_offset = position * to_strides[axis]});
    sources.push_back(i);
    position += (*sizes)[axis];
  }
  c.move(0, sources, moves);
}

void split_rule(RuleContext& c) {
  const std::size_t axis = c.axis(c.node().as<AxisAttributes>().axis, c.rank(0));
  const Dimension whole = c.shape(0)[axis];
  const auto count = static_cast<std::int64_t>(c.outputs());
  std::optional<Integers> sizes;
  if (c.has(1)) {
    sizes = c.integers(1);
    if (sizes && static_cast<std::int64_t>(sizes->size()) != count)
      c.fail(fmt::format("has {} sizes for {} outputs", sizes->size(), count));
  } else if (whole.known()) {
    sizes.emplace();
    const std::int64_t part = (whole.size + count - 1) / count;
    for (std::int64_t i = 0; i < count; ++i) sizes->push_back(std::min(part, whole.size - part * i));
  }
  std::int64_t sum = 0;
  for (std::int64_t i = 0; sizes && i < count; ++i) {
    const std::int64_t size = (*sizes)[static_cast<std::size_t>(i)];
    if (size < 0 || size > largest_dimension) c.fail(fmt::format("has a piece of size {}", size));
    sum = std::min(sum + size, largest_dimension + 1);
  }
  if (sizes && whole.known() && sum != whole.size)
    c.fail(fmt::format("has pieces of {} in all for a dimension of {}", sum, whole.size));
  const auto from = RuleContext::known(c.shape(0));
  std::int64_t position = 0;
  for (std::size_t i = 0; i < c.outputs(); ++i) {
    Shape output = c.shape(0);
    output[axis] = sizes ? Dimension{(*sizes)[i], {}} : Dimension{};
    c.set(i, c.type(0), output);
    if (!sizes || !from) continue;
    const auto to = *RuleContext::known(output);
    const Integers strides = row_major_strides(*from);
    c.move(i, {0},
           {{.input = 0,
             .sizes = to,
             .from = strides,
             .to = row_major_strides(to),
             .from_offset = position * strides[axis],
             .to_offset = 0}});
    position += (*sizes)[i];
  }
}

void slice_rule(RuleContext& c) {
  const std::int64_t rank = c.rank(0);
  const auto starts = c.integers(1), ends = c.integers(2);
  std::optional<Integers> axes, steps;
  if (c.has(3)) axes = c.integers(3);
  if (c.has(4)) steps = c.integers(4);
  if ((c.has(3) && !axes)) return c.set(0, c.type(0), Shape(static_cast<std::size_t>(rank)));
  Shape output = c.shape(0);
  if (!starts || !ends || (c.has(4) && !steps)) {
    // which axes are cut is known, how is not
    const std::size_t cut = axes ? axes->size() : output.size();
    for (std::size_t i = 0; i < cut; ++i) output[axes ? c.axis((*axes)[i], rank) : i] = {};
    return c.set(0, c.type(0), std::move(output));
  }
  if (starts->size() != ends->size() || (axes && axes->size() != starts->size()) ||
      (steps && steps->size() != starts->size()) || static_cast<std::int64_t>(starts->size()) > rank)
    c.fail("has starts, ends, axes or steps of different numbers");
  std::vector<bool> seen(output.size(), false);
  Integers first(output.size(), 0), step(output.size(), 1);
  for (std::size_t i = 0; i < starts->size(); ++i) {
    const std::size_t axis = c.axis(axes ? (*axes)[i] : static_cast<std::int64_t>(i), rank);
    if (seen[axis]) c.fail(fmt::format("cuts axis {} twice", axis));
    seen[axis] = true;
    step[axis] = steps ? (*steps)[i] : 1;
    if (step[axis] == 0 || step[axis] < -INT64_MAX) c.fail("has a step of zero, or too large");
    const Dimension size = output[axis];
    if (!size.known()) {
      const bool whole = (*starts)[i] == 0 && step[axis] == 1 && (*ends)[i] >= INT32_MAX;
      if (!whole) output[axis] = {};
      continue;
    }
    const bool backward = step[axis] < 0;
    const auto bound = [&](std::int64_t v) {
      if (v < 0) v += size.size;  // v may be INT64_MIN; the sum stays in range
      return std::clamp<std::int64_t>(v, backward ? -1 : 0, backward ? size.size - 1 : size.size);
    };
    first[axis] = bound((*starts)[i]);
    const std::int64_t last = bound((*ends)[i]);
    const std::int64_t span = backward ? first[axis] - last : last - first[axis];
    const std::int64_t stride = backward ? -step[axis] : step[axis];
    output[axis] = {span <= 0 ? 0 : (span - 1) / stride + 1, {}};
  }
  c.set(0, c.type(0), output);
  const auto from = RuleContext::known(c.shape(0)), to = RuleContext::known(output);
  if (!from || !to || *product(*to) == 0) return;
  const Integers strides = row_major_strides(*from);
  Move move{.input = 0, .sizes = *to, .from = {}, .to = row_major_strides(*to)};
  for (std::size_t d = 0; d < to->size(); ++d) {
    // a step beyond the dimension is never taken
    move.from.push_back((*to)[d] > 1 ? strides[d] * step[d] : 0);
    move.from_offset += strides[d] * first[d];
  }
  c.move(0, {0}, {move});
}

void gather_rule(RuleContext& c) {
  const std::size_t axis = c.axis(c.node().as<AxisAttributes>().axis, c.rank(0));
  if (c.type(1) != ElementType::i64 && c.type(1) != ElementType::i32) c.fail("has indices that are no integers");
  const Shape &data = c.shape(0), &indices = c.shape(1);
  Shape output(data.begin(), data.begin() + static_cast<long>(axis));
  output.insert(output.end(), indices.begin(), indices.end());
  output.insert(output.end(), data.begin() + static_cast<long>(axis) + 1, data.end());
  c.set(0, c.type(0), output);
  const auto from = RuleContext::known(data), to = RuleContext::known(output);
  const auto which = c.entries(1);
  if (!from || !to || !which) return;
  // as matrices: [outer, axis, inner] -> [outer, indices, inner]
  std::int64_t outer = 1, inner = 1;
  for (std::size_t d = 0; d < axis; ++d) outer *= (*from)[d];
  for (std::size_t d = axis + 1; d < from->size(); ++d) inner *= (*from)[d];
  const auto count = static_cast<std::int64_t>(which->size());
  std::vector<Move> moves;
  for (std::int64_t i = 0; i < count; ++i) {
    const auto& number = (*which)[static_cast<std::size_t>(i)].number;
    if (!number) return;
    const auto index = static_cast<std::int64_t>(c.axis(*number, (*from)[axis]));
    moves.push_back({.input = 0,
                     .sizes = {outer, inner},
                     .from = {(*from)[axis] * inner, 1},
                     .to = {count * inner, 1},
                     .from_offset = index * inner,
                     .to_offset = i * inner});
  }
  c.move(0, {0}, moves);
}

void pad_rule(RuleContext& c) {
  const std::int64_t rank = c.rank(0);
  if (c.has(2)) {
    c.require_same_types(0, 2);
    const auto sizes = RuleContext::known(c.shape(2));
    if (sizes && product(*sizes) != 1) c.fail("pads with more than one number");
  }
  const auto pads = c.integers(1);
  std::optional<Integers> axes;
  if (c.has(3)) axes = c.integers(3);
  if (!pads || (c.has(3) && !axes)) return c.set(0, c.type(0), Shape(static_cast<std::size_t>(rank)));
  const std::size_t count = axes ? axes->size() : static_cast<std::size_t>(rank);
  if (pads->size() != 2 * count) c.fail(fmt::format("has {} pads for {} axes", pads->size(), count));
  Shape output = c.shape(0);
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t d = axes ? c.axis((*axes)[i], rank) : i;
    const std::int64_t before = (*pads)[i], after = (*pads)[i + count];
    if (std::max(before, after) > largest_dimension || std::min(before, after) < -largest_dimension)
      c.fail("has pads too large");
    if (before == 0 && after == 0) continue;
    if (!output[d].known()) {
      output[d] = {};
      continue;
    }
    const std::int64_t size = output[d].size + before + after;
    if (size < 0) c.fail(fmt::format("cuts more than there is of {}", to_string(c.shape(0))));
    if (c.node().as<PadAttributes>().mode == PadMode::reflect && std::max(before, after) >= output[d].size)
      c.fail("reflects more than there is");
    if (c.node().as<PadAttributes>().mode == PadMode::wrap && std::max(before, after) > output[d].size)
      c.fail("wraps around more than once, which pare does not know");
    output[d] = {size, {}};
  }
  c.set(0, c.type(0), std::move(output));
}

}  // namespace pare::model
