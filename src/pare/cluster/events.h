// The unique events that a strategy is made of: what has to be profiled for it.
#pragma once
#include <map>
#include <set>
#include <string>

#include "pare/cluster/costs.h"
#include "pare/cluster/strategy.h"

namespace pare::cluster {

struct Events {
  std::map<std::string, Operation> operations;             // by Operation::key
  std::map<CollectiveKind, std::set<double>> collectives;  // bytes that two ranks move for them; sends too
};

/// All that a prediction of the strategy asks the cost of. nccl: what two ranks move who are to stand for more by
/// ProfiledCosts over NCCL; else over Gloo.
Events events(const Network& network, const Strategy& strategy, const Cluster& cluster, bool nccl = false);

}  // namespace pare::cluster
