#include "pare/imaging/interval.h"

#include <fmt/format.h>

#include <algorithm>

#include "pare/base/error.h"
#include "pare/imaging/integers.h"

namespace pare::imaging {
namespace {

__extension__ typedef __int128 Wide;  // holds the product of any two values

Range checked(Wide low, Wide high) {
  const Wide worst = -low > high ? low : high;
  if (worst > largest || worst < -largest)
    throw Error(
        fmt::format("a value reaches {:.3g}, beyond the {} bits of any value", static_cast<double>(worst), most_shift),
        "", "shift right, or drop fraction bits with floor(value, bits), before this operation");
  return {static_cast<std::int64_t>(low), static_cast<std::int64_t>(high)};
}

/// Of a function that is monotone in each argument: its extremes lie in the corners.
template <typename F>
Range corners(const Range& a, const Range& b, F f) {
  const std::array<Wide, 4> at{f(a.low, b.low), f(a.low, b.high), f(a.high, b.low), f(a.high, b.high)};
  return checked(*std::ranges::min_element(at), *std::ranges::max_element(at));
}

bool single(const Range& r) { return r.low == r.high; }

/// The least 2^k - 1 that is not below `v` >= 0.
std::int64_t all_ones(std::int64_t v) { return (std::int64_t{1} << bits_of({0, v})) - 1; }

/// Of a bitwise operation: two's complements as wide as the wider operand's.
Range two_complements(const Range& a, const Range& b) {
  const int bits = std::max(bits_of({std::min<std::int64_t>(a.low, -1), std::max<std::int64_t>(a.high, 0)}),
                            bits_of({std::min<std::int64_t>(b.low, -1), std::max<std::int64_t>(b.high, 0)}));
  const std::int64_t half = std::int64_t{1} << (bits - 1);
  return {-half, half - 1};
}

Range bitwise(Op op, const Range& a, const Range& b) {
  if (single(a) && single(b)) {
    const std::int64_t v = op == Op::bit_and ? a.low & b.low : op == Op::bit_or ? a.low | b.low : a.low ^ b.low;
    return {v, v};
  }
  Range r = two_complements(a, b);
  const bool a_positive = a.low >= 0, b_positive = b.low >= 0;
  if (op == Op::bit_and) {
    if (a_positive || b_positive) r.low = 0;
    r.high = a_positive && b_positive ? std::min(a.high, b.high)
             : a_positive             ? a.high
             : b_positive             ? b.high
                                      : std::max(a.high, b.high);
  } else if (a_positive && b_positive) {
    r = {op == Op::bit_or ? std::max(a.low, b.low) : 0, all_ones(std::max(a.high, b.high))};
  }
  return checked(r.low, r.high);
}

Range divided(const Range& a, const Range& b) {
  if (b.low <= 0 && b.high >= 0)
    throw Error(fmt::format("the divisor can be 0: it lies between {} and {}", b.low, b.high), "",
                "keep it away from 0, as in a / max(b, 1)");
  return corners(a, b, floor_divide<Wide>);
}

Range remainder(const Range& a, const Range& b) {
  if (b.low <= 0)
    throw Error(fmt::format("the divisor of a remainder must be above 0, it can be {}", b.low), "",
                "keep it above 0, as in a % max(b, 1)");
  if (single(b)) {
    const Wide low = floor_divide(a.low, b.low);
    if (low == floor_divide(a.high, b.low)) return checked(a.low - low * b.low, a.high - low * b.low);
  }
  return {0, a.low >= 0 ? std::min(b.high - 1, a.high) : b.high - 1};
}

/// Truth, where it is settled by the ranges.
Range truth(bool always, bool never) { return {always, !never}; }

Range looked_up(const Range& index, const std::vector<std::int64_t>& entries) {
  const auto size = static_cast<std::int64_t>(entries.size());
  if (index.low < 0 || index.high >= size)
    throw Error(
        fmt::format("the index lies between {} and {}, outside the table's 0 to {}", index.low, index.high, size - 1),
        "", "clamp it, or make the table longer");
  const auto [low, high] = std::minmax_element(entries.begin() + index.low, entries.begin() + index.high + 1);
  return {*low, *high};
}

}  // namespace

Range range_of(Op op, const std::array<Range, 3>& arguments, std::int64_t value,
               const std::vector<std::int64_t>& entries) {
  const auto& [a, b, c] = arguments;
  const Wide al = a.low, ah = a.high, bl = b.low, bh = b.high;
  switch (op) {
    case Op::column:
    case Op::row: return {0, most_side - 1};
    case Op::add: return checked(al + bl, ah + bh);
    case Op::subtract: return checked(al - bh, ah - bl);
    case Op::multiply: return corners(a, b, [](Wide x, Wide y) { return x * y; });
    case Op::divide: return divided(a, b);
    case Op::modulo: return remainder(a, b);
    case Op::minimum: return {std::min(a.low, b.low), std::min(a.high, b.high)};
    case Op::maximum: return {std::max(a.low, b.low), std::max(a.high, b.high)};
    case Op::absolute: return {std::max({std::int64_t{0}, a.low, -a.high}), std::max(-a.low, a.high)};
    case Op::negate: return {-a.high, -a.low};
    case Op::shift_left: return checked(al * (Wide{1} << value), ah * (Wide{1} << value));
    case Op::shift_right: return {a.low >> value, a.high >> value};
    case Op::bit_and:
    case Op::bit_or:
    case Op::bit_xor: return bitwise(op, a, b);
    case Op::less: return truth(a.high < b.low, a.low >= b.high);
    case Op::less_equal: return truth(a.high <= b.low, a.low > b.high);
    case Op::equal: return truth(single(a) && a == b, a.high < b.low || b.high < a.low);
    case Op::logical_not: return truth(single(a) && a.low == 0, a.low > 0 || a.high < 0);
    case Op::select:
      if (a.low > 0 || a.high < 0) return b;
      if (single(a)) return c;
      return {std::min(b.low, c.low), std::max(b.high, c.high)};
    case Op::lookup: return looked_up(a, entries);
    default: return {};
  }
}

}  // namespace pare::imaging
