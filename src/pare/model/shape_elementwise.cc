// Rules of operators that work element by element, with broadcasting, and the arithmetic on shapes that they do.
#include <fmt/format.h>

#include <cmath>

#include "pare/base/error.h"
#include "pare/model/shape_rules.h"

namespace pare::model {
namespace {

using Number = std::optional<std::int64_t>;

bool fits(ElementType type, std::int64_t number) {
  return type != ElementType::i32 || (number >= INT32_MIN && number <= INT32_MAX);
}

/// a op b on integers, as the operator defines it; nullopt where it overflows or is not followed.
Number calculate(RuleContext& c, Op op, std::int64_t a, std::int64_t b) {
  std::int64_t result = 0;
  switch (op) {
    case Op::sum:
    case Op::add: return __builtin_add_overflow(a, b, &result) ? Number{} : result;
    case Op::sub: return __builtin_sub_overflow(a, b, &result) ? Number{} : result;
    case Op::mul: return __builtin_mul_overflow(a, b, &result) ? Number{} : result;
    case Op::min: return std::min(a, b);
    case Op::max: return std::max(a, b);
    case Op::equal: return a == b;
    case Op::greater: return a > b;
    case Op::less: return a < b;
    case Op::greater_or_equal: return a >= b;
    case Op::less_or_equal: return a <= b;
    case Op::logical_and: return a && b;
    case Op::logical_or: return a || b;
    case Op::logical_xor: return (a != 0) != (b != 0);
    case Op::div:
    case Op::mod:
      if (b == 0) c.fail("divides by zero");
      if (b == -1) return op == Op::mod ? Number{0} : calculate(c, Op::sub, 0, a);
      if (op == Op::div) return a / b;
      result = a % b;  // C's remainder has the sign of a, ONNX's that of b, unless fmod is set
      return result != 0 && (result < 0) != (b < 0) && !c.node().as<ModAttributes>().fmod ? result + b : result;
    default: return std::nullopt;
  }
}

/// What is known of a op b where one of them, or both, are sizes known by symbol only.
Entry calculate(RuleContext& c, Op op, ElementType type, const Entry& a, const Entry& b) {
  if (a.number && b.number) {
    const Number result = calculate(c, op, *a.number, *b.number);
    return result && fits(type, *result) ? Entry{result, {}} : Entry{};
  }
  if (op == Op::equal) {
    const bool negative = (a.number && *a.number < 0 && !b.symbol.empty()) ||
                          (b.number && *b.number < 0 && !a.symbol.empty());  // sizes are not negative
    if (negative) return {0, {}};
    if (!a.symbol.empty() && a.symbol == b.symbol) return {1, {}};
  }
  const bool both = op == Op::logical_and, either = op == Op::logical_or;
  if (both || either)  // one of them may settle it
    for (const Entry* e : {&a, &b})
      if (e->number && (*e->number != 0) == either) return {either, {}};
  const std::int64_t neutral = op == Op::mul || op == Op::div ? 1 : 0;
  if (op == Op::add || op == Op::sub || op == Op::mul || op == Op::div) {
    if (b.number == neutral) return a;
    if (a.number == neutral && (op == Op::add || op == Op::mul)) return b;
  }
  return {};
}

/// Calls with the index in each of the inputs for every element of the broadcast output.
std::vector<std::int64_t> broadcast_indices(const std::vector<std::int64_t>& from,
                                            const std::vector<std::int64_t>& to) {
  const std::vector<std::int64_t> strides = row_major_strides(from);
  const std::size_t extra = to.size() - from.size();
  std::vector<std::int64_t> indices(static_cast<std::size_t>(*product(to)));
  for (std::size_t i = 0; i < indices.size(); ++i) {
    auto rest = static_cast<std::int64_t>(i);
    std::int64_t index = 0;
    for (std::size_t d = to.size(); d-- > 0;) {
      const std::int64_t position = rest % to[d];
      rest /= to[d];
      if (d >= extra && from[d - extra] != 1) index += position * strides[d - extra];
    }
    indices[i] = index;
  }
  return indices;
}

/// The entries of input i as the output of shape `to` sees them.
std::optional<Entries> spread(const RuleContext& c, std::size_t i, const std::vector<std::int64_t>& to) {
  const auto all = c.entries(i);
  const auto from = RuleContext::known(c.shape(i));
  if (!all || !from) return std::nullopt;
  Entries result;
  for (const std::int64_t index : broadcast_indices(*from, to))
    result.push_back((*all)[static_cast<std::size_t>(index)]);
  return result;
}

Shape broadcast_all(const RuleContext& c, std::size_t first = 0) {
  Shape shape = c.shape(first);
  for (std::size_t i = first + 1; i < c.inputs(); ++i) {
    const auto wider = broadcast(shape, c.shape(i));
    if (!wider)
      c.fail(fmt::format("has inputs of shapes that do not fit, {} and {}", to_string(shape), to_string(c.shape(i))));
    shape = *wider;
  }
  return shape;
}

std::optional<std::vector<std::int64_t>> small(const Shape& shape) {
  auto sizes = RuleContext::known(shape);
  const auto elements = sizes ? product(*sizes) : std::nullopt;
  return elements && *elements <= small_tensor ? sizes : std::nullopt;
}

void follow(RuleContext& c, ElementType type, const Shape& shape) {
  const auto sizes = small(shape);
  if (!sizes) return;
  auto result = spread(c, 0, *sizes);
  for (std::size_t i = 1; i < c.inputs() && result; ++i) {
    const auto other = spread(c, i, *sizes);
    if (!other) return;
    for (std::size_t k = 0; k < result->size(); ++k)
      (*result)[k] = calculate(c, c.node().op, type, (*result)[k], (*other)[k]);
  }
  if (result) c.set_entries(0, std::move(*result));
}

std::int64_t size_or_unknown(const Shape& shape, std::size_t d) { return d < shape.size() ? shape[d].size : -1; }

}  // namespace

std::optional<Shape> broadcast(const Shape& a, const Shape& b) {
  const Shape& longer = a.size() >= b.size() ? a : b;
  const Shape& shorter = a.size() >= b.size() ? b : a;
  Shape result = longer;
  const std::size_t extra = longer.size() - shorter.size();
  for (std::size_t d = extra; d < longer.size(); ++d) {
    const Dimension &x = longer[d], &y = shorter[d - extra];
    if (x.size == 1)
      result[d] = y;
    else if (y.size == 1 || (x == y && (x.known() || !x.symbol.empty())))
      result[d] = x;
    else if (x.known() && y.known())
      return std::nullopt;
    else  // a known size above one against an unknown one: only that size is possible
      result[d] = x.known() ? x : y.known() ? y : Dimension{};
  }
  return result;
}

void same_as_input(RuleContext& c) {
  c.require_float(0);
  c.set(0, c.type(0), c.shape(0));
}

void same_numeric(RuleContext& c) {
  if (c.type(0) == ElementType::boolean) c.fail("takes numbers, not truth values");
  c.set(0, c.type(0), c.shape(0));
  if (c.node().op == Op::neg)
    if (auto all = c.entries(0)) {
      for (Entry& e : *all) e = calculate(c, Op::sub, c.type(0), {0, {}}, e);
      c.set_entries(0, std::move(*all));
    }
}

void normalised_axis(RuleContext& c) {
  same_as_input(c);
  c.axis(c.node().as<AxisAttributes>().axis, c.rank(0));
}

void clip_rule(RuleContext& c) {
  for (const std::size_t i : {1u, 2u})
    if (c.has(i)) {
      c.require_same_types(0, i);
      const auto sizes = RuleContext::known(c.shape(i));
      if (sizes && product(*sizes) != 1) c.fail("has a limit that is not one number");
    }
  c.set(0, c.type(0), c.shape(0));
}

void cast_rule(RuleContext& c) {
  const ElementType to = c.node().as<CastAttributes>().to;
  c.set(0, to, c.shape(0));
  const bool integer = to == ElementType::i64 || to == ElementType::i32;
  if (!integer && to != ElementType::boolean) return;
  std::optional<Entries> all = c.entries(0);
  const auto& constant = c.in(0).constant;
  if (!all && constant && constant->type == ElementType::f32 &&
      constant->elements() <= static_cast<std::size_t>(small_tensor)) {
    all.emplace();
    for (std::size_t i = 0; i < constant->elements(); ++i) {
      const float x = constant->data<float>()[i];
      const bool safe = std::fabs(x) < 0x1p62f;  // NaN is not
      all->push_back(to == ElementType::boolean ? Entry{x != 0, {}}
                     : safe                     ? Entry{static_cast<std::int64_t>(x), {}}
                                                : Entry{});
    }
  }
  if (!all) return;
  for (Entry& e : *all) {
    if (to == ElementType::boolean) e = e.number ? Entry{*e.number != 0, {}} : Entry{};
    if (e.number && !fits(to, *e.number)) e = {};
  }
  c.set_entries(0, std::move(*all));
}

void broadcast_rule(RuleContext& c) {
  if (c.node().op != Op::pow)
    for (std::size_t i = 1; i < c.inputs(); ++i) c.require_same_types(0, i);
  const Shape shape = broadcast_all(c);
  c.set(0, c.type(0), shape);
  if (c.node().op != Op::pow) follow(c, c.type(0), shape);
}

void compare_rule(RuleContext& c) {
  c.require_same_types(0, 1);
  const Shape shape = broadcast_all(c);
  c.set(0, ElementType::boolean, shape);
  follow(c, ElementType::boolean, shape);
}

void logical_rule(RuleContext& c) {
  for (const std::size_t i : {0u, 1u})
    if (c.type(i) != ElementType::boolean) c.fail(fmt::format("takes truth values, not {}", name(c.type(i))));
  compare_rule(c);
}

void not_rule(RuleContext& c) {
  if (c.type(0) != ElementType::boolean) c.fail(fmt::format("takes truth values, not {}", name(c.type(0))));
  c.set(0, ElementType::boolean, c.shape(0));
  if (auto all = c.entries(0)) {
    for (Entry& e : *all) e = e.number ? Entry{*e.number == 0, {}} : Entry{};
    c.set_entries(0, std::move(*all));
  }
}

void test_rule(RuleContext& c) {
  c.require_float(0);
  c.set(0, ElementType::boolean, c.shape(0));
}

void cast_like_rule(RuleContext& c) { c.set(0, c.type(1), c.shape(0)); }  // the importer makes it a Cast

void where_rule(RuleContext& c) {
  if (c.type(0) != ElementType::boolean) c.fail("has a condition that is not of truth values");
  c.require_same_types(1, 2);
  const Shape shape = broadcast_all(c);
  c.set(0, c.type(1), shape);
  const auto sizes = small(shape);
  if (!sizes) return;
  const auto condition = spread(c, 0, *sizes), yes = spread(c, 1, *sizes), no = spread(c, 2, *sizes);
  if (!condition || (!yes && !no)) return;
  Entries result(condition->size());
  for (std::size_t i = 0; i < result.size(); ++i)
    if (const auto choice = (*condition)[i].number; choice && *choice ? yes.has_value() : choice && no)
      result[i] = *choice ? (*yes)[i] : (*no)[i];
  c.set_entries(0, std::move(result));
}

void prelu_rule(RuleContext& c) {
  c.require_same_types(0, 1);
  const auto shape = broadcast(c.shape(0), c.shape(1));
  if (!shape || shape->size() != c.shape(0).size())
    c.fail(fmt::format("has slopes of shape {} for an input {}", to_string(c.shape(1)), to_string(c.shape(0))));
  c.set(0, c.type(0), c.shape(0));
}

void batch_normalization_rule(RuleContext& c) {
  c.require_float(0);
  if (c.rank(0) < 2) c.fail("needs an input with channels");
  for (std::size_t i = 1; i < 5; ++i) {
    c.require_float(i);
    const std::int64_t channels = c.shape(0)[1].size, given = size_or_unknown(c.shape(i), 0);
    if (c.rank(i) != 1 || (channels >= 0 && given >= 0 && channels != given))
      c.fail(fmt::format("has parameters {} for an input {}", to_string(c.shape(i)), to_string(c.shape(0))));
  }
  c.set(0, c.type(0), c.shape(0));
}

namespace {

/// The scales that a quantised tensor of these sizes needs.
void check_scales(RuleContext& c, const Shape& shape) {
  const auto& a = c.node().as<QuantizeAttributes>();
  if (c.type(1) != ElementType::f32) c.fail("has scales that are not float32");
  Shape expected{{1, {}}};
  if (a.granularity != Granularity::tensor) {
    const std::size_t axis = c.axis(a.axis, static_cast<std::int64_t>(shape.size()));
    expected = {shape[axis]};
    if (a.granularity == Granularity::group) {
      if (a.group_size < 1) c.fail("has groups without a size");
      std::int64_t rest = 1;
      for (std::size_t d = 0; d < shape.size(); ++d)
        if (d != axis) rest = shape[d].known() && rest >= 0 ? rest * shape[d].size : -1;
      expected.push_back({rest < 0 ? -1 : (rest + a.group_size - 1) / a.group_size, {}});
    }
  }
  bool fit = expected.size() == c.shape(1).size();
  for (std::size_t d = 0; fit && d < expected.size(); ++d)
    fit = !expected[d].known() || !c.shape(1)[d].known() || expected[d].size == c.shape(1)[d].size;
  if (!fit) c.fail(fmt::format("has scales of shape {} where {} fit", to_string(c.shape(1)), to_string(expected)));
}

}  // namespace

void fake_quantize_rule(RuleContext& c) {
  if (c.type(0) != ElementType::f32) c.fail(fmt::format("takes float32, not {}", name(c.type(0))));
  check_scales(c, c.shape(0));
  c.set(0, ElementType::f32, c.shape(0));
}

void dequantize_rule(RuleContext& c) {
  const auto& a = c.node().as<QuantizeAttributes>();
  Shape shape;
  for (const std::int64_t size : a.shape) shape.push_back({size, {}});
  c.set(0, ElementType::f32, shape);  // checks the product
  const std::int64_t bytes = (*product(a.shape) * a.format.bits + 7) / 8;
  if (c.type(0) != ElementType::u8 || c.rank(0) != 1 || (c.shape(0)[0].known() && c.shape(0)[0].size != bytes))
    c.fail(fmt::format("has codes of shape {} where {} bytes are needed", to_string(c.shape(0)), bytes));
  check_scales(c, shape);
}

}  // namespace pare::model
