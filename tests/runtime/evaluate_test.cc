#include "pare/runtime/evaluate.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "pare/base/error.h"

namespace pare::runtime {
namespace {

TEST(Accuracy, CountsBestAndBestFive) {
  const at::Tensor logits = at::tensor({5.0f, 1.0f, 0.0f, 2.0f, 3.0f, 4.0f, 9.0f,  //
                                        0.0f, 6.0f, 5.0f, 4.0f, 3.0f, 2.0f, 1.0f})
                                .reshape({2, 7});
  const Accuracy a = accuracy(logits, {6, 5});
  EXPECT_EQ(a.top1, 50);
  EXPECT_EQ(a.top5, 100);
  EXPECT_EQ(a.right, (std::vector<bool>{true, false}));
  EXPECT_EQ(accuracy(logits, {2, 0}).top5, 0);
  EXPECT_THROW(accuracy(logits, {7, 0}), Error);
  EXPECT_THROW(accuracy(logits, {}), Error);
}

TEST(Accuracy, IntervalIsWilsons) {
  // 8 of 10: Wilson's 95 % interval is 49.0 to 94.3
  at::Tensor logits = at::zeros({10, 2});
  logits.select(1, 0).fill_(1);
  std::vector<std::int64_t> labels(10, 0);
  labels[3] = labels[7] = 1;
  EXPECT_NEAR(accuracy(logits, labels).interval, (94.33 - 49.02) / 2, 0.05);
}

TEST(PairedDifference, CountsWhatChanged) {
  const std::vector<bool> a{true, true, false, false}, b{true, false, true, true};
  const Difference d = paired_difference(a, b);
  EXPECT_EQ(d.points, 25);
  EXPECT_NEAR(d.interval, 100 * 1.96 * std::sqrt((0.75 - 0.0625) / 4), 1e-9);
  EXPECT_EQ(paired_difference(a, a).interval, 0);
}

TEST(Divergence, IsKullbackLeibler) {
  const at::Tensor a = at::log(at::tensor({0.5f, 0.25f, 0.25f}).reshape({1, 3}));
  const at::Tensor b = at::log(at::tensor({0.25f, 0.5f, 0.25f}).reshape({1, 3}));
  EXPECT_NEAR(divergence(a, b), 0.5 * std::log(2.0) - 0.25 * std::log(2.0), 1e-6);
  EXPECT_NEAR(divergence(a, a + 3), 0, 1e-9);
}

}  // namespace
}  // namespace pare::runtime
