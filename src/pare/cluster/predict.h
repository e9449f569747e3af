// The time, memory and activity of every device under a strategy, level by level: the operations of a layer and the
// collectives inside it (tensor parallel), the passes of a pipeline (pipeline parallel), the sum of gradients over
// replicas (data parallel). DistSim, section 4.
#pragma once
#include <string>
#include <vector>

#include "pare/cluster/costs.h"
#include "pare/cluster/memory.h"
#include "pare/cluster/pipeline.h"
#include "pare/study/study.h"

namespace pare::cluster {

/// One rank of the pipeline; all its data and tensor ranks do the same.
struct RankActivity {
  std::int64_t parts = 0;
  double compute_s = 0;            // passes and optimizer, without communication
  double communication_s = 0;      // of collectives inside passes, not hidden behind computation
  double gradients_s = 0;          // the collectives of data parallelism, hidden or not
  double exposed_gradients_s = 0;  // what of them lies behind the last pass, or holds up the next batch's first
  double idle_s = 0;               // the rest of the batch
  Memory memory;
};

/// What is known of a strategy before its pipeline runs: all but when the ranks' passes end.
struct Outline {
  Pipeline pipeline;
  std::vector<StageTimes> times;    // [stage]
  std::vector<double> transfer_s;   // [stage], to the next
  std::vector<RankActivity> ranks;  // without idle_s
  std::vector<Interval> gradients;  // [rank], from the end of its last pass
  std::vector<double> gathers_s;    // [rank], that its first pass of the next batch is late for weights
  double optimizer_s = 0, step_s = 0;
  bool measured = false;

  double peak_bytes() const;
  /// From when each rank's last pass ends: the optimizer's step behind the sums of gradients, of its own where ranks
  /// step apart, else of all.
  std::vector<Interval> optimizers(const std::vector<double>& ends) const;
  /// From the start of a batch to that of the next, of the rank where it is longest.
  double batch_time_s(const std::vector<double>& ends) const;
  /// At most, where no rank's passes take longer than this from its first start to its last end.
  double latest_batch_time_s(double longest_s) const;
};

struct Prediction {
  double batch_time_s = 0;
  double bubble_share = 0;  // of the pipeline's span, idle and waiting for transfers, mean over the ranks
  std::vector<RankActivity> ranks;
  PipelineTimeline timeline;
  std::vector<Interval> gradients;   // [rank], of the collectives of data parallelism
  std::vector<Interval> optimizers;  // [rank]
  std::vector<double> gathers_s;     // [rank], as of the outline
  bool measured = false;             // computation by a profile

  double peak_bytes() const;
  double exposed_communication_s() const;  // of the rank where it is largest
};

/// Where each stage of a pipeline begins in the network's parts: as many layers each as they go, the middle stages
/// taking what is left over; the first has the embedding, the last the head too.
std::vector<std::size_t> stage_starts(std::size_t layers, int stages);

/// The strategy has been checked.
Outline outline(const Network& network, const Strategy& strategy, const Cluster& cluster, const Costs& costs);
Prediction predict(const Outline& outline, Keep keep = Keep::passes);
Prediction predict(const Network& network, const Strategy& strategy, const Cluster& cluster, const Costs& costs);

/// By the cluster's description.
Prediction predict(const Network& network, const Strategy& strategy, const Cluster& cluster);

/// What of a batch goes to equal events on a device of one rank.
struct EventTime {
  std::string event;  // Operation::key, a collective with its bytes and ranks, or what comes once a batch, in words
  double count = 0;   // a batch
  double seconds = 0;
  bool hidden = false;  // begun beside computation: only what is left of it behind that takes time of its own
};

/// The longest first: operations and collectives. Not among them are messages between stages, what a pass and a step
/// cost beyond kernels, the host's time where it is longer, and what is lost to sharing the device.
std::vector<EventTime> event_times(const Network& network, const Strategy& strategy, const Cluster& cluster,
                                   const Costs& costs, int rank);

/// A candidate of the study of `pare cluster`: the design's costs, devices as details, and where the prediction has its
/// passes the timeline.
study::Candidate to_candidate(const Network& network, const Strategy& strategy, const Cluster& cluster,
                              const Prediction& prediction);

/// What a drawing can show of the timeline, of at most 12 ranks: {"unit_s", "pipeline_ranks",
/// "rows": [{"rank", "kinds": "FBW", "micro_batches", "starts", "ends", "gradients": [from, to], "optimizer": the
/// same}]}, times in units of unit_s. Passes shorter than a 150th of the batch are gathered, their micro-batch is -1.
study::Json timeline_details(const Prediction& prediction);

/// The timeline of one replica as Chrome trace JSON, a process a rank of the pipeline; opens in Perfetto.
std::string to_trace(const Strategy& strategy, const Prediction& prediction);

}  // namespace pare::cluster
