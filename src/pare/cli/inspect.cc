#include "pare/cli/inspect.h"

#include "pare/model/count.h"

namespace pare::cli {

using study::Better;
using study::Provenance;

study::Study inspect(const model::Model& model) {
  const model::Counts counts = model::count(model);
  study::Study study{.verb = "inspect", .workload = {"network", model.name, model.hash}};
  study::Candidate candidate{.name = "float32"};
  candidate.decision = {{"method", "float32"}};
  candidate.costs = {
      {"parameters", static_cast<double>(counts.parameters), "parameters", Better::lower, Provenance::counted},
      {"macs", static_cast<double>(counts.macs), "MACs", Better::lower, Provenance::counted},
      {"weight_bytes", static_cast<double>(counts.weight_bytes), "bytes", Better::lower, Provenance::counted}};
  study::Json layers = study::Json::array(), tensors = study::Json::array();
  for (const auto& layer : counts.layers)
    layers.push_back({{"name", layer.name},
                      {"op", model::name(layer.op)},
                      {"inputs", layer.input},
                      {"outputs", layer.output},
                      {"macs", layer.macs},
                      {"parameters", layer.parameters}});
  for (const auto& value : model.values)
    if (value.shape_known)
      tensors.push_back({{"name", value.name},
                         {"type", model::name(value.type)},
                         {"shape", model::to_string(value.shape)},
                         {"constant", value.constant != nullptr}});
  candidate.details = {{"layers", layers}, {"tensors", tensors}};
  study.chosen = candidate.name;
  study.candidates.push_back(std::move(candidate));
  study::mark_front(study);
  return study;
}

}  // namespace pare::cli
