// Rules of operators that keep all elements and change the shape, that make tensors from shapes, or that reduce axes.
#include <fmt/format.h>

#include <algorithm>

#include "pare/base/error.h"
#include "pare/model/limits.h"
#include "pare/model/shape_rules.h"

namespace pare::model {
namespace {

using Integers = std::vector<std::int64_t>;

/// A product of sizes: the known ones multiplied, the unknown ones by symbol, and how many have none.
struct Product {
  std::int64_t known = 1;
  std::vector<std::string> symbols;
  int nameless = 0;

  bool complete() const { return symbols.empty() && nameless == 0; }
};

Product product_of(const RuleContext& c, const Shape& shape) {
  Product p;
  for (const Dimension& d : shape) {
    if (d.known()) {
      if (__builtin_mul_overflow(p.known, d.size, &p.known) || p.known > most_elements)
        c.fail(fmt::format("gives a tensor that is too large, {}", to_string(shape)));
    } else if (d.symbol.empty()) {
      ++p.nameless;
    } else {
      p.symbols.push_back(d.symbol);
    }
  }
  return p;
}

/// whole / part as a size: known, one symbol, or unknown.
Dimension quotient(const RuleContext& c, Product whole, const Product& part) {
  for (const std::string& symbol : part.symbols) {
    const auto found = std::find(whole.symbols.begin(), whole.symbols.end(), symbol);
    if (found == whole.symbols.end()) return {};
    whole.symbols.erase(found);
  }
  if (part.nameless > 0 || whole.nameless > 0 || part.known == 0) return {};
  if (whole.symbols.empty()) {
    if (whole.known % part.known != 0) c.fail("does not divide its elements evenly");
    return {whole.known / part.known, {}};
  }
  if (whole.symbols.size() == 1 && whole.known == part.known) return {-1, whole.symbols[0]};
  return {};
}

/// The list of axes that is input i, each once and in [0, rank).
std::optional<std::vector<bool>> axes_given(const RuleContext& c, std::size_t i, std::int64_t rank) {
  const auto list = c.integers(i);
  if (!list) return std::nullopt;
  std::vector<bool> marked(static_cast<std::size_t>(rank), false);
  for (const std::int64_t a : *list) {
    const std::size_t axis = c.axis(a, rank);
    if (marked[axis]) c.fail(fmt::format("names axis {} twice", a));
    marked[axis] = true;
  }
  return marked;
}

/// A shape of as many unknown sizes as the list in input i is long, or no shape at all.
void set_unknown_sizes(RuleContext& c, std::size_t i, ElementType type) {
  if (c.rank(i) != 1) c.fail(fmt::format("takes a list as input {}", i + 1));
  if (c.shape(i)[0].known() && c.shape(i)[0].size <= 64)
    c.set(0, type, Shape(static_cast<std::size_t>(c.shape(i)[0].size)));
  else
    c.set_unknown(0, type);
}

}  // namespace

void identity_rule(RuleContext& c) {
  c.set(0, c.type(0), c.shape(0));
  if (const auto all = c.entries(0); all && !c.in(0).constant) c.set_entries(0, *all);
}

void reshape_rule(RuleContext& c) {
  c.integers(1);  // checks its type and rank
  const auto target = c.entries(1);
  if (!target) return set_unknown_sizes(c, 1, c.type(0));
  const bool allow_zero = c.node().as<ReshapeAttributes>().allow_zero;
  Shape output;
  std::optional<std::size_t> inferred;
  for (std::size_t d = 0; d < target->size(); ++d) {
    const Entry& entry = (*target)[d];
    if (!entry.number) {
      output.push_back({-1, entry.symbol});
    } else if (*entry.number == 0 && !allow_zero) {
      if (d >= c.shape(0).size()) c.fail(fmt::format("keeps dimension {} of an input {}", d, to_string(c.shape(0))));
      output.push_back(c.shape(0)[d]);
    } else if (*entry.number == -1) {
      if (inferred) c.fail("leaves two sizes open");
      inferred = d;
      output.push_back({1, {}});
    } else if (*entry.number < 0 || *entry.number > largest_dimension) {
      c.fail(fmt::format("asks for a dimension of size {}", *entry.number));
    } else {
      output.push_back({*entry.number, {}});
    }
  }
  const Product whole = product_of(c, c.shape(0)), part = product_of(c, output);
  if (inferred) {
    if (part.known == 0 && part.complete()) c.fail("leaves a size open beside a size of zero");
    output[*inferred] = quotient(c, whole, part);
  } else if (whole.complete() && part.complete() && whole.known != part.known) {
    c.fail(fmt::format("turns {} into {}", to_string(c.shape(0)), to_string(output)));
  } else if (part.symbols.size() + static_cast<std::size_t>(part.nameless) == 1) {
    // one unknown size beside known ones is what the others leave of the input
    for (Dimension& d : output)
      if (!d.known() && d.symbol.empty()) {
        Product others = part;
        others.nameless = 0;
        d = quotient(c, whole, others);
      }
  }
  c.set(0, c.type(0), std::move(output));
  c.move_all();
}

void flatten_rule(RuleContext& c) {
  const std::size_t axis = c.axis(c.node().as<AxisAttributes>().axis, c.rank(0), 1);
  const auto part = [&](std::size_t from, std::size_t to) {
    const auto begin = c.shape(0).begin();
    return quotient(c, product_of(c, Shape(begin + static_cast<long>(from), begin + static_cast<long>(to))), {});
  };
  c.set(0, c.type(0), {part(0, axis), part(axis, c.shape(0).size())});
  c.move_all();
}

void squeeze_rule(RuleContext& c) {
  const Shape& input = c.shape(0);
  std::vector<bool> gone(input.size(), false);
  if (c.has(1)) {
    const auto axes = axes_given(c, 1, c.rank(0));
    if (!axes) return c.set_unknown(0, c.type(0));
    gone = *axes;
  } else {
    for (std::size_t d = 0; d < input.size(); ++d) {
      if (!input[d].known()) return c.set_unknown(0, c.type(0));
      gone[d] = input[d].size == 1;
    }
  }
  Shape output;
  for (std::size_t d = 0; d < input.size(); ++d) {
    if (!gone[d]) output.push_back(input[d]);
    if (gone[d] && input[d].known() && input[d].size != 1)
      c.fail(fmt::format("takes away axis {} of {}", d, to_string(input)));
  }
  c.set(0, c.type(0), std::move(output));
  c.move_all();
}

void unsqueeze_rule(RuleContext& c) {
  const auto list = c.integers(1);
  if (!list) return c.set_unknown(0, c.type(0));
  if (list->size() > 64) c.fail("adds too many axes");
  const auto added = axes_given(c, 1, c.rank(0) + static_cast<std::int64_t>(list->size()));
  Shape output;
  std::size_t next = 0;
  for (const bool one : *added) output.push_back(one ? Dimension{1, {}} : c.shape(0)[next++]);
  c.set(0, c.type(0), std::move(output));
  c.move_all();
}

void transpose_rule(RuleContext& c) {
  auto& permutation = std::get<TransposeAttributes>(c.node().attributes).permutation;
  const auto rank = static_cast<std::size_t>(c.rank(0));
  if (permutation.empty())
    for (std::size_t d = rank; d-- > 0;) permutation.push_back(static_cast<std::int64_t>(d));
  Integers sorted = permutation;
  std::sort(sorted.begin(), sorted.end());
  bool whole = sorted.size() == rank;
  for (std::size_t d = 0; whole && d < rank; ++d) whole = sorted[d] == static_cast<std::int64_t>(d);
  if (!whole) c.fail(fmt::format("has a 'perm' that is no permutation of {} axes", rank));
  Shape output;
  for (const std::int64_t d : permutation) output.push_back(c.shape(0)[static_cast<std::size_t>(d)]);
  c.set(0, c.type(0), output);
  const auto from = RuleContext::known(c.shape(0)), to = RuleContext::known(output);
  if (!from) return;
  const Integers strides = row_major_strides(*from);
  Move move{.input = 0, .sizes = *to, .from = {}, .to = row_major_strides(*to)};
  for (const std::int64_t d : permutation) move.from.push_back(strides[static_cast<std::size_t>(d)]);
  c.move(0, {0}, {move});
}

void expand_rule(RuleContext& c) {
  c.integers(1);
  const auto target = c.entries(1);
  if (!target) return c.set_unknown(0, c.type(0));
  Shape wanted;
  for (const Entry& e : *target) {
    if (e.number && (*e.number < 0 || *e.number > largest_dimension))
      c.fail(fmt::format("asks for a dimension of size {}", *e.number));
    wanted.push_back(e.number ? Dimension{*e.number, {}} : Dimension{-1, e.symbol});
  }
  const auto output = broadcast(c.shape(0), wanted);
  if (!output) c.fail(fmt::format("spreads {} to {}", to_string(c.shape(0)), to_string(wanted)));
  c.set(0, c.type(0), *output);
  const auto from = RuleContext::known(c.shape(0)), to = RuleContext::known(*output);
  if (!from || !to) return;
  const Integers strides = row_major_strides(*from);
  Move move{.input = 0, .sizes = *to, .from = Integers(to->size(), 0), .to = row_major_strides(*to)};
  const std::size_t extra = to->size() - from->size();
  for (std::size_t d = 0; d < from->size(); ++d) move.from[d + extra] = (*from)[d] == 1 ? 0 : strides[d];
  c.move(0, {0}, {move});
}

void shape_rule(RuleContext& c) {
  const auto& a = c.node().as<ShapeAttributes>();
  const std::int64_t rank = c.rank(0);
  const auto bound = [&](std::int64_t v) { return std::clamp<std::int64_t>(v < 0 ? v + rank : v, 0, rank); };
  Entries sizes;
  for (std::int64_t d = bound(a.start); d < bound(a.end); ++d)
    sizes.push_back(Entry::of(c.shape(0)[static_cast<std::size_t>(d)]));
  c.set(0, ElementType::i64, {{static_cast<std::int64_t>(sizes.size()), {}}});
  c.set_entries(0, std::move(sizes));
}

void constant_of_shape_rule(RuleContext& c) {
  const Tensor& value = *c.node().as<ConstantOfShapeAttributes>().value;
  c.integers(0);
  const auto target = c.entries(0);
  if (!target) return set_unknown_sizes(c, 0, value.type);
  Shape output;
  Integers sizes;
  for (const Entry& e : *target) {
    if (e.number && (*e.number < 0 || *e.number > largest_dimension))
      c.fail(fmt::format("asks for a dimension of size {}", *e.number));
    output.push_back(e.number ? Dimension{*e.number, {}} : Dimension{-1, e.symbol});
    if (e.number) sizes.push_back(*e.number);
  }
  c.set(0, value.type, output);
  if (sizes.size() != output.size() || *product(sizes) > small_tensor) return;
  Tensor filled{value.type, sizes, {}};
  for (std::int64_t i = 0; i < *product(sizes); ++i)
    filled.bytes.insert(filled.bytes.end(), value.bytes.begin(), value.bytes.end());
  c.set_constant(0, std::move(filled));
}

void range_rule(RuleContext& c) {
  for (const std::size_t i : {1u, 2u}) c.require_same_types(0, i);
  for (const std::size_t i : {0u, 1u, 2u})
    if (c.rank(i) > 1) c.fail("takes single numbers");
  std::optional<Integers> bounds[3];
  const bool integer = c.type(0) == ElementType::i64 || c.type(0) == ElementType::i32;
  for (std::size_t i = 0; i < 3 && integer; ++i) {
    bounds[i] = c.integers(i);
    if (bounds[i] && bounds[i]->size() != 1) c.fail("takes single numbers");
  }
  if (!bounds[0] || !bounds[1] || !bounds[2]) return c.set(0, c.type(0), {Dimension{}});
  const std::int64_t start = (*bounds[0])[0], limit = (*bounds[1])[0], step = (*bounds[2])[0];
  constexpr std::int64_t most = std::int64_t{1} << 60;
  if (step == 0) c.fail("has a step of zero");
  if (std::max({start, limit, step}) > most || std::min({start, limit, step}) < -most) c.fail("has bounds too large");
  const std::int64_t span = step > 0 ? limit - start : start - limit, stride = step > 0 ? step : -step;
  const std::int64_t count = span <= 0 ? 0 : (span - 1) / stride + 1;
  c.set(0, c.type(0), {{count, {}}});
  if (count > small_tensor) return;
  Entries all;
  for (std::int64_t i = 0; i < count; ++i) all.push_back({start + i * step, {}});
  c.set_entries(0, std::move(all));
}

void reduce_rule(RuleContext& c) {
  const auto& a = c.node().as<ReduceAttributes>();
  const Shape& input = c.shape(0);
  std::optional<std::vector<bool>> axes;
  const bool given = c.has(1) && !(c.rank(1) == 1 && c.shape(1)[0].size == 0);
  if (given)
    axes = axes_given(c, 1, c.rank(0));
  else
    axes = std::vector<bool>(input.size(), !a.noop_with_empty_axes);
  if (!axes) {
    if (a.keep_dims) return c.set(0, c.type(0), Shape(input.size()));
    return c.set_unknown(0, c.type(0));
  }
  Shape output;
  for (std::size_t d = 0; d < input.size(); ++d) {
    if (!(*axes)[d]) output.push_back(input[d]);
    if ((*axes)[d] && a.keep_dims) output.push_back({1, {}});
  }
  c.set(0, c.type(0), std::move(output));
}

}  // namespace pare::model
