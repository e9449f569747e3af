// Operators and functions on Expr.
#include <fmt/format.h>

#include <cassert>

#include "pare/base/error.h"
#include "pare/imaging/builder.h"
#include "pare/imaging/interval.h"

namespace pare::imaging {
namespace {

bool is(const Range& r, std::int64_t v) { return r.low == v && r.high == v; }

/// Whether `r` & mask is what it was.
bool covers(const Range& mask, const Range& r) {
  return mask.low == mask.high && mask.low >= 0 && (mask.low & (mask.low + 1)) == 0 && r.low >= 0 && r.high <= mask.low;
}

/// Which argument the result always equals, or -1.
int same_as(Op op, const std::array<Range, 3>& ranges, std::int64_t value) {
  const auto& [a, b, c] = ranges;
  switch (op) {
    case Op::add:
    case Op::bit_or:
    case Op::bit_xor: return is(b, 0) ? 0 : is(a, 0) ? 1 : -1;
    case Op::subtract: return is(b, 0) ? 0 : -1;
    case Op::multiply: return is(b, 1) ? 0 : is(a, 1) ? 1 : -1;
    case Op::divide: return is(b, 1) ? 0 : -1;
    case Op::modulo: return a.low >= 0 && a.high < b.low ? 0 : -1;
    case Op::minimum: return a.high <= b.low ? 0 : b.high <= a.low ? 1 : -1;
    case Op::maximum: return a.low >= b.high ? 0 : b.low >= a.high ? 1 : -1;
    case Op::absolute: return a.low >= 0 ? 0 : -1;
    case Op::shift_left:
    case Op::shift_right: return value == 0 ? 0 : -1;
    case Op::bit_and: return covers(b, a) ? 0 : covers(a, b) ? 1 : -1;
    case Op::select: return a.low > 0 || a.high < 0 ? 1 : is(a, 0) ? 2 : -1;
    default: return -1;
  }
}

void check_shift(int bits) {
  if (bits < 0 || bits > most_shift)
    throw Error(fmt::format("a shift moves by 0 to {} bits, not {}", most_shift, bits), "");
}

}  // namespace

Expr::Expr(std::int64_t code, int fraction) : code_(code), fraction_(fraction) {
  if (code > largest || code < -largest) throw Error(fmt::format("{} is beyond {} bits", code, most_shift), "");
}

Range Expr::range() const {
  return stage_ ? stage_->stage_.nodes[static_cast<std::size_t>(node_)].range : Range{code_, code_};
}

/// The operation on codes; `fraction` is the result's.
Expr apply(Op op, std::initializer_list<Expr> arguments, int fraction, std::int64_t value) {
  if (fraction > most_shift)
    throw Error(fmt::format("a value has {} fraction bits, of at most {}", fraction, most_shift), "",
                "drop some with floor(value, bits)");
  std::array<Range, 3> ranges;
  StageBuilder* stage = nullptr;
  for (std::size_t i = 0; const Expr& argument : arguments) {
    ranges[i++] = argument.range();
    if (argument.stage_) stage = argument.stage_;
  }
  Range range = range_of(op, ranges, value);
  // a value beside itself: ranges alone do not show it
  if (stage && arguments.size() == 2 && arguments.begin()[0].node_ == arguments.begin()[1].node_) {
    if (op == Op::subtract || op == Op::bit_xor || op == Op::less) return {0, fraction};
    if (op == Op::less_equal || op == Op::equal) return {1, 0};
    if (op == Op::minimum || op == Op::maximum || op == Op::bit_and || op == Op::bit_or) return arguments.begin()[0];
    if (op == Op::multiply && range.low < 0) range.low = 0;
  }
  if (range.low == range.high) return {range.low, fraction};
  if (const int same = same_as(op, ranges, value); same >= 0) {
    Expr result = arguments.begin()[same];
    result.fraction_ = fraction;
    return result;
  }
  return stage->make(op, arguments, fraction, value, range);
}

namespace {

Expr aligned(Op op, const Expr& a, const Expr& b, bool keeps_fraction = true) {
  const int fraction = std::max(a.fraction(), b.fraction());
  return apply(op, {to_fraction(a, fraction), to_fraction(b, fraction)}, keeps_fraction ? fraction : 0, 0);
}

Expr truth(const Expr& a) {
  const Range r = a.range();
  return a.fraction() == 0 && r.low >= 0 && r.high <= 1 ? a : !!a;
}

}  // namespace

Expr operator+(const Expr& a, const Expr& b) { return aligned(Op::add, a, b); }
Expr operator-(const Expr& a, const Expr& b) { return aligned(Op::subtract, a, b); }
Expr operator*(const Expr& a, const Expr& b) { return apply(Op::multiply, {a, b}, a.fraction() + b.fraction(), 0); }
Expr operator/(const Expr& a, const Expr& b) { return aligned(Op::divide, a, b, false); }
Expr operator%(const Expr& a, const Expr& b) { return aligned(Op::modulo, a, b); }
Expr operator&(const Expr& a, const Expr& b) { return aligned(Op::bit_and, a, b); }
Expr operator|(const Expr& a, const Expr& b) { return aligned(Op::bit_or, a, b); }
Expr operator^(const Expr& a, const Expr& b) { return aligned(Op::bit_xor, a, b); }
Expr operator<<(const Expr& a, int bits) {
  check_shift(bits);
  return apply(Op::shift_left, {a}, a.fraction(), bits);
}
Expr operator>>(const Expr& a, int bits) {
  check_shift(bits);
  return apply(Op::shift_right, {a}, a.fraction(), bits);
}
Expr operator-(const Expr& a) { return apply(Op::negate, {a}, a.fraction(), 0); }
Expr operator<(const Expr& a, const Expr& b) { return aligned(Op::less, a, b, false); }
Expr operator<=(const Expr& a, const Expr& b) { return aligned(Op::less_equal, a, b, false); }
Expr operator>(const Expr& a, const Expr& b) { return b < a; }
Expr operator>=(const Expr& a, const Expr& b) { return b <= a; }
Expr operator==(const Expr& a, const Expr& b) { return aligned(Op::equal, a, b, false); }
Expr operator!=(const Expr& a, const Expr& b) { return !(a == b); }
Expr operator!(const Expr& a) { return apply(Op::logical_not, {a}, 0, 0); }
Expr operator&&(const Expr& a, const Expr& b) { return truth(a) & truth(b); }
Expr operator||(const Expr& a, const Expr& b) { return truth(a) | truth(b); }
Expr min(const Expr& a, const Expr& b) { return aligned(Op::minimum, a, b); }
Expr max(const Expr& a, const Expr& b) { return aligned(Op::maximum, a, b); }
Expr abs(const Expr& a) { return apply(Op::absolute, {a}, a.fraction(), 0); }
Expr clamp(const Expr& a, const Expr& low, const Expr& high) { return min(max(a, low), high); }

Expr select(const Expr& condition, const Expr& yes, const Expr& no) {
  const int fraction = std::max(yes.fraction(), no.fraction());
  return apply(Op::select, {condition, to_fraction(yes, fraction), to_fraction(no, fraction)}, fraction, 0);
}

Expr floor(const Expr& a, int fraction) {
  if (fraction < 0) throw Error(fmt::format("fraction bits are 0 or more, not {}", fraction), "");
  return a.fraction() <= fraction ? a : apply(Op::shift_right, {a}, fraction, a.fraction() - fraction);
}

Expr to_fraction(const Expr& a, int fraction) {
  return a.fraction() > fraction ? floor(a, fraction) : apply(Op::shift_left, {a}, fraction, fraction - a.fraction());
}

Expr round(const Expr& a, int fraction) {
  return a.fraction() <= fraction ? a : floor(a + Expr(1, fraction + 1), fraction);
}

Expr scale(const Expr& a, int bits) {
  if (bits < -most_shift || bits > most_shift)
    throw Error(fmt::format("a binary point moves by at most {} bits, not {}", most_shift, bits), "");
  const int moved = a.fraction() - bits;
  return apply(Op::shift_left, {a}, std::max(moved, 0), std::max(-moved, 0));
}

Expr saturate(const Expr& a, const Type& type) {
  const Range all = codes(type);
  return clamp(to_fraction(a, type.fraction), Expr(all.low, type.fraction), Expr(all.high, type.fraction));
}

Expr wrap(const Expr& a, const Type& type) {
  const Expr cut = to_fraction(a, type.fraction);
  const Range all = codes(type), range = cut.range();
  if (range.low >= all.low && range.high <= all.high) return cut;
  const Expr low_bits = cut & Expr(all.high - all.low, type.fraction);
  if (!type.is_signed) return low_bits;
  const Expr half(-all.low, type.fraction);  // the sign's place: turned over, then subtracted
  return (low_bits ^ half) - half;
}

Expr StageBuilder::lookup(int table, const Expr& index) {
  const Expr whole = floor(index);
  const auto& entries = pipeline_.pipeline_.tables[static_cast<std::size_t>(table)].entries;
  const Range range = range_of(Op::lookup, {whole.range()}, 0, entries);
  if (range.low == range.high) return {range.low, 0};
  return make(Op::lookup, {whole}, 0, table, range);
}

Expr reduce(Op op, const std::vector<Expr>& terms) {
  assert(!terms.empty());
  const auto join = [op](const Expr& a, const Expr& b) {
    return op == Op::add ? a + b : op == Op::multiply ? a * b : op == Op::minimum ? min(a, b) : max(a, b);
  };
  // constants meet first: what vanishes leaves no gap in the tree
  std::vector<Expr> level;
  std::optional<Expr> constant;
  for (const Expr& term : terms) {
    if (!term.is_constant())
      level.push_back(term);
    else
      constant = constant ? join(*constant, term) : term;
  }
  if (constant) level.push_back(*constant);
  while (level.size() > 1) {
    std::vector<Expr> next;
    for (std::size_t i = 0; i + 1 < level.size(); i += 2) next.push_back(join(level[i], level[i + 1]));
    if (level.size() % 2) next.push_back(level.back());
    level = std::move(next);
  }
  return level[0];
}

}  // namespace pare::imaging
