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
/// 5); all but attention and every other product (torchtitan's selective checkpointing by operator); whole layers.
enum class Recompute { none, selective, operators, full };

std::string_view name(Recompute recompute);
Recompute parse_recompute(const std::string& name);

/// What the sums of tensor parallelism run beside: nothing; those of gradients beside the gradients of weights; all of
/// them beside the products around them (Transformer Engine's overlapped products).
enum class TensorOverlap { none, weights, all };

std::string_view name(TensorOverlap overlap);
TensorOverlap parse_tensor_overlap(const std::string& name);

/// Where scales of products in 8 bits come from: the largest magnitudes of earlier steps, found while rounding, or
/// those of the numbers to be rounded, which are read once more for them (both of Transformer Engine; torchao has the
/// second).
enum class Scaling { delayed, current };

std::string_view name(Scaling scaling);
Scaling parse_scaling(const std::string& name);

/// What ZeRO stage 3 moves at once: the weights of a layer beside the layer before (FSDP), or each tensor when its
/// module runs, also when that is computed again (DeepSpeed until October 2021, runtime/zero of April 2021).
enum class ShardUnit { layer, tensor };

std::string_view name(ShardUnit unit);
ShardUnit parse_shard_unit(const std::string& name);

struct Strategy {
  int data = 1, tensor = 1, pipeline = 1;
  int context = 1;                 // devices that share every sequence (ring attention)
  int expert = 1;                  // devices of the data and context ranks that share the experts
  int micro_batch = 1, batch = 1;  // samples: of one pass, of one optimizer step over all replicas
  Schedule schedule = Schedule::one_f_one_b;
  int chunks = 1;  // a rank, of the interleaved schedule; two of ZB-V
  Recompute recompute = Recompute::none;
  bool early_stop = false;         // of full recomputation: up to the last thing that backward needs
  bool sequence_parallel = false;  // activations between tensor-parallel parts are spread over them too
  int zero = 0;                    // what replicas share (ZeRO): 1 optimizer state, 2 and gradients, 3 and weights
  int shard = 0;                   // replicas that share it, the others repeat it (hybrid sharding); 0: all
  Precision precision = Precision::bfloat16;  // of products; in 8 bits those of layers, but for attention and routers
  Scaling scaling = Scaling::delayed;         // of products in 8 bits
  Precision weights = Precision::bfloat16;    // as kept
  bool cast_weights = false;                  // to 16 bits before they are gathered (FSDP), not at each product
  Precision gradients = Precision::float32;   // as kept and summed
  bool flash_attention = true;                // scores are never written to memory
  bool fused = true;                          // normalisation, rotary positions and gates are one kernel each
  bool fused_loss = true;                     // one copy of the logits in float32; else torch's cross-entropy
  bool dropout = true;                        // on probabilities and behind attention and feed-forward
  bool overlap_gradients = true;              // gradients are summed, and weights gathered, while something computes
  TensorOverlap tensor_overlap = TensorOverlap::weights;
  bool gather_beside = true;                // weights that ZeRO 1 and 2 gather again arrive while the next batch begins
  ShardUnit shard_unit = ShardUnit::layer;  // of ZeRO stage 3
  bool launch_blocking = false;  // the host waits for every kernel (CUDA_LAUNCH_BLOCKING): nothing runs beside another
  bool post_validation = false;  // ranks of a pipeline step without waiting for each other (Qi et al. 2024, section 4)
  bool scatter_gather = true;    // each tensor rank sends its part to the next stage

  /// Activations are kept and moved in 16 bits beside products in 8. Where weights are kept in float32 and only
  /// products are cast (automatic mixed precision), they are moved in float32.
  Precision activations() const;
  /// Weights as they are gathered and used.
  Precision gathered() const;
  /// Of products that never run in 8 bits: attention's, routers', the head's.
  Precision wide_products() const { return precision == Precision::float8 ? Precision::bfloat16 : precision; }
  /// Bytes of an element that tensor ranks gather as the input of a product.
  double gathered_width() const { return precision == Precision::float8 ? 1 : activation_width(); }
  /// Bytes of an element of activations as kept and sent, and of a logit while the loss is computed.
  double activation_width() const { return precision == Precision::float32 ? 4 : 2; }
  double logit_width() const;
  int devices() const { return data * tensor * pipeline * context; }
  int micro_batches() const { return batch / (data * micro_batch); }
  /// Without a pipeline all schedules are the same.
  Pipeline pipeline_order() const {
    return {.schedule = pipeline > 1 ? schedule : Schedule::one_f_one_b,
            .ranks = pipeline,
            .micro_batches = micro_batches(),
            .chunks = pipeline > 1 ? chunks : 1,
            .apart = post_validation};
  }
  /// Ranks that hold the same weights, and those of them that share what ZeRO shares.
  int replicas() const { return data * context; }
  int shards() const { return shard > 0 ? shard : replicas(); }
  /// Gradients are summed over replicas once a batch, and kept whole until then. Those of a pipeline are so under ZeRO
  /// 2 and 3 too: torch's pipelines hold FSDP's sums back until a stage's last backward pass.
  bool sums_once() const { return zero < 2 || pipeline > 1; }
  /// Of an expert, which only every `expert`-th of the replicas holds; those are not taken apart further.
  int expert_shards() const { return expert > 1 ? replicas() / expert : shards(); }

  /// "d8 t4 p2 b1 1f1b", with what differs from the defaults.
  std::string label() const;
};

/// Throws UsageError, naming the first thing that does not divide or does not fit the cluster.
void check(const Strategy& strategy, const Network& network, const Cluster& cluster);

}  // namespace pare::cluster
