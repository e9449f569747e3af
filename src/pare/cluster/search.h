// The best ways to spread a training run over a cluster.
#pragma once
#include <vector>

#include "pare/cluster/predict.h"

namespace pare::cluster {

struct SearchSpace {
  int batch = 1;
  std::vector<Schedule> schedules{Schedule::one_f_one_b, Schedule::interleaved, Schedule::zb_h1};
  std::vector<Recompute> recomputes{Recompute::none, Recompute::selective, Recompute::full};
  int largest_micro_batch = 16;
  int most_chunks = 4;  // a rank, of the interleaved schedule
  bool flash_attention = true;
};

/// Every strategy for all devices of the cluster whose widths divide what they must, tensor parallelism within a node,
/// with and without a distributed optimizer; sequence parallel wherever tensor parallel. Those of more than a million
/// passes (tiny micro-batches of an enormous batch) are left out.
std::vector<Strategy> strategies(const Network& network, const Cluster& cluster, const SearchSpace& space);

struct Plan {
  Strategy strategy;
  Prediction prediction;
  bool fits = false;
};

/// All strategies of the space that fit the devices' memory, the fastest first, without their timelines; `tried`
/// receives how many were predicted. On all threads; the result does not depend on their number. Throws Error where
/// none fits, with what the smallest needs.
std::vector<Plan> search(const Network& network, const Cluster& cluster, const SearchSpace& space, std::size_t& tried);

}  // namespace pare::cluster
