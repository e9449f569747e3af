// When every pass of a pipeline starts and ends: its ranks run their passes in order, each as soon as what it needs has
// arrived.
#pragma once
#include <vector>

#include "pare/cluster/schedule.h"

namespace pare::cluster {

struct StageTimes {
  double forward_s = 0;
  double backward_s = 0;  // without the weights' part where the schedule splits it off
  double weight_s = 0;    // only then
};

struct Interval {
  double start_s = 0, end_s = 0;
};

struct TimedPass {
  Pass pass;
  Interval time;
};

struct PipelineTimeline {
  std::vector<std::vector<TimedPass>> ranks;  // [rank], in order; none where passes are not kept
  std::vector<Interval> spans;                // [rank], from its first start to its last end
  double end_s = 0;                           // of the last pass
  /// Largest time over the ranks from its first start to its last end.
  double span_s = 0;

  /// What counts: the last end of all or, where ranks step apart, the largest time of one.
  double length_s(bool apart) const { return apart ? span_s : end_s; }
};

/// The passes of all ranks in their orders, [rank]. Arguments as of run_pipeline.
std::vector<std::vector<Pass>> orders(const Pipeline& pipeline, const std::vector<StageTimes>& times,
                                      const std::vector<double>& transfer_s);

/// What a timeline keeps: every pass, or only the ranks' spans.
enum class Keep { passes, spans };

/// times: [stage], a stage's three durations. transfer_s: [stage], how long activations take from that stage to the
/// next and gradients back; the last is not used. A pass waits for the one before it on its rank, for the activations
/// of the stage before (forward) and the gradients of the stage behind (backward); transfers run beside passes.
PipelineTimeline run_pipeline(const Pipeline& pipeline, const std::vector<StageTimes>& times,
                              const std::vector<double>& transfer_s, Keep keep = Keep::passes);

/// The same with given orders, in which no passes wait for each other.
PipelineTimeline run_orders(const Pipeline& pipeline, const std::vector<std::vector<Pass>>& orders,
                            const std::vector<StageTimes>& times, const std::vector<double>& transfer_s, Keep keep);

}  // namespace pare::cluster
