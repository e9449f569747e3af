// The pieces of a stage, and the data that they learn.
#include <algorithm>

#include "layer.h"
#include "pare/base/random.h"
#include "pare/cluster/predict.h"

namespace pare::cluster::trainer {
namespace {

/// Words of a sample, each a function of the one before: [tokens + 1].
std::vector<std::int64_t> sentence(Random random, std::int64_t tokens, std::int64_t words) {
  std::vector<std::int64_t> out{static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(words)))};
  for (std::int64_t i = 0; i < tokens; ++i) out.push_back((5 * out.back() + 3) % words);
  return out;
}

}  // namespace

MicroBatch micro_batch(const Settings& settings, const Place& place, int index) {
  const Transformer& t = settings.network;
  const Strategy& s = settings.strategy;
  MicroBatch out{at::empty({s.micro_batch, t.sequence}, at::kLong), at::empty({s.micro_batch, t.sequence}, at::kLong)};
  if (t.perceptron) out.features = at::empty({s.micro_batch, t.sequence * t.hidden});
  for (std::int64_t i = 0; i < s.micro_batch; ++i) {
    // the same for a sample of the batch wherever it is trained
    const Random random(static_cast<std::uint64_t>((place.data * s.micro_batches() + index) * s.micro_batch + i));
    const auto words = sentence(random, t.sequence, t.vocabulary);
    std::copy_n(words.begin(), t.sequence, out.tokens[i].data_ptr<std::int64_t>());
    std::copy_n(words.begin() + 1, t.sequence, out.targets[i].data_ptr<std::int64_t>());
    if (!t.perceptron) continue;
    Random normal = random;
    std::generate_n(out.features[i].data_ptr<float>(), t.sequence * t.hidden, [&] { return normal.normal(); });
  }
  out.tokens = out.tokens.flatten();
  out.targets = out.targets.flatten();
  if (t.perceptron) out.features = out.features.view({-1, t.hidden});
  return out;
}

std::vector<std::unique_ptr<Layer>> make_stage(Rank& rank) {
  const Strategy& s = rank.settings.strategy;
  const bool perceptron = rank.settings.network.perceptron;
  const auto layers = static_cast<std::size_t>(rank.settings.network.layers);
  std::vector<std::size_t> starts = stage_starts(layers, s.pipeline);
  starts.push_back(layers + 2);
  const auto own = static_cast<std::size_t>(rank.place.stage);
  std::vector<std::unique_ptr<Layer>> stage;
  // parts: what the network reads, its layers, its head
  for (std::size_t part = starts[own]; part < starts[own + 1]; ++part) {
    const auto index = static_cast<std::int64_t>(part) - 1;
    rank.parameters.begin_part();
    if (part == 0)
      stage.push_back(perceptron ? make_features(rank) : make_embedding(rank));
    else if (part == layers + 1)
      stage.push_back(make_head(rank));
    else
      stage.push_back(perceptron ? make_perceptron(rank, index) : make_block(rank, index));
  }
  return stage;
}

}  // namespace pare::cluster::trainer
