// The best ways to spread a training run over a cluster.
#pragma once
#include <cstddef>
#include <string>
#include <vector>

#include "pare/cluster/predict.h"

namespace pare::cluster {

/// time: of a batch; money: device-seconds of a batch, also on fewer nodes; memory: of the fullest device. What is
/// equal is told apart by memory, of memory by time.
enum class Objective { time, money, memory };

std::string_view name(Objective objective);
/// Throws UsageError for another name.
Objective parse_objective(const std::string& name);

struct SearchSpace {
  int batch = 1;
  Objective objective = Objective::time;
  // those whose orders follow from the times have to be made first: they are searched where they are asked for
  std::vector<Schedule> schedules{Schedule::gpipe, Schedule::one_f_one_b, Schedule::interleaved,
                                  Schedule::zb_h1, Schedule::zb_h2,       Schedule::zb_v};
  std::vector<Recompute> recomputes{Recompute::none, Recompute::selective, Recompute::full};
  std::vector<int> zeros{0, 1, 2, 3};
  int largest_micro_batch = 16;
  int most_chunks = 4;           // a rank, of the interleaved schedule
  int least_part_tokens = 4096;  // of a sequence, that context parallelism leaves a device
  Strategy training;             // gives what is not searched: precisions, attention, dropout, what overlaps
};

/// Every strategy of the space whose widths divide what they must: for all devices of the cluster, of the objective
/// money also for a divisor of its nodes. Tensor parallelism stays within a node, with sequence
/// parallelism and without; the experts' width divides them; interleaved stages and those of ZB-V divide the layers, or
/// layers, embedding and head. ZeRO shares with all replicas, or with those of whole nodes. Stage 2 is not looked at in
/// a pipeline, where it is as stage 1. Those of more than a million passes (tiny micro-batches of an enormous batch)
/// are left out.
std::vector<Strategy> strategies(const Network& network, const Cluster& cluster, const SearchSpace& space);

struct Plan {
  Strategy strategy;
  Prediction prediction;
};

struct Search {
  std::vector<Plan> best;    // at most ten, the best first; that one with its timeline
  Plan worst;                // of those that fit; the last of `best` where they are few
  std::size_t tried = 0;     // strategies of the space
  std::size_t unknown = 0;   // that need events which the profile has not
  std::size_t feasible = 0;  // that fit the devices' memory
  std::size_t run = 0;       // whose pipelines were run: bounds ruled out the others
};

/// The same plans as running every strategy would find. On all threads; the result does not depend on their number.
/// Throws UsageError where the space is empty, Error where nothing fits, with what the smallest needs, NotProfiled
/// where the profile suffices for no strategy.
Search search(const Network& network, const Cluster& cluster, const SearchSpace& space, const Costs& costs);

}  // namespace pare::cluster
