#include "pare/quantize/network_search.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "pare/base/error.h"
#include "pare/base/progress.h"
#include "pare/model/fuse.h"
#include "pare/model/open_batch.h"
#include "pare/runtime/evaluate.h"

namespace pare::quantize {
namespace {

std::vector<at::Tensor> run_batches(const runtime::Executor& network, const std::vector<runtime::Batch>& batches) {
  const c10::NoGradGuard no_gradients;
  std::vector<at::Tensor> parts;
  parts.reserve(batches.size());
  for (const runtime::Batch& batch : batches) parts.push_back(network.run(batch.inputs).at(0));
  return parts;
}

struct NamedPlan {
  std::string rule;
  Plan plan;
};

std::vector<NamedPlan> plans_of(const FitTable& table, const std::string& method, const Options& options) {
  if (method != "ant") return {{method, table.single(method)}};
  std::vector<NamedPlan> plans{{"ant by tensor error", table.least_error()}};
  if (options.select == Select::tensor) return plans;
  for (const auto& family : options.families) plans.push_back({family, table.single(family)});
  // the pairs that a network of linear layers and rectifiers suggests: near-symmetric weights, one-sided activations
  const auto offered = [&](const char* family) {
    return std::ranges::find(options.families, family) != options.families.end();
  };
  if (offered("int") && offered("flint")) {
    plans.push_back({"weights int, activations flint", table.split("int", "flint")});
    plans.push_back({"weights flint, activations int", table.split("flint", "int")});
  }
  return plans;
}

/// Makes the candidate's recipe and measures it.
NetworkCandidate try_plan(const Calibrated& network, const Judge& judge, NetworkCandidate candidate,
                          const Options& options, const std::string& method) {
  candidate.recipe =
      correct(network, to_recipe(network, candidate.plan, options, method), candidate.correction, judge.calibration);
  candidate.divergence = runtime::divergence(judge.float_logits, selection_logits(network, candidate.recipe, judge));
  if (std::isnan(candidate.divergence)) candidate.divergence = std::numeric_limits<double>::infinity();
  return candidate;
}

}  // namespace

Judge make_judge(const Calibrated& network, const io::Dataset& training, const TrainingSamples& samples,
                 const Options& options) {
  Judge judge;
  const model::Model& model = *network.network;
  auto fitting = samples_that_fit(network, samples.calibration);
  if (const auto batch = model::fixed_batch(model); batch && fitting.size() > static_cast<std::size_t>(*batch))
    fitting.resize(static_cast<std::size_t>(*batch));  // of a network that takes no other number
  judge.calibration = runtime::read_batch(model, training, fitting);
  for (const auto& group : runtime::in_batches(training, samples.selection, options.batch)) {
    judge.selection.push_back(runtime::read_batch(model, training, group));
    if (training.labels().empty()) continue;
    for (const std::size_t s : group) judge.labels.push_back(training.labels()[s]);
  }
  judge.float_logits = at::cat(run_batches(runtime::Executor(model::fuse(*network.network)), judge.selection));
  if (judge.float_logits.dim() != 2) throw Error("the first output is not [samples, classes]", network.network->name);
  return judge;
}

at::Tensor selection_logits(const Calibrated& network, const model::Recipe& recipe, const Judge& judge) {
  return at::cat(run_batches(runtime::Executor(model::fuse(model::apply(*network.network, recipe))), judge.selection));
}

std::vector<NetworkCandidate> network_candidates(const Calibrated& network, const Judge& judge,
                                                 const std::string& method, int bits, const Options& options) {
  const std::vector<std::string> families = method == "ant" ? options.families : std::vector<std::string>{method};
  const bool whole = options.select == Select::network;
  const Correction first = whole ? Correction::affine : options.bias_correction ? Correction::mean : Correction::none;
  std::vector<NetworkCandidate> candidates;
  for (const bool free_window : whole ? std::vector<bool>{false, true} : std::vector<bool>{false}) {
    const FitTable table(network, families, bits, free_window, options);
    const auto plans = plans_of(table, method, options);
    Progress progress(fmt::format("{} at {} bits", method, bits), plans.size());
    for (const auto& [rule, plan] : plans) {
      candidates.push_back(try_plan(network, judge, {rule, free_window, first, plan}, options, method));
      progress.step();
    }
  }
  std::ranges::stable_sort(candidates, {}, &NetworkCandidate::divergence);
  if (!whole) return candidates;
  // the other corrections are tried on the plans that came first
  constexpr std::size_t finalists = 3;
  const std::vector<NetworkCandidate> best(
      candidates.begin(), candidates.begin() + static_cast<std::ptrdiff_t>(std::min(finalists, candidates.size())));
  for (const auto& candidate : best)
    for (const Correction correction : {Correction::none, Correction::mean})
      candidates.push_back(try_plan(network, judge, {candidate.rule, candidate.free_window, correction, candidate.plan},
                                    options, method));
  std::ranges::stable_sort(candidates, {}, &NetworkCandidate::divergence);
  return candidates;
}

}  // namespace pare::quantize
