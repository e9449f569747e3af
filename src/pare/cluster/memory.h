// What training keeps in a device's memory (Korthikanti et al. 2022, section 4; ZeRO, Rajbhandari et al. 2020).
#pragma once
#include "pare/cluster/strategy.h"

namespace pare::cluster {

/// Bytes a parameter of 16-bit training with Adam: weights 2, gradients in float32 4, and 12 of the optimizer (main
/// copy and two moments, 4 each), which a distributed optimizer spreads over the replicas.
double state_bytes_per_parameter(const Strategy& strategy);

/// Bytes of activations that one layer keeps from its forward to its backward pass for one micro-batch, 16-bit, dropout
/// masks kept.
double layer_activation_bytes(const Transformer& network, const Strategy& strategy);

struct Memory {
  double state_bytes = 0;       // weights, gradients, optimizer
  double activation_bytes = 0;  // of all micro-batches in flight, at most
  double head_bytes = 0;        // logits and their gradient
  double total() const { return state_bytes + activation_bytes + head_bytes; }
};

/// Of a device at a rank of the pipeline; layers: on that rank.
Memory device_memory(const Transformer& network, const Strategy& strategy, int rank, std::int64_t layers);

/// Parameters of one device at a rank with that many layers.
double device_parameters(const Transformer& network, const Strategy& strategy, int rank, std::int64_t layers);

}  // namespace pare::cluster
