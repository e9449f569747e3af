// What products in 8 bits need beside themselves: Transformer Engine rounds every input, weight and gradient with a
// scale of its own, and, as Hopper multiplies 8 bits in one layout only, keeps a transposed copy of each for the
// gradients. Sources: NVIDIA/TransformerEngine v0.10, pytorch/module/linear.py and base.py (_Linear,
// grad_output_preprocess).
//
// Not modelled: rounding inside a normalisation or an activation (a read less), scales' own updates, which are a few
// numbers a module, and the sums of 8-bit products in two steps (its split accumulator).
#pragma once
#include <vector>

#include "pare/cluster/operation.h"
#include "pare/cluster/strategy.h"

namespace pare::cluster {

/// How the tensor ranks share a product under sequence parallelism: each has whole rows; inputs are gathered; outcomes
/// are scattered.
enum class Shared { no, gathered, scattered };

struct Casts {
  std::vector<Operation> forward, backward, weight;
  double kept_parameters = 0;  // whose copies in 8 bits a batch keeps
};

/// Adds what one micro-batch does for a product of the forward pass; nothing unless it is in 8 bits.
void add_casts(Casts& casts, const Operation& product, Shared shared, const Strategy& strategy);

/// Of weights: a copy in 8 bits and its transposed one. Megatron-LM tells its layers which micro-batch is a batch's
/// first (is_first_microbatch), and both are kept for the others; where weights are gathered for each pass they are
/// cast in each.
std::vector<Operation> weight_casts(std::int64_t parameters, const Strategy& strategy);
bool casts_weights_each_pass(const Strategy& strategy);

}  // namespace pare::cluster
