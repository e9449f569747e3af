// How a training run is spread over devices.
#pragma once
#include <string>
#include <string_view>

#include "pare/cluster/machine.h"
#include "pare/cluster/schedule.h"
#include "pare/cluster/transformer.h"

namespace pare::cluster {

/// What backward computes again instead of keeping: nothing; the core of attention (Korthikanti et al. 2022, section
/// 5); whole layers.
enum class Recompute { none, selective, full };

std::string_view name(Recompute recompute);
Recompute parse_recompute(const std::string& name);

struct Strategy {
  int data = 1, tensor = 1, pipeline = 1;
  int micro_batch = 1, batch = 1;  // samples: of one pass, of one optimizer step over all replicas
  Schedule schedule = Schedule::one_f_one_b;
  int chunks = 1;  // a rank, of the interleaved schedule
  Recompute recompute = Recompute::none;
  bool sequence_parallel = false;      // activations between tensor-parallel parts are spread over them too
  bool distributed_optimizer = false;  // ZeRO stage 1: each replica keeps a part of the optimizer's state
  bool flash_attention = true;         // scores are never written to memory
  bool overlap_gradients = true;       // buckets of gradients are summed while backward still runs

  int devices() const { return data * tensor * pipeline; }
  int micro_batches() const { return batch / (data * micro_batch); }
  Pipeline pipeline_order() const { return {schedule, pipeline, micro_batches(), chunks}; }

  /// "d8 t4 p2 b1 1f1b", with what differs from the defaults.
  std::string label() const;
};

/// Throws UsageError, naming the first thing that does not divide or does not fit the cluster.
void check(const Strategy& strategy, const Transformer& network, const Cluster& cluster);

}  // namespace pare::cluster
