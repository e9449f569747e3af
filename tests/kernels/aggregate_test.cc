#include "pare/kernels/aggregate.h"

#include <gtest/gtest.h>

#include "edge_values.h"
#include "pare/base/parallel.h"
#include "pare/base/simd.h"
#include "reference.h"

namespace pare::kernels {
namespace {

const std::vector<std::string> targets = simd_targets();

class OnTarget : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override { set_simd(GetParam()); }
  void TearDown() override { set_simd(""); }
};
INSTANTIATE_TEST_SUITE_P(All, OnTarget, testing::ValuesIn(targets), [](const auto& info) { return info.param; });

void check(std::uint64_t seed) {
  Random random(seed);
  const std::int64_t shapes[][2] = {{0, 0}, {1, 1}, {1, 300}, {300, 1}, {70, 70}, {257, 129}, {40, 0}, {900, 900}};
  const auto [rows, columns] = shapes[random.below(std::size(shapes))];
  const int heads = random.below(3) == 0 ? 1 + static_cast<int>(random.below(8)) : 1;
  const std::int64_t widths[] = {1, 2, 3, 4, 5, 7, 8, 11, 15, 16, 17, 31, 32, 33, 47, 64, 96, 100, 128, 129, 160, 257};
  const std::int64_t width = widths[random.below(std::size(widths))] * heads;
  const RandomCsr a(rows, columns, 6, random.below(3) == 0 ? 3000 : 20, random);
  const auto reduce = static_cast<Reduce>(random.below(3));
  const auto type = [&] { return random.below(3) == 0 ? Float::bfloat16 : Float::float32; };
  const Features x(columns, width, static_cast<std::int64_t>(random.below(3)), type(), random),
      own(rows, width, 0, type(), random);
  Features y(rows, width, static_cast<std::int64_t>(random.below(2)), type(), random);

  const auto edge = random_floats(a.view().nonzeros() * heads, random), column = random_floats(columns, random),
             scale = random_floats(rows, random), bias = random_floats(width, random);
  Weights weights{.heads = heads};
  if (reduce != Reduce::max) {
    if (heads > 1 || random.below(2)) weights.edge = edge.data();
    if (random.below(2)) weights.column = column.data();
  }
  Epilogue epilogue;
  if (random.below(2)) epilogue.row_scale = scale.data();
  if (random.below(2)) {
    epilogue.self = 1.5;
    epilogue.own = own.in();
  }
  if (random.below(2)) epilogue.bias = bias.data();
  epilogue.relu = random.below(2);
  std::vector<std::int64_t> argmax(static_cast<std::size_t>(rows * width));
  const bool wants_winner = reduce == Reduce::max && random.below(2);

  aggregate(a.view(), weights, reduce, x.in(), epilogue, y.out(), wants_winner ? argmax.data() : nullptr);
  for (std::int64_t r = 0; r < rows; ++r)
    for (std::int64_t f = 0; f < width; ++f) {
      const Expected e = expected(a.view(), nullptr, weights, reduce, x, epilogue, &own, r, f);
      ASSERT_NEAR(y.at(r, f), e.value, tolerance(e, y.type)) << "seed " << seed << " row " << r << " feature " << f;
      if (wants_winner) {
        ASSERT_EQ(argmax[r * width + f], e.winner) << "seed " << seed;
      }
    }
}

TEST_P(OnTarget, AggregatesAsDefined) {
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    check(seed);
    if (HasFatalFailure()) return;
  }
}

TEST_P(OnTarget, NaNIsNotLost) {
  Random random(6);
  const RandomCsr a(60, 40, 8, 300, random);
  for (const std::int64_t width : {1, 3, 8, 17, 64}) {
    Features x(40, width, 0, Float::float32, random);
    for (std::int64_t v = 0; v < 40; v += 7) x.floats[static_cast<std::size_t>(v * width + v % width)] = NAN;
    Epilogue relu;
    relu.relu = true;
    for (const auto& [reduce, epilogue] : {std::pair{Reduce::sum, relu}, std::pair{Reduce::max, Epilogue()}}) {
      Features y(60, width, 0, Float::float32, random);
      aggregate(a.view(), {}, reduce, x.in(), epilogue, y.out());
      for (std::int64_t r = 0; r < 60; ++r)
        for (std::int64_t f = 0; f < width; ++f) {
          bool wanted = false;
          for (std::int64_t e = a.view().begin[r]; e < a.view().begin[r + 1]; ++e)
            wanted = wanted || std::isnan(x.at(a.view().column[e], f));
          ASSERT_EQ(std::isnan(y.at(r, f)), wanted) << width << " row " << r << " feature " << f;
        }
    }
  }
}

TEST_P(OnTarget, TakesWideFeatures) {
  Random random(5);
  const RandomCsr a(50, 40, 8, 100, random);
  for (const std::int64_t width : {512, 1000, 1433}) {
    const Features x(40, width, 0, Float::float32, random);
    Features y(50, width, 0, Float::float32, random);
    aggregate(a.view(), {}, Reduce::sum, x.in(), {}, y.out());
    for (std::int64_t r = 0; r < 50; ++r)
      for (std::int64_t f = 0; f < width; ++f) {
        const Expected e = expected(a.view(), nullptr, {}, Reduce::sum, x, {}, nullptr, r, f);
        ASSERT_NEAR(y.at(r, f), e.value, tolerance(e, y.type)) << width << " row " << r << " feature " << f;
      }
  }
}

TEST_P(OnTarget, DoesNotDependOnThreads) {
  Random random(9);
  // a row with half of all edges is worked on in pieces
  const RandomCsr a(5000, 5000, 12, 60000, random);
  const Features x(5000, 33, 0, Float::float32, random);
  const int before = threads();
  std::vector<float> first;
  for (const int count : {1, 2, 3, 7}) {
    set_threads(count);
    Features y(5000, 33, 0, Float::float32, random);
    aggregate(a.view(), {}, Reduce::sum, x.in(), {}, y.out());
    if (first.empty())
      first = y.floats;
    else
      EXPECT_EQ(first, y.floats) << count << " threads";
    for (std::int64_t r = 0; r < 5000; ++r) {
      const Expected e = expected(a.view(), nullptr, {}, Reduce::sum, x, {}, nullptr, r, 7);
      ASSERT_NEAR(y.at(r, 7), e.value, tolerance(e, y.type));
    }
  }
  set_threads(before);
}

TEST_P(OnTarget, EdgesHaveDotsAndSoftmax) {
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    check_edge_values(seed, {edge_dots, edge_softmax, edge_softmax_gradient});
    if (HasFatalFailure()) return;
  }
}

TEST(Bfloat16, RoundsToNearestEven) {
  Random random(1);
  for (int i = 0; i < 100000; ++i) {
    const auto bits = static_cast<std::uint32_t>(random());
    const float value = std::bit_cast<float>(bits);
    if (std::isnan(value)) {
      EXPECT_TRUE(std::isnan(from_bfloat16(to_bfloat16(value))));
      continue;
    }
    const float low = std::bit_cast<float>(bits & 0xffff0000u),
                high = std::bit_cast<float>((bits & 0xffff0000u) + 0x10000u);
    if (!std::isfinite(low) || !std::isfinite(high)) continue;
    const float rounded = from_bfloat16(to_bfloat16(value));
    const double to_low = std::abs(double{value} - low), to_high = std::abs(double{high} - value);
    EXPECT_EQ(rounded, to_low < to_high || (to_low == to_high && (bits >> 16 & 1) == 0) ? low : high);
  }
}

}  // namespace
}  // namespace pare::kernels
