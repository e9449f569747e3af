// Rules of operators that pick, scatter, sort, repeat or count elements.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "pare/base/error.h"
#include "pare/model/limits.h"
#include "pare/model/shape_rules.h"

namespace pare::model {
namespace {

void require_indices(const RuleContext& c, std::size_t i) {
  if (c.type(i) != ElementType::i64 && c.type(i) != ElementType::i32) c.fail("has indices that are no integers");
}

/// The single number in input i, where it is known.
std::optional<std::int64_t> number_in(const RuleContext& c, std::size_t i) {
  const auto list = c.integers(i);
  if (!list) return std::nullopt;
  if (list->size() != 1) c.fail(fmt::format("takes a single number as input {}", i + 1));
  return list->front();
}

}  // namespace

void gather_elements_rule(RuleContext& c) {
  c.axis(c.node().as<AxisAttributes>().axis, c.rank(0));
  require_indices(c, 1);
  if (c.rank(0) != c.rank(1)) c.fail("has indices of another rank than its data");
  c.set(0, c.type(0), c.shape(1));
}

void gather_nd_rule(RuleContext& c) {
  require_indices(c, 1);
  const Shape &data = c.shape(0), &indices = c.shape(1);
  const std::int64_t batch = c.node().as<GatherNdAttributes>().batch_dims;
  if (indices.empty() || batch < 0 || batch >= std::min(c.rank(0), c.rank(1))) c.fail("has indices that do not fit");
  if (!indices.back().known()) return c.set_unknown(0, c.type(0));
  const std::int64_t picked = indices.back().size;
  if (picked < 1 || batch + picked > c.rank(0))
    c.fail(fmt::format("has indices {} into {}", to_string(indices), to_string(data)));
  Shape output(indices.begin(), indices.end() - 1);
  output.insert(output.end(), data.begin() + batch + picked, data.end());
  c.set(0, c.type(0), std::move(output));
}

void scatter_rule(RuleContext& c) {
  require_indices(c, 1);
  c.require_same_types(0, 2);
  if (c.rank(0) < 1 || c.rank(1) < 1) c.fail("has data or indices of rank 0");
  if (c.node().op == Op::scatter_elements) {
    c.axis(c.node().as<ScatterAttributes>().axis, c.rank(0));
    if (c.rank(0) != c.rank(1) || c.rank(1) != c.rank(2)) c.fail("has data, indices and updates of different ranks");
  }
  c.set(0, c.type(0), c.shape(0));
}

void one_hot_rule(RuleContext& c) {
  const std::int64_t rank = c.rank(0) + 1;
  const std::size_t axis = c.axis(c.node().as<AxisAttributes>().axis, rank);
  Dimension depth;
  const bool integer = c.type(1) == ElementType::i64 || c.type(1) == ElementType::i32;
  if (const auto number = integer ? number_in(c, 1) : std::nullopt) {
    if (*number < 0 || *number > largest_dimension) c.fail(fmt::format("has a depth of {}", *number));
    depth.size = *number;
  }
  Shape output = c.shape(0);
  output.insert(output.begin() + static_cast<long>(axis), depth);
  c.set(0, c.type(2), std::move(output));
}

void arg_rule(RuleContext& c) {
  const auto& a = c.node().as<ArgAttributes>();
  const std::size_t axis = c.axis(a.axis, c.rank(0));
  Shape output = c.shape(0);
  if (a.keep_dims)
    output[axis] = {1, {}};
  else
    output.erase(output.begin() + static_cast<long>(axis));
  c.set(0, ElementType::i64, std::move(output));
}

void top_k_rule(RuleContext& c) {
  const std::size_t axis = c.axis(c.node().as<TopKAttributes>().axis, c.rank(0));
  Shape output = c.shape(0);
  const auto k = number_in(c, 1);
  if (k && (*k < 0 || (output[axis].known() && *k > output[axis].size)))
    c.fail(fmt::format("asks for {} elements of {}", *k, to_string(c.shape(0))));
  output[axis] = k ? Dimension{*k, {}} : Dimension{};
  c.set(0, c.type(0), output);
  c.set(1, ElementType::i64, std::move(output));
}

void cumsum_rule(RuleContext& c) {
  if (const auto axis = number_in(c, 1)) c.axis(*axis, c.rank(0));
  c.set(0, c.type(0), c.shape(0));
}

void trilu_rule(RuleContext& c) {
  if (c.rank(0) < 2) c.fail("takes matrices");
  if (c.has(1)) number_in(c, 1);
  c.set(0, c.type(0), c.shape(0));
}

void tile_rule(RuleContext& c) {
  c.integers(1);
  if (c.rank(1) != 1) c.fail("takes a list of repeats");
  const auto repeats = c.entries(1);
  Shape output = c.shape(0);
  if (repeats && repeats->size() != output.size())
    c.fail(fmt::format("has {} repeats for {} axes", repeats->size(), output.size()));
  for (std::size_t d = 0; d < output.size(); ++d) {
    const auto count = repeats ? (*repeats)[d].number : std::nullopt;
    if (count && (*count < 0 || *count > largest_dimension)) c.fail(fmt::format("repeats {} times", *count));
    if (count == 1) continue;
    std::int64_t size = -1;
    if (count && output[d].known() && __builtin_mul_overflow(*count, output[d].size, &size)) c.fail("is too large");
    const bool one = output[d].known() && output[d].size == 1 && repeats && !count;
    output[d] = one ? Dimension{-1, (*repeats)[d].symbol} : Dimension{size, {}};
  }
  c.set(0, c.type(0), std::move(output));
}

void non_zero_rule(RuleContext& c) { c.set(0, ElementType::i64, {{c.rank(0), {}}, Dimension{}}); }

void eye_like_rule(RuleContext& c) {
  const auto& a = c.node().as<EyeLikeAttributes>();
  if (c.rank(0) != 2) c.fail("takes a matrix");
  c.set(0, a.typed ? a.type : c.type(0), c.shape(0));
}

void size_rule(RuleContext& c) {
  c.set(0, ElementType::i64, {});
  const auto sizes = RuleContext::known(c.shape(0));
  c.set_entries(0, {{sizes ? product(*sizes) : std::nullopt, {}}});
}

void einsum_rule(RuleContext& c) {
  std::string equation = c.node().as<EinsumAttributes>().equation;
  std::erase(equation, ' ');
  for (std::size_t i = 1; i < c.inputs(); ++i) c.require_same_types(0, i);
  const std::size_t arrow = equation.find("->");
  if (equation.find('.') != std::string::npos || arrow == std::string::npos) return c.set_unknown(0, c.type(0));
  std::map<char, Dimension> sizes;
  std::size_t input = 0, axis = 0;
  for (std::size_t at = 0; at <= arrow; ++at) {
    const bool end = at == arrow || equation[at] == ',';
    if (end) {
      if (input >= c.inputs() || axis != c.shape(input).size()) c.fail("has an equation that does not fit its inputs");
      ++input;
      axis = 0;
      continue;
    }
    if (input >= c.inputs() || axis >= c.shape(input).size()) c.fail("has an equation that does not fit its inputs");
    const Dimension& d = c.shape(input)[axis++];
    const auto [known, is_new] = sizes.emplace(equation[at], d);
    if (!is_new && known->second.known() && d.known() && d.size != known->second.size && d.size != 1 &&
        known->second.size != 1)
      c.fail(fmt::format("has inputs whose sizes along '{}' differ", equation[at]));
    if (!is_new && (!known->second.known() || known->second.size == 1)) known->second = d;
  }
  if (input != c.inputs()) c.fail("has an equation for another number of inputs");
  Shape output;
  for (std::size_t at = arrow + 2; at < equation.size(); ++at) {
    const auto found = sizes.find(equation[at]);
    if (found == sizes.end()) c.fail("has an equation whose result has an axis of no input");
    output.push_back(found->second);
  }
  c.set(0, c.type(0), std::move(output));
}

}  // namespace pare::model
