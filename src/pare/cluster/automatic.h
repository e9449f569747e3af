// Orders of passes that follow from the times of the stages: ZB-1p and ZB-2p (Qi et al. 2024, section 3.1).
//
// A pipeline is run forwards in rounds of one forward and one backward pass a rank; weights' passes fill gaps and make
// room below the limit of activations. Where the rule leaves a choice every combination is tried, and ZB-H1 and ZB-H2
// beside them; the one is taken that ends first or, where ranks step apart, whose slowest rank takes least from its
// first start to its last end, as the authors do. So, with the stage times of the paper's table 9, its bubble rates are
// those of table 5, to four digits.
#pragma once
#include <vector>

#include "pare/cluster/pipeline.h"

namespace pare::cluster {

/// [rank]. The pipeline's schedule is one by times; the other arguments as of run_pipeline.
std::vector<std::vector<Pass>> automatic_orders(const Pipeline& pipeline, const std::vector<StageTimes>& times,
                                                const std::vector<double>& transfer_s);

}  // namespace pare::cluster
