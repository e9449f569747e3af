// The search over sorted values against a plain pass over all of them with the codec.
#include "pare/quantize/scale_search.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "pare/base/error.h"
#include "pare/base/random.h"
#include "pare/number/codec.h"
#include "pare/quantize/tensor_search.h"

namespace pare::quantize {
namespace {

using number::Format;

std::vector<Format> some_formats(bool is_signed) {
  std::vector<Format> formats;
  for (const int bits : {3, 4, 6, 8})
    for (const char* family : {"int", "float", "flint", "e2"})
      formats.push_back(formats_of({family}, bits, is_signed, number::IntRange::symmetric).front());
  formats.push_back(formats_of({"pot"}, 4, is_signed, number::IntRange::symmetric).front());
  if (is_signed) formats.push_back(formats_of({"int"}, 4, true, number::IntRange::full).front());
  return formats;
}

double error_by_codec(const std::vector<float>& x, const Format& format, float scale) {
  std::vector<float> y(x.size());
  number::round_to(format, number::Ties::away, x.data(), x.size(), scale, y.data());
  double sum = 0;
  for (std::size_t i = 0; i < x.size(); ++i)
    sum += (static_cast<double>(x[i]) - y[i]) * (static_cast<double>(x[i]) - y[i]);
  return sum;
}

std::vector<float> draw(Random& random, std::size_t n, int kind) {
  std::vector<float> x(n);
  for (float& v : x) {
    const double u = random.normal();
    v = static_cast<float>(kind == 0 ? u : kind == 1 ? u * u * u : random.uniform(-1, 1));
  }
  return x;
}

TEST(SquaredError, EqualsAPassWithTheCodec) {
  Random random(3);
  for (const bool is_signed : {true, false})
    for (int kind = 0; kind < 3; ++kind) {
      std::vector<float> x = draw(random, 1500, kind);
      if (!is_signed)
        for (float& v : x) v = std::abs(v);
      const SortedValues sorted(x.data(), x.size());
      for (const Format& format : some_formats(is_signed))
        for (const double share : {0.2, 0.75, 1.0, 1.4}) {
          const auto scale = static_cast<float>(sorted.peak() * share / number::largest(format));
          const double expected = error_by_codec(x, format, scale);
          EXPECT_NEAR(sorted.squared_error(format, scale), expected, 1e-5 * expected + 1e-9)
              << number::name(format) << " share " << share;
        }
    }
}

TEST(BestScale, IsTheFirstLeastOfTheWindow) {
  Random random(4);
  const std::vector<float> x = draw(random, 800, 0);
  const SortedValues sorted(x.data(), x.size());
  for (const Format& format : some_formats(true)) {
    const Window window = Window::published(format.bits);
    double least = INFINITY;
    float scale_of_least = 0;
    for (int i = window.low; i <= window.high; ++i) {
      const auto scale = static_cast<float>(static_cast<double>(sorted.peak()) * i / 100 / number::largest(format));
      const double error = error_by_codec(x, format, scale);
      if (error < least * (1 - 1e-9)) least = error, scale_of_least = scale;
    }
    const Scale best = sorted.best_scale(format, window);
    EXPECT_NEAR(best.squared_error, least, 1e-6 * least) << number::name(format);
    EXPECT_NEAR(best.scale, scale_of_least, 0.011 * scale_of_least) << number::name(format);
  }
}

TEST(BestScale, OfNothingAndOfZerosIsOne) {
  const Format format = formats_of({"flint"}, 4, true, number::IntRange::symmetric).front();
  const SortedValues nothing(nullptr, 0);
  EXPECT_EQ(nothing.best_scale(format, Window::free()).scale, 1.0f);
  const std::vector<float> zeros(10, 0.0f);
  const SortedValues sorted(zeros.data(), zeros.size());
  EXPECT_EQ(sorted.best_scale(format, Window::free()).scale, 1.0f);
  EXPECT_EQ(sorted.best_scale(format, Window::free()).squared_error, 0.0);
}

TEST(BestScale, SurvivesTheSmallestAndLargestFloats) {
  for (const float size : {1e-40f, 1e-38f, 1e37f, 3e38f}) {
    const std::vector<float> x{size, -size, size / 2};
    const SortedValues sorted(x.data(), x.size());
    for (const Format& format : some_formats(true)) {
      const Scale best = sorted.best_scale(format, Window::published(format.bits));
      EXPECT_GT(best.scale, 0) << number::name(format) << " " << size;
      EXPECT_TRUE(std::isfinite(best.scale)) << number::name(format) << " " << size;
    }
  }
}

// Optimum clipping of unit-variance data, from the specification of ANT: least error over all clipping points.
TEST(BestScale, ReachesThePublishedOptimaOfStandardDistributions) {
  Random random(5);
  struct Row {
    int distribution;
    const char* family;
    double mse;
  };
  const std::vector<Row> rows{{0, "int", 0.00445}, {0, "flint", 0.00809}, {0, "pot", 0.02527},
                              {1, "int", 0.01289}, {1, "flint", 0.01495}, {1, "pot", 0.03775},
                              {2, "int", 0.02739}, {2, "flint", 0.02205}, {2, "pot", 0.03830}};
  std::vector<std::vector<float>> data(3, std::vector<float>(400000));
  for (float& v : data[0]) v = static_cast<float>(random.uniform(-std::sqrt(3.0), std::sqrt(3.0)));
  for (float& v : data[1]) v = static_cast<float>(random.normal());
  for (float& v : data[2]) {
    const double u = random.uniform(-0.5, 0.5);
    v = static_cast<float>((u < 0 ? 1 : -1) * std::log(1 - 2 * std::abs(u)) / std::sqrt(2.0));
  }
  for (const Row& row : rows) {
    const auto& x = data[static_cast<std::size_t>(row.distribution)];
    const SortedValues sorted(x.data(), x.size());
    const Format format = formats_of({row.family}, 4, true, number::IntRange::symmetric).front();
    const double mse = sorted.best_scale(format, {4, 200, 1}).squared_error / static_cast<double>(x.size());
    EXPECT_NEAR(mse, row.mse, 0.03 * row.mse) << row.distribution << " " << row.family;
  }
}

TEST(FitFormats, ChannelsAndGroupsHaveTheirOwnScales) {
  Random random(6);
  const std::vector<std::int64_t> shape{5, 7, 3, 2};
  std::vector<float> x(5 * 7 * 3 * 2);
  for (float& v : x) v = static_cast<float>(random.normal());
  const auto formats = formats_of({"int", "flint"}, 4, true, number::IntRange::symmetric);
  for (const std::int64_t axis : {0, 1, 3})
    for (const auto granularity : {number::Granularity::channel, number::Granularity::group}) {
      const auto layout = number::layout(shape, granularity, axis, 4);
      const auto fits = fit_formats(x.data(), layout, formats, Window::published(4));
      for (const auto& fit : fits) {
        ASSERT_EQ(fit.scales.size(), layout.scales());
        std::vector<float> y(x.size());
        number::round_tensor(fit.format, number::Ties::away, x.data(), layout, fit.scales.data(), y.data());
        double error = 0;
        for (std::size_t i = 0; i < x.size(); ++i) error += (x[i] - y[i]) * static_cast<double>(x[i] - y[i]);
        EXPECT_NEAR(error, fit.squared_error, 1e-5 * error) << "axis " << axis;
      }
      EXPECT_EQ(least_error(fits).squared_error, std::min(fits[0].squared_error, fits[1].squared_error));
    }
}

TEST(FormatsOf, RefusesWhatDoesNotExist) {
  EXPECT_THROW(formats_of({"int"}, 2, true, number::IntRange::symmetric), UsageError);
  EXPECT_THROW(formats_of({"int"}, 9, true, number::IntRange::symmetric), UsageError);
  EXPECT_THROW(formats_of({"posit"}, 4, true, number::IntRange::symmetric), UsageError);
  EXPECT_THROW(formats_of({"pot"}, 8, false, number::IntRange::symmetric), UsageError);
  EXPECT_THROW(formats_of({"e7"}, 4, true, number::IntRange::symmetric), UsageError);
}

}  // namespace
}  // namespace pare::quantize
