// Operators of torch as operations: shapes written down by hand from what torch's profiler says of known layers.
#include "pare/cluster/traced.h"

#include <gtest/gtest.h>

#include "pare/cluster/traced_operation.h"

namespace pare::cluster {
namespace {

std::string key(const char* name, const char* shapes, const char* types = "[float,float,float,float,float,float]",
                const char* values = "") {
  const auto operation = operation_of(name, {.shapes = shapes, .types = types, .values = values});
  return operation ? operation->key() : "none";
}

TEST(TracedOperation, ByNameShapesAndTypes) {
  EXPECT_EQ(key("aten::mm", "[[64,32],[32,96]]"), "linear forward 64x32x96 fp32");
  EXPECT_EQ(key("aten::addmm", "[[96],[64,32],[32,96],[],[]]", "[c10::BFloat16,c10::BFloat16,c10::BFloat16]"),
            "linear forward 64x32x96 bf16");
  EXPECT_EQ(key("aten::bmm", "[[8,16,4],[8,4,16]]"), "scores forward 8x16x16x4 fp32");
  EXPECT_EQ(key("aten::bmm", "[[8,16,16],[8,16,4]]", "[c10::Half]"), "context forward 8x16x16x4 fp16");
  EXPECT_EQ(key("aten::native_layer_norm", "[[4,16,64],[],[64],[64],[]]"), "normalise forward 64x64 fp32");
  EXPECT_EQ(key("aten::native_layer_norm_backward", "[[4,16,64],[4,16,64],[],[4,16,1],[4,16,1],[64],[64],[]]"),
            "normalise backward 64x64 fp32");
  EXPECT_EQ(key("aten::gelu", "[[4,16,64],[]]"), "activation forward 4096 fp32");
  EXPECT_EQ(key("aten::embedding", "[[100,64],[4,16]]", "[float,long int]"), "embedding forward 64x64 fp32");
  EXPECT_EQ(key("aten::embedding_dense_backward", "[[4,16,64],[4,16]]"), "embedding weight 64x64 fp32");
  EXPECT_EQ(key("aten::_softmax", "[[4,2,16,8]]"), "softmax forward 128x8 fp32");
}

TEST(TracedOperation, AttentionSaysWhetherItIsCausal) {
  constexpr const char* name = "aten::_scaled_dot_product_flash_attention_for_cpu";
  constexpr const char* shapes = "[[2,4,64,32],[2,4,48,32],[2,4,48,32],[],[],[],[]]";
  EXPECT_EQ(key(name, shapes, "[float]", "[,,,0.,True,,]"), "causal forward 8x64x48x32 fp32");
  EXPECT_EQ(key(name, shapes, "[float]", "[,,,0.,False,,]"), "attention forward 8x64x48x32 fp32");
  EXPECT_EQ(key(name, shapes, "[float]"), "none");
}

TEST(TracedOperation, WhatIsNotKnownIsNone) {
  EXPECT_EQ(key("aten::cudnn_convolution", "[[1,2,3,4]]"), "none");
  EXPECT_EQ(key("aten::mm", ""), "none");
  EXPECT_EQ(key("aten::mm", "[[64,32],[31,96]]"), "none");
  EXPECT_EQ(key("aten::mm", "[[0,32],[32,96]]"), "none");
  EXPECT_EQ(key("aten::mm", "[[64,32],[32,96]]", "[double,double]"), "none");
  EXPECT_EQ(key("aten::bmm", "[[8,16,16],[8,16,16]]"), "none");  // scores or context
  EXPECT_EQ(key("aten::gelu", "[[]]"), "none");
}

/// A trace made by hand, of calls that take `seconds`.
class Made {
 public:
  std::uint32_t call(const char* name, const char* shapes, trace::Phase phase, double seconds,
                     std::uint32_t parent = trace::no_call) {
    trace_.calls.push_back({.signature = {.name = trace_.texts.id(name),
                                          .shapes = trace_.texts.id(shapes),
                                          .types = trace_.texts.id("[float,float,float]"),
                                          .phase = phase},
                            .parent = parent,
                            .own_s = seconds,
                            .whole_s = seconds});
    return static_cast<std::uint32_t>(trace_.calls.size() - 1);
  }

  trace::Trace trace_;
};

TEST(Traced, GradientsOfALinearOperation) {
  Made made;
  made.call("aten::addmm", "[[96],[64,32],[32,96]]", trace::Phase::forward, 1);
  const auto node = made.call("AddmmBackward0", "[[64,96]]", trace::Phase::backward, 0);
  made.call("aten::mm", "[[64,96],[96,32]]", trace::Phase::backward, 2, node);
  made.call("aten::mm", "[[96,64],[64,32]]", trace::Phase::backward, 3, node);
  const auto operations = to_profile(made.trace_).profile.operations;
  ASSERT_EQ(operations.size(), 3u);
  EXPECT_EQ(operations.at("linear forward 64x32x96 fp32").seconds, 1);
  EXPECT_EQ(operations.at("linear backward 64x32x96 fp32").seconds, 2);
  EXPECT_EQ(operations.at("linear weight 64x32x96 fp32").seconds, 3);
}

TEST(Traced, OfSquareOnesTheInputsComeFirst) {
  Made made;
  made.call("aten::addmm", "[[8],[8,8],[8,8]]", trace::Phase::forward, 1);
  const auto node = made.call("AddmmBackward0", "[[8,8]]", trace::Phase::backward, 0);
  made.call("aten::mm", "[[8,8],[8,8]]", trace::Phase::backward, 2, node);
  made.call("aten::mm", "[[8,8],[8,8]]", trace::Phase::backward, 3, node);
  const auto operations = to_profile(made.trace_).profile.operations;
  EXPECT_EQ(operations.at("linear backward 8x8x8 fp32").seconds, 2);
  EXPECT_EQ(operations.at("linear weight 8x8x8 fp32").seconds, 3);
}

TEST(Traced, PartsOfAnOperationAreNotCountedAgain) {
  Made made;
  const auto outer = made.call("aten::addmm", "[[96],[64,32],[32,96]]", trace::Phase::forward, 5);
  made.call("aten::mm", "[[64,32],[32,96]]", trace::Phase::forward, 4, outer);
  made.call("aten::copy_", "[[64,96]]", trace::Phase::forward, 1, outer);
  const TracedProfile traced = to_profile(made.trace_);
  EXPECT_EQ(traced.profile.operations.at("linear forward 64x32x96 fp32").seconds, 5);
  EXPECT_EQ(traced.mapped_s, 5);
  EXPECT_TRUE(traced.unmapped.empty());
}

TEST(Traced, WhatIsLeftOutIsCounted) {
  Made made;
  made.call("aten::sort", "[[8]]", trace::Phase::forward, 2);
  made.call("aten::sort", "[[9]]", trace::Phase::forward, 3);
  made.call("aten::mm", "[[7,7],[7,7]]", trace::Phase::backward, 1);  // of no linear operation of the forward pass
  made.trace_.collectives.push_back(
      {.kind = trace::CollectiveKind::broadcast, .bytes = 8, .group_size = 2, .seconds = 1});
  made.trace_.collectives.push_back(
      {.kind = trace::CollectiveKind::all_reduce, .bytes = 8, .group_size = 2, .seconds = 1});
  const TracedProfile traced = to_profile(made.trace_);
  ASSERT_EQ(traced.unmapped.size(), 2u);
  EXPECT_EQ(traced.unmapped[0].name, "aten::sort");
  EXPECT_EQ(traced.unmapped[0].count, 2u);
  EXPECT_EQ(traced.unmapped[0].seconds, 5);
  EXPECT_EQ(traced.collectives_left, 1u);
  ASSERT_EQ(traced.profile.collectives.size(), 1u);
  EXPECT_EQ(traced.profile.collectives[0].ranks, 2);
}

}  // namespace
}  // namespace pare::cluster
