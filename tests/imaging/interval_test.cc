// Interval arithmetic and builder against plain arithmetic on every value.
#include "pare/imaging/interval.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <limits>

#include "pare/base/error.h"
#include "pare/base/random.h"
#include "pare/imaging/builder.h"

namespace pare::imaging {
namespace {

long floor_of(long a, long b) {
  long q = a / b;
  while (q * b > a && b > 0) --q;
  while (q * b < a && b < 0) --q;
  return q;
}

/// The operation as pipeline.h words it.
long plain(Op op, long a, long b, long c, long k) {
  switch (op) {
    case Op::add: return a + b;
    case Op::subtract: return a - b;
    case Op::multiply: return a * b;
    case Op::divide: return floor_of(a, b);
    case Op::modulo: return a - b * floor_of(a, b);
    case Op::minimum: return a < b ? a : b;
    case Op::maximum: return a < b ? b : a;
    case Op::absolute: return a < 0 ? -a : a;
    case Op::negate: return -a;
    case Op::shift_left: return a * (1L << k);
    case Op::shift_right: return floor_of(a, 1L << k);
    case Op::bit_and: return a & b;
    case Op::bit_or: return a | b;
    case Op::bit_xor: return a ^ b;
    case Op::less: return a < b;
    case Op::less_equal: return a <= b;
    case Op::equal: return a == b;
    case Op::logical_not: return a == 0;
    case Op::select: return a != 0 ? b : c;
    default: return 0;
  }
}

constexpr Op all[] = {Op::add,         Op::subtract, Op::multiply,    Op::divide,  Op::modulo,
                      Op::minimum,     Op::maximum,  Op::absolute,    Op::negate,  Op::shift_left,
                      Op::shift_right, Op::bit_and,  Op::bit_or,      Op::bit_xor, Op::less,
                      Op::less_equal,  Op::equal,    Op::logical_not, Op::select};

TEST(Interval, HoldsEveryValueAndIsExactOfSingleOnes) {
  Random random(1);
  const auto draw = [&] {
    const auto low = static_cast<std::int64_t>(random.below(40)) - 20;
    return Range{low, low + static_cast<std::int64_t>(random.below(3) ? random.below(12) : 0)};
  };
  for (int round = 0; round < 4000; ++round)
    for (const Op op : all) {
      const Range a = draw(), b = draw(), c = draw();
      const auto k = static_cast<std::int64_t>(random.below(5));
      if ((op == Op::divide && b.low <= 0 && b.high >= 0) || (op == Op::modulo && b.low <= 0)) {
        EXPECT_THROW(range_of(op, {a, b, c}, k), Error);
        continue;
      }
      const Range r = range_of(op, {a, b, c}, k);
      long low = std::numeric_limits<long>::max(), high = std::numeric_limits<long>::min();
      for (long i = a.low; i <= a.high; ++i)
        for (long j = arity(op) > 1 ? b.low : b.high; j <= b.high; ++j)
          for (long l = arity(op) > 2 ? c.low : c.high; l <= c.high; ++l) {
            const long v = plain(op, i, j, l, k);
            low = std::min(low, v);
            high = std::max(high, v);
          }
      ASSERT_LE(r.low, low) << static_cast<int>(op) << " of " << a.low << ".." << a.high << ", " << b.low << ".."
                            << b.high;
      ASSERT_GE(r.high, high) << static_cast<int>(op);
      const bool bitwise = op == Op::bit_and || op == Op::bit_or || op == Op::bit_xor;
      if (!bitwise && op != Op::modulo) {
        ASSERT_EQ(r, (Range{low, high})) << static_cast<int>(op);
      }
      if (a.low == a.high && b.low == b.high && c.low == c.high) {
        ASSERT_EQ(r, (Range{low, low})) << static_cast<int>(op);
      }
    }
}

TEST(Interval, RefusesWhatLeaves62Bits) {
  const Range most{-largest, largest}, two{2, 2};
  EXPECT_THROW(range_of(Op::add, {most, most}), Error);
  EXPECT_THROW(range_of(Op::multiply, {most, most}), Error);
  EXPECT_THROW(range_of(Op::multiply, {most, two}), Error);
  EXPECT_THROW(range_of(Op::shift_left, {Range{1, 1}}, 63), Error);
  EXPECT_EQ(range_of(Op::shift_left, {Range{-1, 1}}, 62), most);
  EXPECT_EQ(range_of(Op::subtract, {most, Range{0, 0}}), most);
  EXPECT_EQ(range_of(Op::absolute, {most}), (Range{0, largest}));
}

TEST(Interval, TablesGiveWhatIsInTheirReach) {
  const std::vector<std::int64_t> entries{5, -1, 9, 3};
  EXPECT_EQ(range_of(Op::lookup, {Range{0, 3}}, 0, entries), (Range{-1, 9}));
  EXPECT_EQ(range_of(Op::lookup, {Range{2, 3}}, 0, entries), (Range{3, 9}));
  EXPECT_THROW(range_of(Op::lookup, {Range{-1, 3}}, 0, entries), Error);
  EXPECT_THROW(range_of(Op::lookup, {Range{0, 4}}, 0, entries), Error);
}

TEST(Type, CodesBitsAndNames) {
  EXPECT_EQ(codes({.bits = 8}), (Range{0, 255}));
  EXPECT_EQ(codes({.is_signed = true, .bits = 8}), (Range{-128, 127}));
  EXPECT_EQ(codes({.is_signed = true, .bits = 1}), (Range{-1, 0}));
  for (std::int64_t low = -70; low < 70; ++low)
    for (std::int64_t high = low; high < 70; ++high) {
      int bits = 1;  // the first that holds both, found by trying
      while (codes({.is_signed = low < 0, .bits = bits}).low > low ||
             codes({.is_signed = low < 0, .bits = bits}).high < high)
        ++bits;
      EXPECT_EQ(bits_of({low, high}), bits) << low << " to " << high;
    }
  EXPECT_EQ(name(Type{.bits = 8}), "u8");
  EXPECT_EQ(name(Type{.is_signed = true, .bits = 12, .fraction = 8, .channels = 3}), "s4.8x3");
}

TEST(Builder, SharesFoldsAndDropsWhatIsNotUsed) {
  PipelineBuilder builder("test");
  const int a = builder.input("a", {.bits = 8}), b = builder.input("b", {.bits = 8});
  StageBuilder s = builder.stage("s");
  const Expr p = s.read(a, 1, 0);
  s.read(b, 5, 5);  // of no use: the window does not grow by it
  const Expr sum = (p + s.read(a)) * (s.read(a) + p) + (Expr(3) * 4 - 12) + p * 0 + (p - p);
  s.finish({.bits = 20}, {sum}, true);
  StageBuilder t = builder.stage("t");
  t.finish({.bits = 8}, {max(t.read(b), -1)}, true);
  const Pipeline made = builder.finish();
  EXPECT_EQ(made.stages[2].nodes.size(), 4u);  // two pixels, a sum, its square
  ASSERT_EQ(made.stages[2].sources.size(), 1u);
  EXPECT_EQ(window(made.stages[2], 0), (Window{0, 0, 0, 1}));
  EXPECT_EQ(made.stages[3].nodes.size(), 1u);
  EXPECT_EQ(made.find("t"), 3);
  EXPECT_EQ(made.find("u"), -1);
}

TEST(Builder, WindowsAreMirroredWhicheverSideIsLonger) {
  PipelineBuilder builder("test");
  const int a = builder.input("a", {.bits = 8});
  StageBuilder s = builder.stage("s", Border::mirror);
  s.finish({.bits = 10}, {s.read(a, -3, 2) + s.read(a, 1, -1)}, true);
  EXPECT_EQ(window(builder.finish().stages[1], 0), (Window{2, 2, 3, 3}));
}

TEST(Builder, WindowsHoldWhatBordersRead) {
  for (const Border border : {Border::zero, Border::replicate, Border::mirror}) {
    PipelineBuilder builder("test");
    const int a = builder.input("a", {.bits = 8});
    StageBuilder s = builder.stage("s", border);
    s.finish({.bits = 10}, {s.read(a, 2, -3) + s.read(a, 4, -1)}, true);
    const Window w = window(builder.finish().stages[1], 0);
    if (border == Border::zero) {
      EXPECT_EQ(w, (Window{3, -1, -2, 4}));
    } else if (border == Border::replicate) {
      EXPECT_EQ(w, (Window{3, 0, 0, 4}));
    } else {
      EXPECT_EQ(w, (Window{3, 3, 4, 4}));
    }
  }
}

TEST(Builder, StepsFollowTheRates) {
  PipelineBuilder builder("test");
  const int small = builder.input("small", {.bits = 8}), image = builder.input("image", {.bits = 8});
  StageBuilder half = builder.stage("half");
  const int h = half.finish({.bits = 9}, {half.read(image, 0, 0, 0, 2, 1) + half.read(small)});
  StageBuilder back = builder.stage("back");
  back.finish({.bits = 9}, {back.read(h, 0, 0, 0, 1, 6)}, true);
  const Pipeline made = builder.finish();
  EXPECT_EQ(steps(made), (std::vector<int>{6, 3, 6, 1}));
  EXPECT_NO_THROW(check_size(made, 12, 6));
  EXPECT_THROW(check_size(made, 15, 6), Error);
  EXPECT_THROW(check_size(made, 0, 6), Error);
  StageBuilder wrong = builder.stage("wrong");
  wrong.finish({.bits = 10}, {wrong.read(image) + wrong.read(h)}, true);
  EXPECT_THROW(builder.finish(), Error);
}

}  // namespace
}  // namespace pare::imaging
