// The pieces of a stage, and the data that they learn.
#include "pare/base/random.h"
#include "pare/cluster/predict.h"

#include "layer.h"

namespace pare::cluster::trainer {
namespace {

/// Numbers that are the same for a sample of the batch wherever it is trained.
class Sample {
 public:
  Sample(const Rank& rank, int micro_batch, std::int64_t i)
      : random_(static_cast<std::uint64_t>(
            (rank.place.data * rank.settings.strategy.micro_batches() + micro_batch) * rank.samples() + i)) {}

  std::int64_t below(std::int64_t n) { return static_cast<std::int64_t>(random_.below(static_cast<std::uint64_t>(n))); }
  double normal() { return random_.normal(); }

 private:
  Random random_;
};

/// Words of a sample, each a function of the one before: [tokens + 1].
std::vector<std::int64_t> sentence(Sample sample, std::int64_t tokens, std::int64_t words) {
  std::vector<std::int64_t> out{sample.below(words)};
  for (std::int64_t i = 0; i < tokens; ++i) out.push_back((5 * out.back() + 3) % words);
  return out;
}

/// Of the micro-batch's samples one after the other, from the word `from` of each.
at::Tensor words(const Rank& r, int micro_batch, std::int64_t from) {
  at::Tensor out = at::empty({r.rows()}, at::kLong);
  std::int64_t* to = out.data_ptr<std::int64_t>();
  const std::int64_t tokens = r.settings.network.sequence;
  for (std::int64_t i = 0; i < r.samples(); ++i) {
    const auto all = sentence(Sample(r, micro_batch, i), tokens, r.settings.network.vocabulary);
    to = std::copy_n(all.begin() + from, tokens, to);
  }
  return out;
}

}  // namespace

at::Tensor Rank::tokens(int micro_batch) const { return words(*this, micro_batch, 0); }
at::Tensor Rank::targets(int micro_batch) const { return words(*this, micro_batch, 1); }

at::Tensor Rank::features(int micro_batch) const {
  at::Tensor out = at::empty({rows(), settings.network.hidden});
  float* to = out.data_ptr<float>();
  for (std::int64_t i = 0; i < samples(); ++i) {
    Sample sample(*this, micro_batch, i);
    for (std::int64_t j = 0; j < out.numel() / samples(); ++j) *to++ = static_cast<float>(sample.normal());
  }
  return out;
}

std::vector<std::unique_ptr<Layer>> make_stage(Rank& rank) {
  const Strategy& s = rank.settings.strategy;
  const bool perceptron = rank.settings.network.perceptron;
  const auto layers = layers_of_stages(rank.settings.network.layers, s.pipeline);
  std::int64_t index = 0;
  for (int stage = 0; stage < rank.place.stage; ++stage) index += layers[static_cast<std::size_t>(stage)];
  std::vector<std::unique_ptr<Layer>> stage;
  if (rank.place.stage == 0) stage.push_back(perceptron ? make_features(rank) : make_embedding(rank));
  for (std::int64_t i = 0; i < layers[static_cast<std::size_t>(rank.place.stage)]; ++i, ++index)
    stage.push_back(perceptron ? make_perceptron(rank, index) : make_block(rank, index));
  if (rank.place.stage + 1 == s.pipeline) stage.push_back(make_head(rank));
  return stage;
}

}  // namespace pare::cluster::trainer
