#include "pare/runtime/verb.h"

#include <ATen/Parallel.h>

#include <algorithm>

#include "pare/base/stopwatch.h"
#include "pare/model/count.h"
#include "pare/model/fuse.h"
#include "pare/runtime/evaluate.h"
#include "pare/runtime/memory.h"

namespace pare::runtime {

using study::Better;
using study::Provenance;

study::Study evaluate(const model::Model& model, const model::Recipe* recipe, const io::Dataset& data,
                      const EvaluateOptions& options) {
  const std::size_t count = options.samples ? std::min(options.samples, data.size()) : data.size();
  const Executor network(model::fuse(recipe ? model::apply(model, *recipe) : model));
  reset_peak_memory();
  const Stopwatch watch;
  const at::Tensor answers = logits(network, data, 0, count, options.batch);
  const double seconds = watch.seconds();

  study::Study study{.verb = "evaluate", .workload = {"network", model.name, model.hash}};
  study.conditions = {{"device", "cpu"},        {"threads", at::get_num_threads()},
                      {"data", data.name()},    {"samples", count},
                      {"batch", options.batch}, {"spread_is", "half-width of the 95 % interval"}};
  study::Candidate candidate{.name = recipe ? "recipe" : "float32"};
  candidate.decision = {{"method", recipe ? recipe->method : "float32"}};
  if (!data.labels().empty()) {
    const Accuracy a = accuracy(answers, data.labels());
    candidate.costs = costs(a);
  }
  const double weight_bytes = recipe ? static_cast<double>(model::weight_bytes(model, *recipe))
                                     : static_cast<double>(model::count(model).weight_bytes);
  candidate.costs.push_back({"samples", static_cast<double>(count), "", Better::higher, Provenance::counted});
  candidate.costs.push_back({"seconds", seconds, "s", Better::lower, Provenance::measured});
  candidate.costs.push_back({"weight_bytes", weight_bytes, "bytes", Better::lower, Provenance::counted});
  candidate.costs.push_back(
      {"peak_bytes", static_cast<double>(peak_memory_bytes()), "bytes", Better::lower, Provenance::measured});
  study.chosen = candidate.name;
  study.candidates.push_back(std::move(candidate));
  study::mark_front(study);
  return study;
}

}  // namespace pare::runtime
