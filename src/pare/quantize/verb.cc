#include "pare/quantize/verb.h"

#include <ATen/Parallel.h>
#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <tuple>

#include "pare/base/error.h"
#include "pare/base/simd.h"
#include "pare/base/stopwatch.h"
#include "pare/model/count.h"
#include "pare/model/fuse.h"
#include "pare/model/onnx.h"
#include "pare/quantize/details.h"
#include "pare/quantize/finetune.h"
#include "pare/quantize/mixed.h"
#include "pare/quantize/network_search.h"
#include "pare/runtime/evaluate.h"

namespace pare::quantize {
namespace {

using study::Better;
using study::Candidate;
using study::Json;
using study::Provenance;

/// What the test set says of a network.
struct Measured {
  std::optional<runtime::Accuracy> accuracy;
  double seconds = 0;
};

class Verb {
 public:
  Verb(const model::Model& model, const io::Dataset& training, const io::Dataset* test, const Request& request)
      : model_(model), training_(training), test_(test), request_(request), options_(request.options) {}

  study::Study run() {
    check();
    samples_ = draw_samples(training_, options_);
    network_ = calibrate(model_, training_, samples_, options_);
    judge_ = make_judge(network_, training_, samples_, options_);
    describe();
    add_float();
    for (const int bits : request_.bits)
      for (const auto& method : request_.methods)
        if (method != "mixed" || bits < 8) add(method, bits);  // mixed means some layers at eight bits, others below
    compare_in_pairs();
    const bool with_accuracy = !study_.candidates.empty() && study_.candidates[0].cost("top1");
    study::mark_front(study_, {with_accuracy ? "top1" : "divergence", "weight_bytes"});
    choose(with_accuracy);
    return std::move(study_);
  }

 private:
  void check() const {
    for (const int bits : request_.bits)
      if (bits < 3 || bits > 8)
        throw UsageError(fmt::format("{} bits are not possible", bits), "--bits", "choose 3 to 8");
    if (options_.input_bits != 0 && (options_.input_bits < 3 || options_.input_bits > 8))
      throw UsageError(fmt::format("{} bits are not possible", options_.input_bits), "--input-bits", "choose 3 to 8");
    for (const auto& method : request_.methods)
      if (method != "ant" && method != "ant-tensor" && method != "mixed")
        formats_of({method}, 4, true, options_.int_range);
    for (const auto& family : options_.families) formats_of({family}, 4, true, options_.int_range);
  }

  void describe() {
    study_.verb = "quantize";
    study_.workload = {"network", model_.name, model_.hash};
    study_.conditions = {{"device", "cpu"},
                         {"threads", at::get_num_threads()},
                         {"simd", simd_target()},
                         {"arithmetic", "float32 on quantised values; codes packed in storage only"},
                         {"training", training_.name()},
                         {"calibration_samples", samples_.calibration.size()},
                         {"selection_samples", samples_.selection.size()},
                         {"batch", options_.batch},
                         {"seed", options_.seed},
                         {"input_bits", options_.input_bits},
                         {"select", options_.select == Select::tensor ? "tensor" : "network"},
                         {"spread_is", "half-width of the 95 % interval"}};
    if (test_) {
      study_.conditions["test"] = test_->name();
      study_.conditions["test_samples"] = test_count();
    }
  }

  std::size_t test_count() const {
    return request_.test_samples ? std::min(request_.test_samples, test_->size()) : test_->size();
  }

  Measured measure(const model::Model& network, const std::string& label) const {
    if (!test_) return {};
    const runtime::Executor executor(model::fuse(network));
    const Stopwatch watch;
    const at::Tensor logits = runtime::logits(executor, *test_, 0, test_count(), options_.batch, label);
    Measured measured{.seconds = watch.seconds()};
    if (!test_->labels().empty()) measured.accuracy = runtime::accuracy(logits, test_->labels());
    return measured;
  }

  void add_measured(Candidate& candidate, const Measured& measured) {
    if (measured.accuracy) {
      const auto& a = *measured.accuracy;
      std::ranges::copy(runtime::costs(a), std::back_inserter(candidate.costs));
      right_[candidate.name] = a.right;
    }
    if (test_) candidate.costs.push_back({"seconds", measured.seconds, "s", Better::lower, Provenance::measured});
  }

  void add_float() {
    Candidate candidate{.name = "float32", .decision = {{"method", "float32"}, {"bits", 32}}};
    add_measured(candidate, measure(model_, "float32"));
    const auto counts = model::count(model_);
    candidate.costs.push_back(
        {"weight_bytes", static_cast<double>(counts.weight_bytes), "bytes", Better::lower, Provenance::counted});
    candidate.costs.push_back({"weight_bits", 32, "bits", Better::lower, Provenance::counted});
    candidate.costs.push_back({"activation_bits", 32, "bits", Better::lower, Provenance::counted});
    candidate.costs.push_back({"mse", 0, "", Better::lower, Provenance::measured});
    candidate.costs.push_back({"divergence", 0, "nats", Better::lower, Provenance::measured});
    study_.candidates.push_back(std::move(candidate));
    if (options_.finetune_epochs > 0) add_finetuned_float();
  }

  void add_finetuned_float() {
    Finetuned tuned = finetune_float(model_, training_, options_);
    Candidate candidate{
        .name = "float32-tuned",
        .decision = {{"method", "float32"}, {"bits", 32}, {"finetune_epochs", options_.finetune_epochs}}};
    add_measured(candidate, measure(tuned.network, "float32, tuned"));
    candidate.costs.push_back(*study_.candidates[0].cost("weight_bytes"));
    candidate.details["finetune"] = finetune_details(tuned);
    const std::string candidate_name = candidate.name;
    study_.candidates.push_back(std::move(candidate));
    tuned_float_ = std::move(tuned.network);
    if (!request_.output.empty()) model::write_onnx(request_.output / candidate_name / "model.onnx", tuned_float_);
  }

  void add(const std::string& method, int bits) {
    const Stopwatch watch;
    Options options = options_;
    std::string searched = method;
    if (method == "ant-tensor") options.select = Select::tensor;
    if (method == "ant-tensor" || method == "mixed") searched = "ant";
    const auto& tried = candidates(searched, bits, options);
    NetworkCandidate chosen = tried.front();
    Json decision{{"method", method}, {"bits", bits}};
    Json details = Json::object();
    if (method == "mixed") {
      const MixedResult mixed = widen_layers(network_, judge_, chosen, options);
      chosen = mixed.candidate;
      decision["wide_bits"] = 8;
      decision["wide_layers"] = mixed.wide_layers;
      details["drop_on_training_samples"] = mixed.drop.points;
      details["interval_of_drop"] = mixed.drop.interval;
    }
    decision["rule"] = chosen.rule;
    decision["window"] = chosen.free_window ? "free" : "published";
    decision["correction"] = name(chosen.correction);
    details["tried"] = tried_details(tried);
    const double search_seconds = watch.seconds();
    const std::string name = fmt::format("{}{}", method, bits);
    add_recipe(name, decision, details, chosen.recipe, chosen.plan, chosen.divergence, search_seconds);

    if (options_.finetune_epochs == 0) return;
    const Finetuned tuned = finetune_quantized(network_, chosen.plan, chosen.recipe, tuned_float_, training_, options_);
    decision["finetune_epochs"] = options_.finetune_epochs;
    details["finetune"] = finetune_details(tuned);
    const double divergence =
        runtime::divergence(judge_.float_logits, selection_logits(network_, tuned.recipe, judge_));
    add_recipe(name + "-tuned", decision, details, tuned.recipe, chosen.plan, divergence, watch.seconds());
  }

  /// Searched once; "ant" and "mixed" start from the same candidates.
  const std::vector<NetworkCandidate>& candidates(const std::string& method, int bits, const Options& options) {
    const std::tuple key{method, bits, options.select};
    if (const auto found = searched_.find(key); found != searched_.end()) return found->second;
    auto& tried = searched_[key] = network_candidates(network_, judge_, method, bits, options);
    for (std::size_t i = 1; i < tried.size(); ++i) tried[i].recipe = {};  // of the others only the figures are told
    return tried;
  }

  void add_recipe(const std::string& name, const Json& decision, const Json& details, const model::Recipe& recipe,
                  const Plan& plan, double divergence, double search_seconds) {
    const model::Model applied = model::apply(model_, recipe);
    Candidate candidate{.name = name, .decision = decision, .details = details};
    add_measured(candidate, measure(applied, name));
    const Widths width = widths(network_, recipe);
    candidate.costs.push_back({"weight_bytes", static_cast<double>(model::weight_bytes(model_, recipe)), "bytes",
                               Better::lower, Provenance::counted});
    candidate.costs.push_back({"weight_bits", width.weight_bits, "bits", Better::lower, Provenance::counted});
    candidate.costs.push_back({"activation_bits", width.activation_bits, "bits", Better::lower, Provenance::counted});
    candidate.costs.push_back({"mse", plan.squared_error(), "", Better::lower, Provenance::measured});
    candidate.costs.push_back({"divergence", divergence, "nats", Better::lower, Provenance::measured});
    candidate.costs.push_back({"search_seconds", search_seconds, "s", Better::lower, Provenance::measured});
    candidate.details["tensors"] = tensor_details(network_, recipe, plan);
    candidate.details["distribution"] = distributions(network_, recipe);
    study_.candidates.push_back(std::move(candidate));
    if (request_.output.empty()) return;
    model::write_recipe(request_.output / name, recipe);
    model::write_onnx(request_.output / name / "model.onnx", applied);
  }

  /// Differences to the other candidates of the same width on the same samples.
  void compare_in_pairs() {
    for (Candidate& a : study_.candidates) {
      if (!right_.contains(a.name)) continue;
      Json pairs = Json::array();
      for (const Candidate& b : study_.candidates) {
        const bool related = b.decision["bits"] == a.decision["bits"] || b.decision["method"] == "float32";
        if (a.name == b.name || !related || !right_.contains(b.name)) continue;
        const auto difference = runtime::paired_difference(right_.at(b.name), right_.at(a.name));
        pairs.push_back({{"against", b.name}, {"points", difference.points}, {"interval", difference.interval}});
      }
      a.details["paired"] = pairs;
    }
  }

  /// The least bytes within one point of float; where none is, the best of the quantised.
  void choose(bool with_accuracy) {
    const char* quality = with_accuracy ? "top1" : "divergence";
    const double sign = with_accuracy ? 1 : -1;
    const auto worth = [&](const Candidate& c) { return sign * c.cost(quality)->value; };
    const Candidate* best = nullptr;
    for (const Candidate& c : study_.candidates) {
      if (c.decision["method"] == "float32" || !c.cost(quality)) continue;
      const bool near = with_accuracy && worth(c) >= worth(study_.candidates[0]) - 1;
      const bool best_near = best && with_accuracy && worth(*best) >= worth(study_.candidates[0]) - 1;
      const bool better = !best || (near && !best_near) ||
                          (near && best_near && c.cost("weight_bytes")->value < best->cost("weight_bytes")->value) ||
                          (!near && !best_near && worth(c) > worth(*best));
      if (better) best = &c;
    }
    study_.chosen = best ? best->name : study_.candidates.empty() ? "" : study_.candidates[0].name;
  }

  const model::Model& model_;
  const io::Dataset& training_;
  const io::Dataset* test_;
  const Request& request_;
  const Options& options_;
  TrainingSamples samples_;
  Calibrated network_;
  Judge judge_;
  model::Model tuned_float_;  // where there is fine-tuning: it teaches the quantised networks
  study::Study study_;
  std::map<std::string, std::vector<bool>> right_;
  std::map<std::tuple<std::string, int, Select>, std::vector<NetworkCandidate>> searched_;
};

}  // namespace

study::Study quantize(const model::Model& model, const io::Dataset& training, const io::Dataset* test,
                      const Request& request) {
  return Verb(model, training, test, request).run();
}

}  // namespace pare::quantize
