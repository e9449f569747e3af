#include <gtest/gtest.h>

#include <array>

#include "pare/base/error.h"
#include "round_figures.h"

namespace pare::cluster {
namespace {

// Without a figure of its own attention reaches what products do at best.
TEST(Machine, EfficiencyOfAttention) {
  const std::string head =
      "[device]\nmatrix_tflops = 100\nmemory_gib = 80\nmemory_gb_s = 2000\nmatrix_efficiency = 0.6\n";
  const std::string nodes = "[nodes]\ncount = 1\ndevices = 8\n[inside]\nlatency_us = 1\nbandwidth_gb_s = 300\n";
  EXPECT_DOUBLE_EQ(parse_cluster(head + nodes, "m").device.attention_efficiency, 0.6);
  const Cluster c = parse_cluster(
      head + "attention_efficiency = 0.4\nattention_backward = 0.8\nattention_half_keys = 100\n" + nodes, "m");
  const auto reached = [&](OperationKind kind, Direction direction, std::int64_t keys) {
    const Operation o{kind, direction, {64, 2048, keys, 128}};
    return flops(o) / DescribedCosts(c).operation_s(o) / 1e14;
  };
  EXPECT_NEAR(reached(OperationKind::attention, Direction::forward, 100), 0.4 / 2, 1e-9);
  EXPECT_NEAR(reached(OperationKind::causal, Direction::forward, 200), 0.4 / 2, 1e-9);
  EXPECT_NEAR(reached(OperationKind::causal, Direction::backward, 1800), 0.4 * 0.8 * 0.9, 1e-9);
  EXPECT_THROW(parse_cluster(head + "attention_backward = 1.5\n" + nodes, "m"), Error);
}

// Products of heads whose width is no multiple of 8 run as fast as those in float32.
TEST(Machine, WidthsOfHeadsThatTensorCoresRefuse) {
  Cluster c = cluster(1, 8);
  c.device.float32_flops = 20e12;
  const auto rate = [&](std::int64_t width, Precision precision) {
    const Operation o{OperationKind::scores, Direction::forward, {64, 2048, 2048, width}, precision};
    return flops(o) / DescribedCosts(c).operation_s(o);
  };
  EXPECT_DOUBLE_EQ(rate(225, Precision::float16), rate(225, Precision::float32));
  EXPECT_DOUBLE_EQ(rate(108, Precision::bfloat16), rate(108, Precision::float32));
  EXPECT_GT(rate(112, Precision::float16), 2 * rate(112, Precision::float32));
}

TEST(Machine, RefusesBadFiles) {
  const std::string good = machine;
  EXPECT_NO_THROW(parse_cluster(good, "machine"));
  const auto changed = [&](const std::string& from, const std::string& to) {
    std::string text = good;
    return text.replace(text.find(from), from.size(), to);
  };
  for (const std::string& text :
       {std::string(), changed("matrix_tflops = 100", ""), changed("matrix_tflops = 100", "matrix_tflops = -1"),
        changed("matrix_tflops = 100", "matrix_tflops = nan"),
        changed("matrix_tflops = 100", "matrix_tflops = \"fast\""), changed("memory_gib", "memory_gb"),
        changed("bandwidth_gb_s = 300", "bandwidth_gb_s = 0"), changed("count = 1", "count = 2"),
        changed("count = 1", "count = 1.5"), changed("[inside]", "[within]"), good + "[more]\n", changed("= 100", "=")})
    EXPECT_THROW(parse_cluster(text, "machine"), Error) << text;
}

TEST(Groups, OfNodesThatTheyDoNotFill) {
  const Group all = group_of(12, 1, cluster(2, 8));
  EXPECT_EQ((std::array{all.size, all.inside, all.nodes}), (std::array{12, 8, 2}));
  const Group far = group_of(3, 4, cluster(2, 8));
  EXPECT_EQ((std::array{far.size, far.inside, far.nodes, far.sharing}), (std::array{3, 2, 2, 4}));
}

}  // namespace
}  // namespace pare::cluster
