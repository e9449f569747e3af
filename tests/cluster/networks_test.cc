// The networks that a prediction can be made for: what their parts hold, beside counts that share no code with them.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <numeric>

#include "pare/base/error.h"
#include "pare/base/random.h"
#include "pare/cluster/balance.h"
#include "pare/cluster/encoder_decoder.h"
#include "pare/cluster/onnx_network.h"
#include "pare/cluster/predict.h"
#include "pare/cluster/read_network.h"
#include "pare/model/count.h"
#include "pare/model/onnx.h"
#include "pare/model/recipe.h"
#include "pare/model/shapes.h"

namespace pare::cluster {
namespace {

double total(const std::vector<Operation>& operations) {
  double sum = 0;
  for (const Operation& o : operations) sum += o.count * flops(o);
  return sum;
}

double total_flops(const Network& network, const Strategy& strategy) {
  const Parts parts = network.parts(strategy);
  double sum = 0;
  for (std::size_t i = 0; i < parts.order.size(); ++i)
    sum += total(parts.at(i).forward.operations) + total(parts.at(i).backward.operations) +
           total(parts.at(i).weight.operations);
  return sum;
}

double total_parameters(const Network& network) {
  const Parts parts = network.parts({});
  double sum = 0, shared = 0;
  for (std::size_t i = 0; i < parts.order.size(); ++i) {
    sum += parts.at(i).parameters + parts.at(i).expert_parameters;
    shared = std::max(shared, parts.at(i).shared_parameters);
  }
  return sum + shared;
}

Cluster cluster(int devices) {
  return parse_cluster(
      "[device]\nmatrix_tflops = 100\nmemory_gib = 80\nmemory_gb_s = 2000\n[nodes]\ncount = 1\n"
      "devices = " +
          std::to_string(devices) + "\n[inside]\nlatency_us = 1\nbandwidth_gb_s = 300\n",
      "machine");
}

constexpr const char* t5 = R"({"model_type": "t5", "d_model": 512, "d_kv": 64, "d_ff": 2048, "num_layers": 6,
                               "num_decoder_layers": 4, "num_heads": 8, "vocab_size": 32128})";
// as of google/t5-v1_1-base, whose head is not tied; newer transformers tie it in spite of its config
constexpr const char* t5_untied = R"({"model_type": "t5", "d_model": 768, "d_kv": 64, "d_ff": 2048, "num_layers": 12,
                                      "num_decoder_layers": 12, "num_heads": 12, "vocab_size": 32128,
                                      "feed_forward_proj": "gated-gelu", "tie_word_embeddings": false})";
constexpr const char* mixtral = R"({"model_type": "mixtral", "hidden_size": 512, "num_hidden_layers": 4,
  "num_attention_heads": 8, "num_key_value_heads": 2, "intermediate_size": 1024, "vocab_size": 1000,
  "num_local_experts": 8, "num_experts_per_tok": 2, "max_position_embeddings": 256})";
constexpr const char* bert = R"({"model_type": "bert", "hidden_size": 768, "num_hidden_layers": 12,
  "num_attention_heads": 12, "intermediate_size": 3072, "vocab_size": 30522, "max_position_embeddings": 512,
  "type_vocab_size": 2})";
constexpr const char* vit = R"({"model_type": "vit", "hidden_size": 768, "num_hidden_layers": 12,
  "num_attention_heads": 12, "intermediate_size": 3072, "image_size": 224, "patch_size": 16, "num_channels": 3,
  "num_labels": 1000})";

TEST(Networks, ParametersOfAnUntiedHead) { EXPECT_EQ(parse_config(t5_untied, "config.json")->parameters(), 247577856); }

TEST(Networks, RotaryPositionsNeedNoTable) {
  const std::string text = R"({"model_type": "llama", "hidden_size": 512, "num_hidden_layers": 4,
    "num_attention_heads": 8, "intermediate_size": 1024, "vocab_size": 1000})";
  EXPECT_EQ(parse_config(text, "config.json", {.sequence = 300})->tokens(), 300);
  EXPECT_THROW(parse_config(text, "config.json"), Error);  // how many tokens, then?
}

TEST(Networks, PartsHoldAllParametersAndWork) {
  const Strategy one{.micro_batch = 4, .batch = 4, .flash_attention = false};
  for (const char* text : {t5, t5_untied, mixtral, bert, vit}) {
    const auto network = parse_config(text, "config.json");
    EXPECT_EQ(total_parameters(*network), static_cast<double>(network->parameters())) << network->name;
    // images have no gradient
    const double no_gradient = network->name == "vit" ? 2.0 * 196 * 768 * 768 : 0;
    EXPECT_DOUBLE_EQ(total_flops(*network, one), 4 * (network->model_flops() - no_gradient)) << network->name;
  }
}

// 17.6 GMAC forward is the usual figure of ViT-B/16 (its authors count 55.4 GFLOP of a 384-pixel image)
TEST(Networks, FlopsOfAnImage) { EXPECT_NEAR(parse_config(vit, "config.json")->model_flops() / 6e9, 17.6, 0.1); }

TEST(EncoderDecoder, TheEncodersOutputCrossesTheDecodersStages) {
  const auto network = parse_config(t5, "config.json", {.sequence = 256, .decoder_sequence = 64});
  EXPECT_EQ(network->tokens(), 320);
  const Parts parts = network->parts({.micro_batch = 2, .batch = 2});
  ASSERT_EQ(parts.order.size(), 1U + 6 + 1 + 4 + 1);
  for (std::size_t i = 0; i + 1 < parts.order.size(); ++i)
    EXPECT_EQ(parts.at(i).boundary_bytes, 2.0 * 2 * (i < 7 ? 256 : 320) * 512) << i;
}

TEST(EncoderDecoder, TheWordEmbeddingIsOnceOnADevice) {
  const auto network = parse_config(t5, "config.json");
  const auto state = [&](int pipeline) {
    const Prediction p = predict(*network, {.pipeline = pipeline, .batch = 8}, cluster(pipeline));
    double sum = 0;
    for (const RankActivity& rank : p.ranks) sum += rank.memory.state_bytes;
    return sum;
  };
  EXPECT_DOUBLE_EQ(state(1), 18.0 * static_cast<double>(network->parameters()));
  EXPECT_DOUBLE_EQ(state(2), state(1) + 18.0 * 32128 * 512);  // words of the encoder; of the decoder and the head
}

TEST(EncoderDecoder, SharesItsWordsBesideAnUntiedHead) {
  const auto network = parse_config(t5_untied, "config.json");
  const auto ranks = [&](int pipeline) {
    return predict(*network, {.pipeline = pipeline, .batch = 8}, cluster(pipeline)).ranks;
  };
  EXPECT_DOUBLE_EQ(ranks(1)[0].memory.state_bytes, 18.0 * static_cast<double>(network->parameters()));
  EXPECT_EQ(ranks(1)[0].gradients_s, 0);
  // words of the encoder, and of the decoder in a later stage: their gradients are added up
  double state = 0;
  int adding = 0;
  for (const RankActivity& rank : ranks(4)) {
    state += rank.memory.state_bytes;
    adding += rank.gradients_s > 0;
  }
  EXPECT_DOUBLE_EQ(state, 18.0 * static_cast<double>(network->parameters() + 32128 * 768));
  EXPECT_EQ(adding, 2);
}

// Of a decoder's layer each device has some heads' keys and values of the encoder's output: their gradients of it are
// added up, too.
TEST(EncoderDecoder, GradientsOfTheEncodersOutputAreAddedUp) {
  const auto network = parse_config(t5, "config.json", {.sequence = 256, .decoder_sequence = 64});
  Strategy s{.tensor = 2, .micro_batch = 2, .batch = 2};
  const auto bytes = [&](const Work& work, CollectiveKind kind) {
    double sum = 0;
    for (const Communication& c : work.communications)
      if (c.kind == kind) sum += c.count * c.bytes;
    return sum;
  };
  const double own = 2.0 * 2 * 64 * 512, seen = 2.0 * 2 * 256 * 512;
  Part layer = network->parts(s).kinds[3];
  EXPECT_DOUBLE_EQ(bytes(layer.forward, CollectiveKind::all_reduce), 3 * own);
  EXPECT_DOUBLE_EQ(bytes(layer.weight, CollectiveKind::all_reduce), 3 * own + seen);
  s.sequence_parallel = true;
  layer = network->parts(s).kinds[3];
  EXPECT_DOUBLE_EQ(bytes(layer.forward, CollectiveKind::all_gather), 3 * own + seen);
  EXPECT_DOUBLE_EQ(bytes(layer.forward, CollectiveKind::reduce_scatter), 3 * own);
  EXPECT_DOUBLE_EQ(bytes(layer.backward, CollectiveKind::all_gather), 3 * own);
  EXPECT_DOUBLE_EQ(bytes(layer.weight, CollectiveKind::all_gather), 3 * own + seen);
  EXPECT_DOUBLE_EQ(bytes(layer.weight, CollectiveKind::reduce_scatter), 3 * own + seen);
}

// By torchtitan's rule, every second product of a decoder's layer runs again: keys and attention's projection, those of
// the cross-attention, whose keys are of the encoder's tokens, and the last of the feed-forward. Kept, beside the
// input: queries, values and outcome of both attentions, and the first of the feed-forward.
TEST(EncoderDecoder, CheckpointingByOperator) {
  const auto network = parse_config(t5, "config.json", {.sequence = 256, .decoder_sequence = 64});
  Strategy s{.micro_batch = 2, .batch = 2, .dropout = false};
  const double without = total(network->parts(s).kinds[3].backward.operations);
  s.recompute = Recompute::operators;
  const Part decoder = network->parts(s).kinds[3];
  const double own = 2 * 64, seen = 2 * 256, square = 512 * 512;
  EXPECT_DOUBLE_EQ(total(decoder.backward.operations) - without, 2 * square * (own + own + seen + own + 4 * own));
  EXPECT_DOUBLE_EQ(decoder.activation_bytes, 2 * 512 * (own * (1 + 3 + 2 + 4) + seen));
  // an encoder's layer: the same without the cross-attention
  const Part encoder = network->parts(s).kinds[1];
  EXPECT_DOUBLE_EQ(encoder.activation_bytes, 2 * 512 * seen * (1 + 3 + 4));
}

// Grouped products of experts are not on torchtitan's list and all run again, with the router's; what is exchanged is
// on it: kept, and not exchanged again.
TEST(Networks, ExpertsCheckpointedByOperator) {
  const auto network = parse_config(mixtral, "config.json");
  Strategy s{.data = 4, .expert = 4, .micro_batch = 2, .batch = 8};
  const Part without = network->parts(s).kinds[1];
  s.recompute = Recompute::operators;
  const Part part = network->parts(s).kinds[1];
  const double tokens = 2 * 256, h = 512, keys = 2 * 64, inner = 1024;
  EXPECT_DOUBLE_EQ(total(part.backward.operations) - total(without.backward.operations),
                   2 * tokens * h * (keys + h + 8 + 2 * 3 * inner));
  EXPECT_EQ(part.backward.communications.size(), without.backward.communications.size());
  EXPECT_DOUBLE_EQ(part.activation_bytes, 2 * tokens * (h + h + keys + h + 2 * 2 * h));
  s.expert = 1;
  EXPECT_DOUBLE_EQ(network->parts(s).kinds[1].activation_bytes, 2 * tokens * (h + h + keys + h));
}

TEST(EncoderDecoder, RefusesContextParallelism) {
  const auto network = parse_config(t5, "config.json");
  EXPECT_THROW(check({.context = 2, .batch = 8}, *network, cluster(2)), UsageError);
  EXPECT_NO_THROW(check({.data = 2, .batch = 8}, *network, cluster(2)));
}

TEST(Networks, RefusesBadFiles) {
  const std::string m = mixtral;
  const auto changed = [&](const std::string& from, const std::string& to) {
    std::string text = m;
    return text.replace(text.find(from), from.size(), to);
  };
  EXPECT_THROW(parse_config(changed("\"num_local_experts\": 8, ", ""), "config.json"), Error);
  EXPECT_THROW(parse_config(changed("\"num_experts_per_tok\": 2", "\"num_experts_per_tok\": 9"), "config.json"), Error);
  EXPECT_THROW(parse_config(R"({"model_type": "t5", "d_model": 512})", "config.json"), Error);
  EXPECT_THROW(parse_config(vit, "config.json", {.sequence = 100}), UsageError);
  const std::string v = vit;
  for (const char* size : {"225", "16777216"})
    EXPECT_THROW(parse_config(std::string(v).replace(v.find("224"), 3, size), "config.json"), Error) << size;
  EXPECT_THROW(parse_config(vit, "config.json", {.decoder_sequence = 100}), UsageError);
}

/// All ways to divide the parts, the shortest longest stage of them.
double shortest(const std::vector<double>& times, std::size_t from, int stages) {
  if (stages == 1) return std::accumulate(times.begin() + static_cast<std::ptrdiff_t>(from), times.end(), 0.0);
  double best = 1e30, own = 0;
  for (std::size_t end = from + 1; end + static_cast<std::size_t>(stages) - 1 <= times.size(); ++end) {
    own += times[end - 1];
    best = std::min(best, std::max(own, shortest(times, end, stages - 1)));
  }
  return best;
}

TEST(Balance, NoOtherDivisionIsShorter) {
  Random random(3);
  for (int trial = 0; trial < 200; ++trial) {
    std::vector<double> times(4 + random.below(8));
    for (double& t : times) t = random.below(4) == 0 ? 0 : random.uniform();
    for (int stages = 1; stages <= 4; ++stages) {
      const auto starts = balanced_starts(times, stages);
      ASSERT_EQ(starts.size(), static_cast<std::size_t>(stages));
      double longest = 0;
      for (std::size_t s = 0; s < starts.size(); ++s) {
        const std::size_t end = s + 1 < starts.size() ? starts[s + 1] : times.size();
        ASSERT_LT(starts[s], end);
        longest = std::max(longest, std::accumulate(times.begin() + static_cast<std::ptrdiff_t>(starts[s]),
                                                    times.begin() + static_cast<std::ptrdiff_t>(end), 0.0));
      }
      EXPECT_NEAR(longest, shortest(times, 0, stages), 1e-12);
    }
  }
}

/// image [N, 8] -> Gemm [8, 16] -> ReLU -> (MatMul [16, 16] + shortcut) -> Gemm [16, 10]; with `bits`, the ReLU and the
/// first weight are rounded.
model::Model small(int bits = 0) {
  using model::Node;
  using model::Op;
  model::Model m;
  m.name = "small";
  const auto value = [&](const char* name) { return m.add_value({.name = name}); };
  const auto weight = [&](const char* name, std::int64_t rows, std::int64_t columns) {
    return m.add_constant(
        name, model::Tensor::f32({rows, columns}, std::vector<float>(static_cast<std::size_t>(rows * columns), 1)));
  };
  const auto add = [&](Op op, std::vector<model::ValueId> inputs, const char* name, model::Attributes attributes = {}) {
    const auto out = value(name);
    m.nodes.push_back({name, op, std::move(attributes), std::move(inputs), {out}});
    return out;
  };
  const auto rounded = [&](model::ValueId x, const char* name) {
    if (bits == 0) return x;
    model::QuantizeAttributes how;
    how.format.bits = bits;
    return add(Op::fake_quantize, {x, m.add_constant(std::string(name) + "_scale", model::Tensor::f32({1}, {1}))}, name,
               how);
  };
  const auto image = m.add_value({.name = "image", .shape = {{-1, "N"}, {8, ""}}, .shape_known = true});
  m.inputs = {image};
  const auto first = rounded(weight("w0", 8, 16), "w0_rounded");
  const auto hidden = add(Op::gemm, {image, first}, "hidden", model::GemmAttributes{});
  const auto relu = add(Op::relu, {hidden}, "relu");
  const auto product = add(Op::matmul, {rounded(relu, "relu_rounded"), weight("w1", 16, 16)}, "product");
  const auto sum = add(Op::add, {product, relu}, "sum");
  m.outputs = {add(Op::gemm, {sum, weight("w2", 16, 10)}, "classes", model::GemmAttributes{})};
  infer_shapes(m);
  return m;
}

TEST(Onnx, PartsEndWhereOneTensorCrosses) {
  const OnnxNetwork network(small(), 128);
  EXPECT_EQ(network.parameters(), 8 * 16 + 16 * 16 + 16 * 10);
  // behind hidden, relu and sum
  ASSERT_EQ(network.depth(), 4);
  const Parts parts = network.parts({.micro_batch = 3, .batch = 3});
  for (const std::size_t i : {0U, 1U, 2U}) EXPECT_EQ(parts.at(i).boundary_bytes, 2 * 3 * 16) << i;
  EXPECT_EQ(parts.at(3).boundary_bytes, 0);
  // the image for w0; the ReLU's output for w1 and itself; the sum for w2
  const double kept[] = {8, 0, 16, 16};
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(parts.at(i).activation_bytes, 2 * 3 * kept[i]) << i;
  // w0 has no gradient of its input
  EXPECT_EQ(network.model_flops(), 2.0 * (2 * 8 * 16 + 3 * 16 * 16 + 3 * 16 * 10));
  EXPECT_EQ(total_flops(network, {.micro_batch = 3, .batch = 3}), 3 * network.model_flops());
}

// Autocast runs scores in 16 bits beside weights and activations in 32.
TEST(Onnx, PrecisionOfScores) {
  model::Model m = small();
  const auto scores = m.add_value({.name = "scores"}), turned = m.add_value({.name = "turned"});
  const model::ValueId classes = m.outputs[0];
  m.nodes.push_back({"turned", model::Op::transpose, model::TransposeAttributes{{1, 0}}, {classes}, {turned}});
  m.nodes.push_back({"scores", model::Op::matmul, {}, {classes, turned}, {scores}});
  m.outputs = {scores};
  infer_shapes(m);
  const Parts parts = OnnxNetwork(m, 128).parts({.weights = Precision::float32});
  int found = 0;
  for (const Part& part : parts.kinds)
    for (const Operation& o : part.forward.operations) {
      found += o.kind == OperationKind::scores;
      const bool product = o.kind == OperationKind::scores || o.kind == OperationKind::linear;
      EXPECT_EQ(o.precision, product ? Precision::bfloat16 : Precision::float32) << o.key();
    }
  EXPECT_EQ(found, 1);
}

TEST(Onnx, RoundedValuesAreKeptInTheirFormat) {
  const OnnxNetwork network(small(4), 128);
  EXPECT_EQ(network.parameters(), OnnxNetwork(small(), 128).parameters());
  EXPECT_EQ(network.model_flops(), OnnxNetwork(small(), 128).model_flops());
  const Strategy s{.micro_batch = 3, .batch = 3};
  const Parts parts = network.parts(s);
  double kept = 0, narrow = 0;
  for (std::size_t i = 0; i < parts.order.size(); ++i) {
    kept += parts.at(i).activation_bytes;
    narrow += parts.at(i).narrow_bytes;
  }
  EXPECT_EQ(kept, 3 * (2 * 8 + 2 * 16 + 0.5 * 16 + 2 * 16));  // the rounded ReLU beside its own output
  EXPECT_EQ(narrow, 8 * 16 * 1.5);                            // 2 bytes to a half
}

TEST(Onnx, TakesARecipe) {
  const auto folder = std::filesystem::temp_directory_path() / ("pare_networks_test_" + std::to_string(getpid()));
  const auto file = folder / "small.onnx";
  std::filesystem::create_directory(folder);
  model::write_onnx(file, small());
  model::Recipe recipe{.model_name = "small", .model_hash = model::read_onnx(file).hash, .method = "int"};
  const number::Format format{.family = number::Family::integer, .bits = 4, .is_signed = true};
  recipe.tensors = {{.value = "w0", .format = format, .scales = {1}, .packed = std::vector<std::uint8_t>(64, 0x11)},
                    {.value = "relu", .kind = model::TensorKind::activation, .format = format, .scales = {1}}};
  model::write_recipe(folder, recipe);
  const auto network = read_network(file, {.recipe = folder});
  const Strategy s{.micro_batch = 3, .batch = 3};
  const Prediction with = predict(*network, s, cluster(1)), by_hand = predict(OnnxNetwork(small(4), 1), s, cluster(1));
  EXPECT_EQ(with.peak_bytes(), by_hand.peak_bytes());
  EXPECT_EQ(with.batch_time_s, by_hand.batch_time_s);
  std::filesystem::remove_all(folder);
}

TEST(Onnx, RefusesSharedLayers) {
  const OnnxNetwork network(small(), 128);
  EXPECT_NO_THROW(check({.data = 2, .pipeline = 2, .batch = 8}, network, cluster(4)));
  EXPECT_THROW(check({.tensor = 4, .batch = 8}, network, cluster(4)), UsageError);
  EXPECT_THROW(check({.context = 4, .batch = 8}, network, cluster(4)), UsageError);
  EXPECT_THROW(check({.pipeline = 8, .batch = 8}, network, cluster(8)), UsageError);
}

TEST(Onnx, ResNetsAreCountedAsTheirModels) {
  const char* assets = std::getenv("PARE_ASSETS");
  if (!assets) GTEST_SKIP() << "PARE_ASSETS is not set";
  for (const int depth : {20, 32, 56}) {
    const auto model =
        model::read_onnx(std::string(assets) + "/vision/resnet" + std::to_string(depth) + "_cifar10.onnx");
    const auto counts = model::count(model);
    const OnnxNetwork network(model, 128);
    EXPECT_EQ(network.parameters(), counts.parameters);
    EXPECT_EQ(total_parameters(network), static_cast<double>(counts.parameters));
    // three products a layer, but none for the image's gradient
    const double expected = 2 * (3.0 * static_cast<double>(counts.macs) - static_cast<double>(counts.layers[0].macs));
    EXPECT_EQ(network.model_flops(), expected);
    EXPECT_EQ(total_flops(network, {.micro_batch = 16, .batch = 16}), 16 * expected);
    const Prediction p = predict(network, {.data = 2, .pipeline = 4, .micro_batch = 16, .batch = 256}, cluster(8));
    EXPECT_GT(p.batch_time_s, 0);
    EXPECT_LT(p.bubble_share, 0.5);
  }
}

}  // namespace
}  // namespace pare::cluster
