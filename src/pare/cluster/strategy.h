// How a training run is spread over devices.
#pragma once
#include <string>
#include <string_view>

#include "pare/cluster/machine.h"
#include "pare/cluster/network.h"
#include "pare/cluster/operation.h"
#include "pare/cluster/schedule.h"

namespace pare::cluster {

/// What backward computes again instead of keeping: nothing; the core of attention (Korthikanti et al. 2022, section
/// 5); whole layers.
enum class Recompute { none, selective, full };

std::string_view name(Recompute recompute);
Recompute parse_recompute(const std::string& name);

struct Strategy {
  int data = 1, tensor = 1, pipeline = 1;
  int context = 1;                 // devices that share every sequence (ring attention)
  int expert = 1;                  // devices of the data and context ranks that share the experts
  int micro_batch = 1, batch = 1;  // samples: of one pass, of one optimizer step over all replicas
  Schedule schedule = Schedule::one_f_one_b;
  int chunks = 1;  // a rank, of the interleaved schedule
  Recompute recompute = Recompute::none;
  bool sequence_parallel = false;  // activations between tensor-parallel parts are spread over them too
  int zero = 0;                    // what replicas share (ZeRO): 1 optimizer state, 2 and gradients, 3 and weights
  int shard = 0;                   // replicas that share it, the others repeat it (hybrid sharding); 0: all
  Precision precision = Precision::bfloat16;  // of products
  Precision weights = Precision::bfloat16;    // as kept and gathered
  Precision gradients = Precision::float32;   // as kept and summed
  bool flash_attention = true;                // scores are never written to memory
  bool dropout = true;                        // on probabilities and behind attention and feed-forward
  bool overlap_gradients = true;              // buckets of gradients are summed while backward still runs
  bool overlap_tensor = true;                 // gradients of activations are summed beside those of weights
  bool scatter_gather = true;                 // each tensor rank sends its part to the next stage

  int devices() const { return data * tensor * pipeline * context; }
  int micro_batches() const { return batch / (data * micro_batch); }
  Pipeline pipeline_order() const { return {schedule, pipeline, micro_batches(), chunks}; }
  /// Ranks that hold the same weights, and those of them that share what ZeRO shares.
  int replicas() const { return data * context; }
  int shards() const { return shard > 0 ? shard : replicas(); }

  /// "d8 t4 p2 b1 1f1b", with what differs from the defaults.
  std::string label() const;
};

/// Throws UsageError, naming the first thing that does not divide or does not fit the cluster.
void check(const Strategy& strategy, const Network& network, const Cluster& cluster);

}  // namespace pare::cluster
