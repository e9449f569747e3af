#include "pare/quantize/mixed.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <numeric>
#include <set>

#include "pare/base/progress.h"
#include "pare/runtime/evaluate.h"

namespace pare::quantize {

using model::ValueId;

namespace {

constexpr int wide_bits = 8;

/// Points lost on the selection samples; where there are no labels the float network's answers are the truth.
runtime::Difference drop_of(const at::Tensor& logits, const Judge& judge) {
  std::vector<std::int64_t> truth = judge.labels;
  if (truth.empty()) {
    const at::Tensor answers = judge.float_logits.argmax(1).contiguous();
    truth.assign(answers.data_ptr<std::int64_t>(), answers.data_ptr<std::int64_t>() + answers.numel());
  }
  return runtime::paired_difference(runtime::accuracy(logits, truth).right,
                                    runtime::accuracy(judge.float_logits, truth).right);
}

/// One standard error above the drop that was seen: what a few hundred samples show is as often too little as too much.
double likely_most(const runtime::Difference& drop) { return drop.points + drop.interval / 1.96; }

class Widening {
 public:
  Widening(const Calibrated& network, const Judge& judge, const NetworkCandidate& narrow, const Options& options)
      : network_(network),
        judge_(judge),
        narrow_(narrow),
        options_(options),
        wide_plan_(FitTable(network, {"int"}, wide_bits, false, options).single("int")) {}

  NetworkCandidate with(const std::vector<std::size_t>& wide) const {
    NetworkCandidate candidate = narrow_;
    for (const std::size_t i : wide) {
      const Layer& layer = network_.layers[i];
      for (const ValueId id : {layer.weight, layer.input}) candidate.plan.tensors[id] = wide_plan_.tensors.at(id);
    }
    candidate.recipe = correct(network_, to_recipe(network_, candidate.plan, options_, "mixed"), narrow_.correction,
                               judge_.calibration);
    return candidate;
  }

  runtime::Difference measure(NetworkCandidate& candidate) const {
    const at::Tensor logits = selection_logits(network_, candidate.recipe, judge_);
    candidate.divergence = runtime::divergence(judge_.float_logits, logits);
    return drop_of(logits, judge_);
  }

  /// Layers in the order in which they are widened.
  std::vector<std::size_t> order() const {
    const std::size_t n = network_.layers.size();
    std::vector<double> score(n);
    Progress progress("ranking layers", n);
    for (std::size_t i = 0; i < n; ++i, progress.step()) {
      const Layer& layer = network_.layers[i];
      if (options_.select == Select::tensor) {
        score[i] = narrow_.plan.tensors.at(layer.weight).mse + narrow_.plan.tensors.at(layer.input).mse;
        continue;
      }
      NetworkCandidate one = with({i});
      measure(one);
      score[i] = (narrow_.divergence - one.divergence) / size(i);
    }
    std::vector<std::size_t> ranked(n);
    std::iota(ranked.begin(), ranked.end(), std::size_t{0});
    std::ranges::stable_sort(ranked, [&](std::size_t a, std::size_t b) { return score[a] > score[b]; });
    return ranked;
  }

  /// Weights of a layer.
  double size(std::size_t i) const {
    return static_cast<double>(network_.network->value(network_.layers[i].weight).constant->elements());
  }

 private:
  const Calibrated& network_;
  const Judge& judge_;
  const NetworkCandidate& narrow_;
  const Options& options_;
  Plan wide_plan_;
};

}  // namespace

MixedResult widen_layers(const Calibrated& network, const Judge& judge, const NetworkCandidate& narrow,
                         const Options& options) {
  const Widening widening(network, judge, narrow, options);
  const auto order = widening.order();
  const auto attempt = [&](const std::vector<std::size_t>& wide) {
    MixedResult result{widening.with(wide), {}, {}, 0};
    result.drop = widening.measure(result.candidate);
    result.weight_bits = widths(network, result.candidate.recipe).weight_bits;
    for (const std::size_t i : wide) result.wide_layers.push_back(network.network->nodes[network.layers[i].node].name);
    return result;
  };
  std::vector<std::size_t> wide;
  MixedResult best = attempt(wide);
  const auto enough = [&](const MixedResult& r) {
    return options.average_bits > 0 ? r.weight_bits >= options.average_bits : likely_most(r.drop) <= options.max_drop;
  };
  Progress progress("widening layers", order.size());
  for (std::size_t count = 0; count < order.size() && !enough(best); ++count, progress.step()) {
    wide.push_back(order[count]);
    MixedResult next = attempt(wide);
    if (options.average_bits > 0 && next.weight_bits > options.average_bits) return best;
    best = std::move(next);
  }
  if (options.average_bits > 0 || !enough(best)) return best;
  // What the ranking put before its turn: the largest layers first, each goes back where the rest is enough.
  std::ranges::stable_sort(wide, [&](std::size_t a, std::size_t b) { return widening.size(a) > widening.size(b); });
  Progress back("narrowing layers", wide.size());
  for (std::size_t i = 0; i < wide.size(); back.step()) {
    std::vector<std::size_t> fewer = wide;
    fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(i));
    MixedResult next = attempt(fewer);
    if (!enough(next)) {
      ++i;
      continue;
    }
    wide = std::move(fewer);
    best = std::move(next);
  }
  return best;
}

}  // namespace pare::quantize
