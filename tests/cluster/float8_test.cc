// What products in 8 bits need beside themselves, beside counts by hand from what Transformer Engine does for one
// Linear.
#include <gtest/gtest.h>

#include "pare/cluster/predict.h"

namespace pare::cluster {
namespace {

Cluster cluster(int devices) {
  return parse_cluster(
      "[device]\nmatrix_tflops = 1000\nmatrix_fp8_tflops = 2000\nmemory_gib = 80\nmemory_gb_s = 3000\n[nodes]\n"
      "count = 1\ndevices = " +
          std::to_string(devices) + "\n[inside]\nlatency_us = 1\nbandwidth_gb_s = 300\n",
      "machine");
}

constexpr std::int64_t hidden = 1024, tokens = 2 * 512;  // of a micro-batch

Transformer gpt() {
  Transformer t;
  t.name = "gpt";
  t.hidden = hidden;
  t.layers = 4;
  t.heads = t.kv_heads = 16;
  t.head_width = 64;
  t.feed_forward = 4 * hidden;
  t.vocabulary = 32000;
  t.sequence = t.positions = 512;
  return t;
}

Strategy eight_bits() { return {.micro_batch = 2, .batch = 2, .precision = Precision::float8}; }

Part layer(const Strategy& s) { return gpt().parts(s).kinds[1]; }

double moved(const Work& work, OperationKind kind) {
  double sum = 0;
  for (const Operation& o : work.operations)
    if (o.kind == kind) sum += o.count * bytes(o);
  return sum;
}

double gathered(const Work& work) {
  double sum = 0;
  for (const Communication& m : work.communications)
    if (m.kind == CollectiveKind::all_gather) sum += m.count * m.bytes;
  return sum;
}

// Of a number 2 bytes are read and 1 written, and 1 more for the transposed copy.
TEST(Float8, InputsAndGradientsAreRounded) {
  const Part part = layer(eight_bits());
  EXPECT_DOUBLE_EQ(moved(part.forward, OperationKind::cast), 4.0 * tokens * hidden * (1 + 1 + 1 + 4));
  EXPECT_DOUBLE_EQ(moved(part.backward, OperationKind::cast), 4.0 * tokens * hidden * (3 + 1 + 4 + 1));
  for (const Work* work : {&part.forward, &part.backward, &part.weight}) {
    EXPECT_EQ(moved(*work, OperationKind::transpose), 0);
    EXPECT_EQ(moved(*work, OperationKind::largest), 0);
  }
  Strategy s = eight_bits();
  s.scaling = Scaling::current;
  EXPECT_DOUBLE_EQ(moved(layer(s).forward, OperationKind::largest), 2.0 * tokens * hidden * 7);
  s.precision = Precision::bfloat16;
  EXPECT_EQ(moved(layer(s).forward, OperationKind::cast), 0);
}

TEST(Float8, AttentionAndTheHeadStayWide) {
  const Parts parts = gpt().parts(eight_bits());
  for (const Operation& o : parts.kinds[1].forward.operations)
    if (flops(o) > 0) {
      EXPECT_EQ(o.precision, o.kind == OperationKind::linear ? Precision::float8 : Precision::bfloat16);
    }
  for (const Operation& o : parts.kinds[2].forward.operations) EXPECT_NE(o.precision, Precision::float8);
  // 8 bits in, 16 out; of weights' gradients float32 is read and written
  const Operation forward{OperationKind::linear, Direction::forward, {10, 20, 30, 1}, Precision::float8};
  EXPECT_EQ(bytes(forward), 10 * 20 + 20 * 30 + 2 * 10 * 30);
  Operation other = forward;
  other.direction = Direction::backward;
  EXPECT_EQ(bytes(other), 2 * 10 * 20 + 20 * 30 + 10 * 30);
  other.direction = Direction::weight;
  EXPECT_EQ(bytes(other), 10 * 20 + 10 * 30 + 8 * 20 * 30);
}

// Four ranks gather what was rounded, in 8 bits, and transpose it behind: inputs of the first product of each half, and
// gradients of what the second one made.
TEST(Float8, TensorRanksGatherEightBits) {
  Strategy s = eight_bits();
  s.tensor = 4;
  s.sequence_parallel = true;
  const Part part = layer(s);
  const double all = tokens * hidden;
  EXPECT_DOUBLE_EQ(moved(part.forward, OperationKind::cast), (3 * 2 + 4 * (1 + 4)) * all / 4);
  EXPECT_DOUBLE_EQ(moved(part.backward, OperationKind::cast), (4 * (3 + 4) + 3 * 2) * all / 4);
  EXPECT_DOUBLE_EQ(moved(part.weight, OperationKind::transpose), 2 * (2 + 2) * all);
  EXPECT_DOUBLE_EQ(gathered(part.forward), 2 * all);
  s.precision = Precision::bfloat16;
  EXPECT_DOUBLE_EQ(gathered(layer(s).forward), 2 * 2 * all);
}

// Once a batch, with both copies kept; by ZeRO 3 in every pass, recomputed ones too, and the transposed one kept until
// the backward pass.
TEST(Float8, Weights) {
  Strategy s = eight_bits();
  const double weights = 12.0 * hidden * hidden, inputs = moved(layer(s).forward, OperationKind::cast);
  EXPECT_EQ(layer(s).cast_parameters, weights);
  const auto state = [&] { return predict(gpt(), s, cluster(s.devices())).ranks[0].memory.state_bytes; };
  const double with = state();
  s.precision = Precision::bfloat16;
  EXPECT_DOUBLE_EQ(with - state(), 2 * 4 * weights);
  s = eight_bits();
  s.data = 2;
  s.batch = 4;
  const double kept = layer(s).activation_bytes;
  s.zero = 3;
  EXPECT_EQ(layer(s).cast_parameters, 0);
  EXPECT_DOUBLE_EQ(moved(layer(s).forward, OperationKind::cast) - inputs, 4 * weights);
  EXPECT_DOUBLE_EQ(layer(s).activation_bytes - kept, weights);
  s.recompute = Recompute::full;
  EXPECT_DOUBLE_EQ(moved(layer(s).backward, OperationKind::cast),
                   moved(layer(s).forward, OperationKind::cast) + 4.0 * tokens * hidden * 9);
}

// A second micro-batch casts no weights again.
TEST(Float8, ABatchCastsItsWeightsOnce) {
  Strategy s = eight_bits();
  const auto seconds = [&](int batch) {
    s.batch = batch;
    return predict(gpt(), s, cluster(1)).batch_time_s;
  };
  const double cast = 4 * 4 * 12.0 * hidden * hidden / 3e12;
  const double pass = seconds(4) - seconds(2);
  EXPECT_NEAR(
      seconds(2) - pass,
      cast +
          DescribedCosts(cluster(1))
              .operation_s(
                  {OperationKind::optimizer, Direction::forward, {gpt().parameters(), 1, 1, 1}, Precision::bfloat16}),
      1e-12);
}

// Of a token, with flash attention: inputs of the two halves and of the last product in one byte instead of two, and
// attention's outcome in one beside two.
TEST(Float8, Activations) {
  Strategy s = eight_bits();
  s.dropout = false;
  const double eight = layer(s).activation_bytes;
  s.precision = Precision::bfloat16;
  EXPECT_DOUBLE_EQ(layer(s).activation_bytes - eight, tokens * hidden * (1.0 + 1 + 4 - 1));
}

// torchtitan before March 2026: all products but the last run again, attention does not; magnitudes, from which scales
// come, are kept and not found again.
TEST(Float8, CheckpointingByOperator) {
  Strategy s = eight_bits();
  s.scaling = Scaling::current;
  const Part without = layer(s);
  s.recompute = Recompute::operators;
  const Part part = layer(s);
  const auto products = [](const Part& of) {
    double sum = 0;
    for (const Operation& o : of.backward.operations) sum += flops(o);
    return sum;
  };
  EXPECT_DOUBLE_EQ(products(part) - products(without), 2.0 * tokens * hidden * hidden * (3 + 1 + 4));
  EXPECT_DOUBLE_EQ(moved(part.backward, OperationKind::cast) - moved(without.backward, OperationKind::cast),
                   moved(part.forward, OperationKind::cast));
  EXPECT_DOUBLE_EQ(moved(part.backward, OperationKind::largest), moved(without.backward, OperationKind::largest));
  // the input and attention's outcome; magnitudes of what both normalisations, attention and the activation made
  EXPECT_DOUBLE_EQ(part.activation_bytes, 2.0 * tokens * hidden * (1 + 1 + 1 + 1 + 1 + 4));
}

TEST(Float8, FasterThanSixteenBitsButNotTwice) {
  Transformer t = gpt();
  t.hidden = 4096;
  t.head_width = 256;
  t.feed_forward = 4 * t.hidden;
  Strategy s{.micro_batch = 16, .batch = 16};
  const double sixteen = predict(t, s, cluster(1)).batch_time_s;
  s.precision = Precision::float8;
  const double delayed = predict(t, s, cluster(1)).batch_time_s;
  s.scaling = Scaling::current;
  const double current = predict(t, s, cluster(1)).batch_time_s;
  EXPECT_LT(sixteen / 2, delayed);
  EXPECT_LT(delayed, current);
  EXPECT_LT(current, sixteen);
}

}  // namespace
}  // namespace pare::cluster
