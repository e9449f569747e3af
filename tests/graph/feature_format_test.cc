#include "pare/graph/feature_format.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "pare/base/error.h"
#include "pare/base/random.h"

namespace pare::graph {
namespace {

TEST(FeatureFormat, Names) {
  EXPECT_EQ(name_of(feature_format("float32")), "float32");
  EXPECT_EQ(name_of(feature_format("flint4")), "flint4");
  EXPECT_THROW(feature_format("int2"), UsageError);
  EXPECT_THROW(feature_format("bfloat"), UsageError);
}

TEST(FeatureFormat, Bytes) {
  Graph graph;
  EXPECT_FALSE(has_features(graph));
  graph.dense_features.resize(7 * 3);
  graph.feature_width = 3;
  EXPECT_TRUE(has_features(graph));
  EXPECT_EQ(feature_bytes(graph, {}), 4 * 21);
  EXPECT_EQ(feature_bytes(graph, feature_format("int3")), 8 + 3 * 4);  // 63 bits, a scale for each column

  graph = {};
  graph.sparse_features = from_edges(4, 9, {{0, 1}, {2, 3}, {2, 8}});
  EXPECT_EQ(feature_bytes(graph, {}), 3 * 4 + 5 * 8);
  EXPECT_EQ(feature_bytes(graph, feature_format("int3")), 3 * 4 + 5 * 8);  // ones need no codes
  graph.sparse_features.weight = {1, 2, 0.5};
  EXPECT_EQ(feature_bytes(graph, {}), 3 * 4 + 5 * 8 + 3 * 4);
  EXPECT_EQ(feature_bytes(graph, feature_format("int3")), 3 * 4 + 5 * 8 + 2 + 4);
}

TEST(FeatureFormat, WholeNumbersStay) {
  std::vector<float> x;
  for (int row = 0; row < 16; ++row)
    for (const float unit : {1.0f, 0.25f, 1000.0f}) x.push_back(unit * static_cast<float>(row));
  std::vector<float> kept = x;
  round_features(*feature_format("uint4"), 16, 3, kept.data());
  for (std::size_t i = 0; i < x.size(); ++i) EXPECT_FLOAT_EQ(kept[i], x[i]) << i;
}

TEST(FeatureFormat, EachColumnHasTheScaleThatSuitsIt) {
  Random random(3);
  const std::int64_t rows = 400;
  std::vector<float> x;
  for (std::int64_t r = 0; r < rows; ++r)
    for (const double size : {1e-3, 1.0, 1e4}) x.push_back(static_cast<float>(size * random.normal()));
  std::vector<float> kept = x;
  round_features(*feature_format("int4"), rows, 3, kept.data());
  for (std::size_t column = 0; column < 3; ++column) {
    double error = 0, by_peak = 0, squares = 0;
    float peak = 0;
    for (std::size_t i = column; i < x.size(); i += 3) peak = std::max(peak, std::abs(x[i]));
    for (std::size_t i = column; i < x.size(); i += 3) {
      error += std::pow(x[i] - kept[i], 2);
      by_peak += std::pow(x[i] - peak / 7 * std::round(7 * x[i] / peak), 2);
      squares += std::pow(x[i], 2);
    }
    EXPECT_LT(error, 0.03 * squares);  // 0.0116 is the least of 15 even levels for a normal distribution (Max 1960)
    EXPECT_LT(error, by_peak);
  }
}

TEST(FeatureFormat, NegativeValuesNeedASignedOne) {
  std::vector<float> x{1, -1};
  EXPECT_THROW(round_features(*feature_format("uint8"), 2, 1, x.data()), Error);
  round_features(*feature_format("int8"), 2, 1, x.data());
  EXPECT_NEAR(x[1], -1, 0.01);
}

}  // namespace
}  // namespace pare::graph
