#include "pare/trace/study.h"

#include <string>
#include <vector>

namespace pare::trace {
namespace {

study::Json to_json(const Times& times) {
  return {{"median_s", times.median}, {"least_s", times.least}, {"total_s", times.total}};
}

}  // namespace

study::Candidate to_candidate(const Trace& trace) {
  study::Candidate candidate{.name = "traced"};
  double operators_s = 0, collectives_s = 0;
  auto operators = study::Json::array(), collectives = study::Json::array();
  for (const OperatorTimes& one : operator_times(trace)) {
    operators_s += one.own.total;
    operators.push_back({{"name", trace.texts[one.signature.name]},
                         {"shapes", trace.texts[one.signature.shapes]},
                         {"types", trace.texts[one.signature.types]},
                         {"phase", name(one.signature.phase)},
                         {"count", one.own.count},
                         {"own", to_json(one.own)},
                         {"whole", to_json(one.whole)}});
  }
  for (const CollectiveTimes& one : collective_times(trace.collectives)) {
    collectives_s += one.times.total;
    collectives.push_back({{"kind", name(one.kind)},
                           {"bytes", one.bytes},
                           {"ranks", one.group_size},
                           {"count", one.times.count},
                           {"seen_by_one_rank", one.alone},
                           {"time", to_json(one.times)}});
  }
  candidate.costs = {{.name = "operators_s", .value = operators_s, .unit = "s"},
                     {.name = "collectives_s", .value = collectives_s, .unit = "s"}};
  candidate.details = {{"times_of", trace.kernels > 0 ? "kernels" : "cpu"},
                       {"kernels", trace.kernels},
                       {"kernels_without_operator", trace.kernels_alone},
                       {"collectives_without_size", trace.nameless},
                       {"dependencies_not_there", trace.dropped},
                       {"events_without_time", trace.untimed},
                       {"operators", std::move(operators)},
                       {"collectives", std::move(collectives)}};
  return candidate;
}

}  // namespace pare::trace
