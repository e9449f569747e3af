#include <gtest/gtest.h>

#include <utility>

#include "round_figures.h"

namespace pare::cluster {
namespace {

// Korthikanti et al. 2022, figure 1, as Calculon tabulates it: GiB of state and of activations on the first rank, the
// latter with tensor parallelism alone and with sequence parallelism and selective recomputation; 18 bytes a parameter,
// no embedding.
TEST(Memory, PublishedFigures) {
  struct Row {
    std::int64_t hidden, layers, heads;
    int pipeline, chunks, micro_batch;
    double state, without, with;
  };
  for (const Row& row :
       {Row{6144, 48, 64, 1, 1, 4, 45.5625, 59.25, 9.5625}, Row{12288, 96, 96, 8, 3, 1, 45.5625, 66.84375, 12.3515625},
        Row{20480, 105, 128, 35, 3, 1, 31.640625, 114.0234375, 23.076171875},
        Row{25600, 128, 160, 64, 1, 1, 32.958984375, 131.25, 26.5625}}) {
    const Transformer t = gpt(row.hidden, row.layers, row.heads);
    Strategy s{.tensor = 8, .pipeline = row.pipeline, .micro_batch = row.micro_batch, .flash_attention = false};
    s.batch = row.micro_batch * 4 * row.pipeline;
    s.chunks = row.chunks;
    s.schedule = row.chunks > 1 ? Schedule::interleaved : Schedule::one_f_one_b;
    const double layers = static_cast<double>(row.layers) / row.pipeline;
    const double in_flight = peak_in_flight(s.pipeline_order(), 0);
    EXPECT_DOUBLE_EQ(
        layers * static_cast<double>(t.layer_matrix_parameters()) / 8 * state_bytes_per_parameter(s, s.shards()) / gib,
        row.state);
    EXPECT_DOUBLE_EQ(in_flight * layers * layer_activation_bytes(t, s) / gib, row.without);
    s.sequence_parallel = true;
    s.recompute = Recompute::selective;
    EXPECT_DOUBLE_EQ(in_flight * layers * layer_activation_bytes(t, s) / gib, row.with);
  }
}

// Of LLaMA 3 8 B, what torchtitan's checkpointing by operator keeps of a token and layer, in 16 bits: the input, the
// first of every two products (queries, values, the feed-forward's first and last) and attention's outcome.
TEST(Memory, CheckpointingByOperator) {
  Transformer t = gpt(4096, 32, 32, 8192);
  t.kv_heads = 8;
  t.feed_forward = 14336;
  t.gated = true;
  t.dropout = false;
  Strategy s{.micro_batch = 2, .batch = 2, .recompute = Recompute::operators};
  const double tokens = 2 * 8192;
  EXPECT_DOUBLE_EQ(layer_activation_bytes(t, s), 2 * tokens * (4096 + 4096 + 1024 + 4096 + 14336 + 4096));
  // keys, attention's projection and the gate's second product run once more
  const auto backward_flops = [&](Recompute recompute) {
    s.recompute = recompute;
    return flops_of(t.parts(s).kinds[1].backward);
  };
  EXPECT_DOUBLE_EQ(backward_flops(Recompute::operators) - backward_flops(Recompute::none),
                   2 * tokens * 4096 * (1024 + 4096 + 14336));
}

// Experts' products keep copies of the tokens that chose them, and what comes of these is kept to be weighed.
TEST(Memory, TokensOfExperts) {
  Transformer t = gpt(1024, 4, 16);
  t.gated = true;
  t.dropout = false;
  const Strategy s{.tensor = 2, .micro_batch = 2, .batch = 2};
  const auto kept = [&] { return t.parts(s).kinds[1].activation_bytes; };
  const double tokens = 2 * 2048, one = kept();
  t.experts = 8;
  t.experts_per_token = 2;
  EXPECT_DOUBLE_EQ(kept() - one, tokens * (2 * 2 * 2 * 1024 + 2 * 3 * 4096 / 2.0));
}

// A tensor rank has a head of keys and values at least, with its parameters.
TEST(Memory, HeadsThatTensorRanksRepeat) {
  Transformer t = gpt(2048, 4, 8, 2048);
  t.kv_heads = 2;
  const auto layer = [&](int tensor) {
    Part part = t.parts(Strategy{.tensor = tensor, .batch = 1}).kinds[1];
    return std::pair{tensor * part.parameters, tensor * part.activation_bytes};
  };
  const double whole = static_cast<double>(t.layer_whole_parameters());
  const double head = 2 * (2048 + 1) * 256, spread = 2 * 2048 * 256;
  EXPECT_DOUBLE_EQ(layer(2).first - layer(1).first, whole);
  EXPECT_DOUBLE_EQ(layer(8).first - layer(2).first, 6 * whole + 6 * head);
  const double everywhere = (layer(2).second - layer(1).second);  // on each of the ranks
  EXPECT_DOUBLE_EQ(layer(8).second - layer(2).second, 6 * everywhere + 6 * 2.0 * spread);
}

// Two bytes and four of a logit, or three of torch's copies in float32.
TEST(Memory, Losses) {
  const Transformer t = gpt(1024, 4, 16);
  Strategy s{.batch = 1};
  const double logits = 2048.0 * 51200;
  EXPECT_DOUBLE_EQ(t.parts(s).kinds[2].logit_bytes, 6 * logits);
  s.fused_loss = false;
  EXPECT_DOUBLE_EQ(t.parts(s).kinds[2].logit_bytes, 12 * logits);
}

TEST(Memory, WhatIsComputedAgainWaitsForItsWeights) {
  const Transformer t = gpt(2048, 32, 16);
  for (const Schedule schedule : {Schedule::zb_h1, Schedule::zb_h2}) {
    const Strategy s{.pipeline = 4, .batch = 64, .schedule = schedule, .recompute = Recompute::full};
    Strategy kept = s;
    kept.recompute = Recompute::none;
    const double layer = layer_activation_bytes(t, kept), input = layer_activation_bytes(t, s);
    const int depth = schedule == Schedule::zb_h2 ? 2 : 1;
    const double held = depth == 2 ? 7 : 4, waiting = 1 + 2 * depth;  // on the third rank, whose eight layers are alike
    const auto p = predict(t, s, cluster(1, 4));
    EXPECT_NEAR(p.ranks[2].memory.activation_bytes / (8 * (held * input + waiting * layer)), 1, 1e-12);
  }
}

// Of two experts on two of eight replicas each has four copies, which share its optimizer's state.
TEST(Memory, ExpertsAreSharedByThoseThatHoldThem) {
  Transformer t = gpt(1024, 4, 16);
  t.experts = 2;
  const Strategy s{.data = 8, .expert = 2, .batch = 8, .zero = 1};
  EXPECT_DOUBLE_EQ(state_bytes_per_parameter(s, s.expert_shards()), 6 + 12.0 / 4);
  const Parts all = t.parts(s);
  double expected = 0;
  for (std::size_t i = 0; i < all.order.size(); ++i)
    expected += all.at(i).parameters * (6 + 12.0 / 8) + all.at(i).expert_parameters * (6 + 12.0 / 4);
  expected += all.kinds[0].shared_parameters * (6 + 12.0 / 8);
  EXPECT_NEAR(predict(t, s, cluster(1, 8)).ranks[0].memory.state_bytes / expected, 1, 1e-12);
}

TEST(Memory, OneReplicaGathersNothing) {
  const Transformer t = gpt(1024, 8, 16);
  const auto peak = [&](int zero) {
    return predict(t, Strategy{.batch = 8, .zero = zero}, cluster(1, 1)).peak_bytes();
  };
  for (const int zero : {1, 2, 3}) EXPECT_DOUBLE_EQ(peak(zero), peak(0));
}

}  // namespace
}  // namespace pare::cluster
