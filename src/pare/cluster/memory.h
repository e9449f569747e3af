// What training keeps in a device's memory (Korthikanti et al. 2022, section 4; ZeRO, Rajbhandari et al. 2020).
#pragma once
#include "pare/cluster/layer.h"
#include "pare/cluster/transformer.h"

namespace pare::cluster {

/// Bytes a parameter of training with Adam: weights and gradients as the strategy keeps them, and of the optimizer two
/// moments and, where those are not in float32, main copies of weights and gradients, 4 each; less what ZeRO spreads.
double state_bytes_per_parameter(const Strategy& strategy, int shards);

/// Bytes of activations that one layer keeps from its forward to its backward pass for one micro-batch.
double layer_activation_bytes(const Transformer& network, const Strategy& strategy);

struct Memory {
  double state_bytes = 0;       // weights, gradients, optimizer
  double activation_bytes = 0;  // of all micro-batches in flight, at most
  double working_bytes = 0;     // logits, and weights gathered from other replicas
  double total() const { return state_bytes + activation_bytes + working_bytes; }
};

/// Of a device at a rank of the pipeline that holds these parts, [chunk][part].
Memory device_memory(const Strategy& strategy, int rank, const std::vector<std::vector<const Part*>>& chunks);

}  // namespace pare::cluster
