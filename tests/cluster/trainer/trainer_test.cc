// The trainer is what predictions are held against, so it must train: its gradients are autograd's, and spreading a
// network changes neither its losses nor its weights.
#include <ATen/Parallel.h>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>

#include "layer.h"
#include "pare/base/error.h"
#include "train.h"

namespace pare::cluster::trainer {
namespace {

Transformer gpt() {
  Transformer t;
  t.name = "gpt2";
  t.hidden = 32;
  t.layers = 4;
  t.heads = t.kv_heads = 4;
  t.head_width = 8;
  t.feed_forward = 96;
  t.vocabulary = 40;
  t.sequence = 12;
  t.positions = 16;
  t.tied = false;
  return t;
}

Transformer mlp() {
  Transformer t = gpt();
  t.name = "mlp";
  t.perceptron = true;
  t.sequence = t.positions = 1;
  return t;
}

/// The network once more, written with torch's own functions and differentiated by autograd.
class Reference {
 public:
  Reference(const Transformer& network, const Parameters& parameters) : t_(network) {
    for (std::size_t i = 0; i < parameters.size(); ++i)
      all_[parameters.name(i)] = parameters.value(i).clone().requires_grad_();
  }

  const at::Tensor& at(const std::string& name) { return all_.at(name); }

  at::Tensor loss(const MicroBatch& data) {
    const std::int64_t samples = data.tokens.size(0) / t_.sequence;
    at::Tensor x = t_.perceptron ? data.features : at::embedding(at("words"), data.tokens);
    if (!t_.perceptron) {
      x = x.view({samples, t_.sequence, t_.hidden}) + at("positions").narrow(0, 0, t_.sequence);
      x = x.flatten(0, 1);
    }
    for (std::int64_t i = 0; i < t_.layers; ++i) x = t_.perceptron ? perceptron(x, i) : block(x, i, samples);
    x = at::layer_norm(x, {t_.hidden}, at("last norm weight"), at("last norm bias"));
    return at::cross_entropy_loss(at::linear(x, at("head")), data.targets);
  }

 private:
  at::Tensor perceptron(const at::Tensor& x, std::int64_t i) {
    return at::relu(at::linear(x, at(fmt::format("layer {} weight", i)), at(fmt::format("layer {} bias", i))));
  }

  at::Tensor block(at::Tensor x, std::int64_t i, std::int64_t samples) {
    const auto p = [&](const char* name) { return at(fmt::format("layer {} {}", i, name)); };
    const auto norm = [&](const at::Tensor& y, const char* weight, const char* bias) {
      return at::layer_norm(y, {t_.hidden}, p(weight), p(bias));
    };
    const at::Tensor y = norm(x, "norm 1 weight", "norm 1 bias");
    at::Tensor parts[3];
    for (int k = 0; k < 3; ++k)
      parts[k] = at::linear(y, p("qkv weight")[k], p("qkv bias")[k])
                     .view({samples, t_.sequence, t_.heads, t_.head_width})
                     .transpose(1, 2);
    const at::Tensor hidden_keys = at::ones({t_.sequence, t_.sequence}, at::kBool).triu(1);
    const at::Tensor scores = at::matmul(parts[0], parts[1].transpose(2, 3)) / std::sqrt(t_.head_width);
    const at::Tensor core =
        at::matmul(scores.masked_fill(hidden_keys, -INFINITY).softmax(-1), parts[2]).transpose(1, 2).flatten(2);
    x = x + at::linear(core.flatten(0, 1), p("projection weight"), p("projection bias"));
    const at::Tensor up = at::linear(norm(x, "norm 2 weight", "norm 2 bias"), p("up weight"), p("up bias"));
    return x + at::linear(at::gelu(up), p("down weight"), p("down bias"));
  }

  Transformer t_;
  std::map<std::string, at::Tensor> all_;
};

void gradients_are_autograds(const Transformer& network) {
  at::set_num_threads(1);
  const Settings settings{.network = network, .strategy = {.micro_batch = 3, .batch = 3}};
  Compute compute(nullptr);
  Communicator nobody(settings.strategy, 0, "", compute);
  Parameters parameters(0, 1);
  Rank rank{settings, {}, compute, nobody, parameters, {micro_batch(settings, {}, 0)}};
  const auto stage = make_stage(rank);
  parameters.allocate(true);
  at::Tensor x;
  for (const auto& layer : stage) x = layer->forward(0, x);
  at::Tensor dy;
  for (auto layer = stage.rbegin(); layer != stage.rend(); ++layer) dy = (*layer)->backward(0, dy);
  for (const auto& layer : stage) layer->weight(0);

  Reference reference(network, parameters);
  const at::Tensor loss = reference.loss(rank.at(0));
  EXPECT_NEAR(rank.loss / static_cast<double>(rank.rows()), loss.item<double>(), 1e-6);
  loss.backward();
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const at::Tensor expected = reference.at(parameters.name(i)).grad();
    const double difference = (parameters.gradient(i) - expected).norm().item<double>();
    EXPECT_LT(difference, 1e-5 * expected.norm().item<double>()) << parameters.name(i);
  }
}

TEST(Gradients, OfGptAreAutograds) { gradients_are_autograds(gpt()); }
TEST(Gradients, OfMlpAreAutograds) { gradients_are_autograds(mlp()); }

/// The same batch trained on one rank and spread.
void spreading_changes_nothing(const Transformer& network, const std::vector<Strategy>& strategies) {
  const auto folder = std::filesystem::path(::testing::TempDir()) / ("pare-trainer-" + network.name);
  Settings one{.network = network, .strategy = {.batch = 8}, .iterations = 4, .save = folder};
  const Result alone = train(one);
  ASSERT_EQ(alone.loss.size(), 4);
  EXPECT_LT(alone.loss.back(), alone.loss.front());
  for (const Strategy& strategy : strategies) {
    Settings spread{.network = network, .strategy = strategy, .iterations = 4, .compare = folder};
    spread.strategy.batch = 8;
    const Result result = train(spread);
    ASSERT_EQ(result.ranks.size(), static_cast<std::size_t>(strategy.devices()));
    for (std::size_t i = 0; i < 4; ++i)
      EXPECT_NEAR(result.loss[i], alone.loss[i], 1e-4 * alone.loss[i]) << strategy.label() << " iteration " << i;
    for (const RankResult& rank : result.ranks) EXPECT_LT(rank.difference, 1e-4) << strategy.label();
  }
  std::filesystem::remove_all(folder);
}

TEST(Spreading, OfGptChangesNothing) {
  spreading_changes_nothing(gpt(), {{.data = 2},
                                    {.tensor = 2},
                                    {.tensor = 4, .micro_batch = 2},
                                    {.pipeline = 2, .schedule = Schedule::gpipe},
                                    {.pipeline = 2, .micro_batch = 2, .schedule = Schedule::one_f_one_b},
                                    {.pipeline = 4, .schedule = Schedule::zb_h1},
                                    {.data = 2, .tensor = 2, .pipeline = 2, .schedule = Schedule::zb_h1}});
}

TEST(Spreading, OfMlpChangesNothing) {
  spreading_changes_nothing(mlp(), {{.data = 4, .micro_batch = 2},
                                    {.data = 2, .pipeline = 2, .schedule = Schedule::one_f_one_b},
                                    {.pipeline = 2, .schedule = Schedule::zb_h1}});
}

TEST(Sleeping, TakesTheProfilesTime) {
  Settings settings{.network = gpt(), .strategy = {.data = 2, .pipeline = 2, .batch = 8}, .iterations = 2};
  const Result computed = train(settings);
  Profile profile;
  for (const RankResult& rank : computed.ranks)
    for (const auto& [event, seconds] : rank.operation_s) profile.operations[event] = {2e-4, "measured"};
  settings.sleeps = &profile;
  const Result slept = train(settings);
  // two layers a stage: 24 events each for a micro-batch, 4 micro-batches
  for (const RankResult& rank : slept.ranks) EXPECT_GT(rank.busy_s.back(), 2 * 4 * 24 * 2e-4);
  EXPECT_TRUE(slept.loss.empty());
  profile.operations.clear();
  EXPECT_THROW(train(settings), Error);
}

TEST(Trainer, RefusesWhatItCannotTrain) {
  Settings settings{.network = gpt()};
  settings.network.tied = true;
  EXPECT_THROW(train(settings), Error);
  settings = {.network = mlp(), .strategy = {.tensor = 2}};
  EXPECT_THROW(train(settings), UsageError);
}

}  // namespace
}  // namespace pare::cluster::trainer
