// Between which times a pipeline ends, from its stages' durations alone: what a search may skip without running it.
#pragma once
#include <vector>

#include "pare/cluster/pipeline.h"

namespace pare::cluster {

/// The earliest that each rank's last pass can end, [rank]. A rank cannot start before the ranks in front of it, does
/// all its passes, waits for the first gradient to come back, and its last gradient has yet to reach the ranks in
/// front. Exact for equal stages and free transfers, where backward passes are not split.
/// Arguments as of run_pipeline.
std::vector<double> least_ends(const Pipeline& pipeline, const std::vector<StageTimes>& times,
                               const std::vector<double>& transfer_s);

/// The latest that any pass can end: the schedule's closed form with the longest of all stages everywhere, their ranks
/// idle while they send. Where ranks step apart, the longest that any of them can take.
double latest_end(const Pipeline& pipeline, const std::vector<StageTimes>& times,
                  const std::vector<double>& transfer_s);

}  // namespace pare::cluster
