// What the profile runs: every operation in every type, and its kernels against autograd.
#include "pare/cluster/cases.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include "pare/base/error.h"
#include "pare/cluster/kernels.h"

namespace pare::cluster {
namespace {

using enum OperationKind;
using enum Direction;

struct Expected {
  OperationKind kind;
  Direction direction;
  std::array<std::int64_t, 4> shape;
  std::vector<std::int64_t> made;  // elements of the tensors with memory of their own
};

// 6 matrices, 10 queries, 14 keys of width 8
constexpr std::array<std::int64_t, 4> heads{6, 10, 14, 8}, square{6, 14, 14, 8};
constexpr std::int64_t q = 6 * 10 * 8, k = 6 * 14 * 8, pairs = 6 * 10 * 14;

const std::vector<Expected> all{{linear, forward, {5, 7, 3, 1}, {15}},
                                {linear, backward, {5, 7, 3, 1}, {35}},
                                {linear, weight, {5, 7, 3, 1}, {}},
                                {scores, forward, heads, {pairs}},
                                {scores, backward, heads, {q, k}},
                                {context, forward, heads, {q}},
                                {context, backward, heads, {pairs, k}},
                                {attention, forward, heads, {q}},
                                {attention, backward, heads, {q, k, k}},
                                {causal, forward, square, {k}},
                                {causal, backward, square, {3 * k}},
                                // half the keys, all seen
                                {causal, forward, heads, {q}},
                                {causal, backward, heads, {q, k / 2, k / 2}},
                                {softmax, forward, {60, 14, 1, 1}, {840}},
                                {softmax, backward, {60, 14, 1, 1}, {840}},
                                {dropout, forward, {100, 1, 1, 1}, {100, 100}},
                                {dropout, backward, {100, 1, 1, 1}, {100}},
                                {normalise, forward, {5, 16, 1, 1}, {80}},
                                {normalise, backward, {5, 16, 1, 1}, {80}},
                                {activation, forward, {33, 1, 1, 1}, {33}},
                                {activation, backward, {33, 1, 1, 1}, {33}},
                                {relu, forward, {33, 1, 1, 1}, {33}},
                                {relu, backward, {33, 1, 1, 1}, {33}},
                                {gate, forward, {33, 1, 1, 1}, {33}},
                                {gate, backward, {33, 1, 1, 1}, {66}},
                                {residual, forward, {128, 1, 1, 1}, {}},
                                {residual, backward, {33, 1, 1, 1}, {}},
                                {residual_dropout, forward, {128, 1, 1, 1}, {128, 128}},
                                {residual_dropout, backward, {33, 1, 1, 1}, {33}},
                                {copy, forward, {33, 1, 1, 1}, {33}},
                                {embedding, forward, {9, 16, 1, 1}, {144}},
                                {embedding, weight, {9, 16, 1, 1}, {}},
                                {loss, forward, {9, 50, 1, 1}, {450}},
                                {loss, backward, {9, 50, 1, 1}, {450}},
                                {optimizer, forward, {1000, 1, 1, 1}, {}}};

TEST(Cases, EveryOperationRunsInEveryType) {
  for (const Expected& e : all)
    for (const auto precision : {Precision::float32, Precision::bfloat16, Precision::float16}) {
      const Operation operation{e.kind, e.direction, e.shape, precision};
      SCOPED_TRACE(operation.key());
      EXPECT_NO_THROW(check_runnable(operation));
      const auto runs = cases(operation, 2);
      ASSERT_EQ(runs.size(), 2U);
      for (int again = 0; again < 3; ++again)
        for (const Case& run : runs) {
          std::vector<std::int64_t> made;
          for (const at::Tensor& x : run()) {
            made.push_back(x.numel());
            EXPECT_TRUE(at::isfinite(x).all().item<bool>());
          }
          EXPECT_EQ(made, e.made);
        }
    }
}

TEST(Cases, EightBitsAreRefused) {
  EXPECT_THROW(check_runnable({linear, forward, {5, 7, 3, 1}, Precision::float8}), Error);
  for (const auto kind : {cast, transpose, largest})
    EXPECT_THROW(check_runnable({kind, forward, {8, 1, 1, 1}, Precision::bfloat16}), Error);
}

at::Tensor random(at::IntArrayRef shape) { return at::randn(shape, at::kDouble); }

void expect_near(const at::Tensor& a, const at::Tensor& b) {
  ASSERT_EQ(a.sizes(), b.sizes());
  EXPECT_LT((a - b).abs().max().item<double>(), 1e-12);
}

at::Tensor learned(const at::Tensor& x) { return x.clone().requires_grad_(); }

TEST(Kernels, AttentionInPartsIsAttention) {
  const at::Tensor q3 = random({6, 10, 8}), k3 = random({6, 14, 8}), v3 = random({6, 14, 8}), dy = random({10, 6, 8});
  const at::Tensor s = kernel::scores(q3, k3), p = kernel::softmax(s), y = kernel::context(p, v3);
  const auto [dp, dv] = kernel::context_backward(dy, p, v3);
  const auto [dq, dk] = kernel::scores_backward(kernel::softmax_backward(dp, p), q3, k3);

  const at::Tensor a = learned(q3), b = learned(k3), c = learned(v3);
  const at::Tensor whole = at::scaled_dot_product_attention(a, b, c, {}, 0, false, /*scale=*/1.0).transpose(0, 1);
  expect_near(y, whole);
  const auto gradients = torch::autograd::grad({whole}, {a, b, c}, {dy});
  expect_near(dq, gradients[0]);
  expect_near(dk, gradients[1]);
  expect_near(dv, gradients[2]);
}

TEST(Kernels, GateIsOneHalfTimesTheOtherThroughASigmoid) {
  const at::Tensor x = learned(random({3, 10})), dy = random({3, 5});
  const at::Tensor y = x.narrow(1, 0, 5) * at::sigmoid(x.narrow(1, 5, 5));
  expect_near(kernel::gate(x.detach()), y);
  expect_near(kernel::gate_backward(dy, x.detach()), torch::autograd::grad({y}, {x}, {dy})[0]);
}

TEST(Kernels, ResidualWithDropout) {
  const at::Tensor x = random({40, 16}), y = random({40, 16}), bias = random({16});
  const auto [out, kept] = kernel::residual_dropout(x, y.clone(), bias);
  expect_near(out, x + (y + bias) * kept / 0.9);
  EXPECT_NEAR(kept.to(at::kDouble).mean().item<double>(), 0.9, 0.06);  // five deviations
  const at::Tensor dx = random({40, 16}), dy = random({40, 16}), sum = dx.clone();
  expect_near(kernel::residual_dropout_backward(sum, dy, kept), dy * kept / 0.9);
  expect_near(sum, dx + dy);
}

TEST(Kernels, GradientsOfNarrowWeightsAreSummedInFloat32) {
  const at::Tensor x = at::randn({64, 5}).to(at::kBFloat16), dy = at::randn({64, 3}).to(at::kBFloat16);
  at::Tensor dweight = at::full({3, 5}, 1000.0F), dbias = at::zeros({3});
  for (int i = 0; i < 100; ++i) kernel::linear_weight(dy * 1e-3, x, dweight, dbias);
  const at::Tensor expected = 1000 + 100 * at::mm((dy * 1e-3).to(at::kFloat).t(), x.to(at::kFloat));
  // a sum in bfloat16 would have stayed at 1000
  EXPECT_LT((dweight - expected).abs().max().item<double>(), 0.01 * (expected - 1000).abs().max().item<double>());
}

}  // namespace
}  // namespace pare::cluster
