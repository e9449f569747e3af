// What one device does for one micro-batch in each part of a network: the computation and communication events that a
// strategy is made of.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "pare/cluster/collective.h"
#include "pare/cluster/network.h"
#include "pare/cluster/operation.h"
#include "pare/cluster/strategy.h"

namespace pare::cluster {

/// Ranks that communicate with each other.
enum class Axis { tensor, context, expert, shard };
std::string_view name(Axis axis);

struct Communication {
  CollectiveKind kind = CollectiveKind::all_reduce;
  double bytes = 0;  // of the whole array
  Axis axis = Axis::tensor;
  int count = 1;
  bool hidden = false;  // runs beside the operations of the same work
  bool listed = false;  // takes every rank's share as an array of its own: the device waits while the host copies each
};

struct Work {
  std::vector<Operation> operations;
  std::vector<Communication> communications;
};

/// A piece of a network that a stage may end behind: an embedding, a layer, a head.
struct Part {
  std::string name;
  Work forward, backward, weight;  // backward: gradients of inputs and what is computed again for them
  double parameters = 0;           // of one device, experts apart, before replicas share them
  double shared_parameters = 0;    // of one device: a word embedding that other parts have, too
  double expert_parameters = 0;    // of one device
  double activation_bytes = 0;     // kept from forward to backward, a micro-batch
  double recomputed_bytes = 0;     // of what backward computes again before it uses it
  double logit_bytes = 0;          // kept only within its own passes
  double boundary_bytes = 0;       // of a micro-batch that the next part needs, before tensor ranks share them
  double narrow_bytes = 0;         // that formats narrower than the strategy's save on weights
  double cast_parameters = 0;      // of one device: those that a batch keeps in 8 bits, too
  int tensors = 1;                 // that the parameters are made of
};

/// The parts of a network in their order; equal ones are stored once.
struct Parts {
  std::vector<Part> kinds;
  std::vector<int> order;  // of kinds
  bool alike = true;       // what lies between the first and the last: stages are made equal by number, not by time

  const Part& at(std::size_t i) const { return kinds[static_cast<std::size_t>(order[i])]; }
};

/// What ZeRO gathers and sums of so many parameters within the shards: stage 3 gathers weights before they are used,
/// stages 2 and 3 sum gradients as they appear, but in a pipeline; with overlap the next part's while this one
/// computes. By tensors, stage 3 gathers the weights of each of the part's products, and the host waits for it.
void add_shard_communication(Part& part, const Strategy& strategy, double parameters);

}  // namespace pare::cluster
