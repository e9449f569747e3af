#include "train.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <numeric>

#include "layer.h"
#include "pare/base/error.h"
#include "pare/base/temporary.h"
#include "pare/runtime/block_cache.h"
#include "pare/runtime/ranks.h"

namespace pare::cluster::trainer {
namespace {

using nlohmann::json;

class Trainer {
 public:
  Trainer(const Settings& settings, int rank, const std::filesystem::path& store)
      : settings_(settings),
        compute_(settings.sleeps),
        others_(settings.strategy, rank, store, compute_),
        parameters_(place(settings.strategy, rank).tensor, settings.strategy.tensor),
        rank_{settings, place(settings.strategy, rank), compute_, others_, parameters_, {}},
        stage_(make_stage(rank_)),
        order_(passes(settings.strategy.pipeline_order(), rank_.place.stage)) {
    for (int m = 0; m < settings.strategy.micro_batches(); ++m)
      rank_.data.push_back(micro_batch(settings, rank_.place, m));
    parameters_.allocate(!compute_.sleeping());
    adam_ = {at::zeros_like(parameters_.all_values()), at::zeros_like(parameters_.all_values()), at::zeros({})};
  }

  json run() {
    json iterations = json::array();
    for (int i = 0; i < settings_.warm_up + settings_.iterations; ++i) {
      if (i == settings_.warm_up) compute_.take_times();
      json done = iteration();
      if (i >= settings_.warm_up) iterations.push_back(std::move(done));
    }
    json out{{"iterations", iterations}, {"operations", json::object()}};
    for (auto& [event, times] : compute_.take_times()) {
      std::ranges::nth_element(times, times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2));
      out["operations"][event] = times[times.size() / 2];
    }
    if (!settings_.save.empty()) parameters_.save(settings_.save);
    if (!settings_.compare.empty()) out["difference"] = parameters_.difference(settings_.compare);
    others_.barrier();  // nobody leaves while another is still talking
    return out;
  }

 private:
  json iteration() {
    const Strategy& s = settings_.strategy;
    rank_.loss = 0;
    others_.barrier();
    others_.take_seconds();
    const auto start = Clock::now();
    others_.expect(s.micro_batches(), rank_.rows(), settings_.network.hidden);
    for (const Pass& pass : order_) run(pass);
    others_.finish_sending();
    // part by part, as pare counts on: the gradients of a layer are one sum
    for (const at::Tensor& gradients : parameters_.gradients_by_part()) others_.sum_replicas(gradients);
    compute_.adam(parameters_.all_values(), parameters_.all_gradients(), adam_, settings_.learning_rate);
    compute_.settle();
    const auto end = Clock::now();
    const auto seconds = [](Clock::time_point t) {
      return std::chrono::duration<double>(t.time_since_epoch()).count();
    };
    return {{"start", seconds(start)},
            {"end", seconds(end)},
            {"communication", others_.take_seconds()},
            {"loss", rank_.loss}};
  }

  void run(const Pass& pass) {
    switch (pass.kind) {
      case PassKind::forward: return forward(pass.micro_batch);
      case PassKind::backward: return backward(pass.micro_batch);
      case PassKind::weight: return weight(pass.micro_batch);
    }
  }

  void forward(int m) {
    at::Tensor x = others_.first() ? at::Tensor() : others_.receive_activations(m);
    for (const auto& layer : stage_) x = layer->forward(m, x);
    if (!others_.last()) others_.send_activations(m, x);
  }

  void backward(int m) {
    at::Tensor dy = others_.last() ? at::Tensor() : others_.receive_gradients(m);
    for (auto layer = stage_.rbegin(); layer != stage_.rend(); ++layer) dy = (*layer)->backward(m, dy);
    // a whole backward pass is one, as autograd has it: its gradient leaves when all of it is done
    if (!settings_.strategy.pipeline_order().splits_backward()) weight(m);
    if (!others_.first()) others_.send_gradients(m, dy);
  }

  void weight(int m) {
    for (auto layer = stage_.rbegin(); layer != stage_.rend(); ++layer) (*layer)->weight(m);
  }

  const Settings& settings_;
  Compute compute_;
  Communicator others_;
  Parameters parameters_;
  Rank rank_;
  std::vector<std::unique_ptr<Layer>> stage_;
  std::vector<Pass> order_;
  kernel::AdamState adam_;
};

void check_trainable(const Settings& s) {
  const Transformer& t = s.network;
  if (t.tied || t.gated || !t.biases || t.kv_heads != t.heads)
    throw Error("is not trained here", t.name, "give gpt2 with tie_word_embeddings false, or mlp");
  if (s.strategy.chunks > 1 || s.strategy.pipeline_order().by_times())
    throw UsageError("is not trained here", std::string(name(s.strategy.schedule)));
  if (t.perceptron && s.strategy.tensor > 1) throw UsageError("mlp has none", "--tensor-parallel");
  if (t.vocabulary % s.strategy.tensor || t.feed_forward % s.strategy.tensor)
    throw UsageError("divides neither words nor inner width", "--tensor-parallel");
}

/// The ranks' iterations side by side.
Result gathered(const Settings& settings, const std::vector<std::string>& said) {
  Result out;
  std::vector<json> ranks;
  for (const std::string& text : said) ranks.push_back(json::parse(text));
  const Strategy& s = settings.strategy;
  const double tokens = static_cast<double>(s.batch) * static_cast<double>(settings.network.sequence);
  for (std::size_t i = 0; i < static_cast<std::size_t>(settings.iterations); ++i) {
    double start = 1e300, end = 0, loss = 0;
    for (std::size_t r = 0; r < ranks.size(); ++r) {
      const json& it = ranks[r]["iterations"][i];
      start = std::min(start, it["start"].get<double>());
      end = std::max(end, it["end"].get<double>());
      // tensor ranks all know the loss
      if (place(s, static_cast<int>(r)).tensor == 0) loss += it["loss"].get<double>() / tokens;
    }
    out.batch_s.push_back(end - start);
    if (settings.sleeps) continue;
    if (!std::isfinite(loss)) throw Error("the loss is not finite", fmt::format("iteration {}", i));
    out.loss.push_back(loss);
  }
  for (std::size_t r = 0; r < ranks.size(); ++r) {
    RankResult& rank = out.ranks.emplace_back(RankResult{.place = place(s, static_cast<int>(r))});
    for (const json& it : ranks[r]["iterations"]) {
      rank.communication_s.push_back(it["communication"]);
      rank.busy_s.push_back(it["end"].get<double>() - it["start"].get<double>() - rank.communication_s.back());
    }
    rank.operation_s = ranks[r]["operations"];
    rank.difference = ranks[r].value("difference", 0.0);
  }
  return out;
}

}  // namespace

Result train(const Settings& settings) {
  check_trainable(settings);
  const TemporaryFolder folder("pare-trainer");
  const auto said = runtime::run_ranks(settings.strategy.devices(), [&](int rank) {
    runtime::use_block_cache();
    return Trainer(settings, rank, folder.path() / "store").run().dump();
  });
  return gathered(settings, said);
}

}  // namespace pare::cluster::trainer
