#include "pare/draw/axis.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "pare/base/random.h"

namespace pare::draw {
namespace {

/// What every list of ticks promises, whatever the algorithm.
void expect_sound(const std::vector<double>& ticks, double low, double high, int most, const std::string& what) {
  ASSERT_GE(ticks.size(), 2u) << what;
  EXPECT_LE(ticks.size(), static_cast<std::size_t>(most)) << what;
  EXPECT_LE(ticks.front(), low) << what;
  EXPECT_GE(ticks.back(), high) << what;
  for (std::size_t i = 1; i < ticks.size(); ++i) ASSERT_LT(ticks[i - 1], ticks[i]) << what;
}

TEST(Ticks, AreTheRoundNumbersThatPeopleExpect) {
  EXPECT_EQ(ticks(0, 1, 6), (std::vector<double>{0, 0.2, 0.4, 0.6, 0.8, 1}));
  EXPECT_EQ(ticks(0.1, 0.31, 8), (std::vector<double>{0.1, 0.15, 0.2, 0.25, 0.3, 0.35}));
  EXPECT_EQ(ticks(-7, 12, 6), (std::vector<double>{-10, -5, 0, 5, 10, 15}));
  EXPECT_EQ(ticks(92.1, 92.9, 6), (std::vector<double>{92, 92.2, 92.4, 92.6, 92.8, 93}));
  EXPECT_EQ(log_ticks(1, 1000, 6), (std::vector<double>{1, 10, 100, 1000}));
  EXPECT_EQ(log_ticks(1.2e5, 9e5, 6), (std::vector<double>{1e5, 2e5, 5e5, 1e6}));
  EXPECT_EQ(log_ticks(3e-6, 2e3, 5), (std::vector<double>{1e-6, 1e-3, 1, 1e3, 1e6}));
}

TEST(Ticks, CoverAnyRangeInOrderAndAreFew) {
  Random random(3);
  for (int trial = 0; trial < 20'000; ++trial) {
    const double scale = std::pow(10.0, random.uniform(-280, 280));
    const double low = scale * random.uniform(-1, 1), high = low + scale * std::pow(10.0, random.uniform(-8, 3));
    const int most = 3 + static_cast<int>(random.below(12));
    const std::string what = ::testing::PrintToString(std::tuple(low, high, most));
    expect_sound(ticks(low, high, most), low, high, most, what);
    const double small = std::abs(low) + 1e-290;
    expect_sound(log_ticks(small, small * (1 + std::abs(high / scale)), most), small,
                 std::min(1e300, small * (1 + std::abs(high / scale))), most, what);
  }
}

TEST(Ticks, TakeAnything) {
  const double infinity = std::numeric_limits<double>::infinity(), largest = std::numeric_limits<double>::max();
  for (double low : {0.0, 1.0, -3.5, 1e300, -largest, 5e-324, std::nan(""), -infinity})
    for (double high : {0.0, 1.0, 1.0 + 1e-15, 1e300, largest, 5e-324, std::nan(""), infinity}) {
      const auto tame = [](double v) { return std::isfinite(v) ? std::clamp(v, -1e300, 1e300) : 0; };
      const auto [a, b] = std::minmax({tame(low), tame(high)});
      expect_sound(ticks(low, high, 5), a, b, 5, ::testing::PrintToString(std::pair(low, high)));
    }
  expect_sound(log_ticks(1e-300, 1e300, 3), 1e-300, 1e300, 3, "widest");
  expect_sound(log_ticks(5, 5, 3), 5, 5, 3, "one value");
}

Extent extent(double low, double high) {
  Extent e;
  e.include(low);
  e.include(high);
  return e;
}

TEST(Scale, MapsTheEndsAndTheMiddle) {
  const Scale linear({"x", ""}, extent(0, 10), 6, 100, 300);
  EXPECT_DOUBLE_EQ(linear(0), 100);
  EXPECT_DOUBLE_EQ(linear(5), 200);
  EXPECT_DOUBLE_EQ(linear(10), 300);
  EXPECT_DOUBLE_EQ(linear(11), 300) << "clamped";
  EXPECT_DOUBLE_EQ(linear(std::nan("")), 100);
  const Scale down({"y", ""}, extent(0, 10), 6, 300, 100);
  EXPECT_DOUBLE_EQ(down(2.5), 250);
  const Scale log({"x", "", true}, extent(1, 10'000), 6, 0, 400);
  EXPECT_TRUE(log.log());
  EXPECT_NEAR(log(1), 0, 1e-9);
  EXPECT_NEAR(log(100), 200, 1e-9);
  EXPECT_NEAR(log(10'000), 400, 1e-9);
  EXPECT_FALSE(Scale({"x", "", true}, extent(0, 10), 6, 0, 1).log()) << "zero has no logarithm";
}

TEST(Scale, SaysUnits) {
  const Scale bytes({"size", "bytes"}, extent(0, 4e6), 6, 0, 1);
  EXPECT_EQ(bytes.title(), "size (MB)");
  EXPECT_EQ(bytes.label(1e6), "1");
  const Scale log({"size", "bytes", true}, extent(1e3, 1e9), 6, 0, 1);
  EXPECT_EQ(log.title(), "size");
  EXPECT_EQ(log.label(1e4), "10 kB");
  EXPECT_EQ(log.label(1e9), "1 GB");
  EXPECT_EQ(Scale({"time", "s"}, extent(0, 0.004), 6, 0, 1).title(), "time (ms)");
  EXPECT_EQ(Scale({"accuracy", "%"}, extent(0, 90), 6, 0, 1).title(), "accuracy (%)");
  EXPECT_EQ(Scale({"mse", "", true}, extent(1e-8, 1e-2), 9, 0, 1).label(1e-4), "10⁻⁴");
  EXPECT_EQ(Scale({"mse", "", true}, extent(1e-8, 1e-2), 9, 0, 1).label(0.01), "0.01");
}

TEST(Scale, TakesNothingAndTheWholeOfDouble) {
  const double largest = std::numeric_limits<double>::max();
  for (bool log : {false, true})
    for (const Extent& e : {Extent{}, extent(0, 0), extent(7, 7), extent(-largest, largest), extent(5e-324, largest)}) {
      const Scale scale({"x", "bytes", log}, e, 5, 10, 90);
      for (double v : {0.0, 7.0, -largest, largest, std::nan("")}) {
        EXPECT_GE(scale(v), 10 - 1e-9);
        EXPECT_LE(scale(v), 90 + 1e-9);
      }
      for (double t : scale.ticks()) EXPECT_FALSE(scale.label(t).empty());
    }
}

TEST(Quantity, HasThePrefixThatFits) {
  EXPECT_EQ(quantity(1.234e6, "bytes"), "1.23 MB");
  EXPECT_EQ(quantity(812, "bytes"), "812 bytes");
  EXPECT_EQ(quantity(4.09e9, "MACs"), "4.09 G MACs");
  EXPECT_EQ(quantity(25.56e6, "parameters"), "25.6 M parameters");
  EXPECT_EQ(quantity(0.0042, "s"), "4.2 ms");
  EXPECT_EQ(quantity(6.2, "s"), "6.2 s");
  EXPECT_EQ(quantity(74.5, "%"), "74.5 %");
  EXPECT_EQ(quantity(0, ""), "0");
}

}  // namespace
}  // namespace pare::draw
