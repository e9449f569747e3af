// The operations of one transformer layer, of the embedding and of the head, on one device and one micro-batch: the
// computation and communication events that a strategy is made of.
#pragma once
#include <vector>

#include "pare/cluster/collective.h"
#include "pare/cluster/strategy.h"

namespace pare::cluster {

/// One kernel, or `count` equal ones.
struct Operation {
  double flops = 0;  // of matrix products; 0 for one that only moves memory
  double bytes = 0;  // read and written
  int count = 1;
};

struct Work {
  std::vector<Operation> operations;
  double collective_bytes = 0;  // of the tensor-parallel group, each
  int collectives = 0;
};

/// A pass of a part of the network. backward: of inputs; weight: of weights.
struct PartWork {
  Work forward, backward, weight;
};

PartWork layer_work(const Transformer& network, const Strategy& strategy);
PartWork embedding_work(const Transformer& network, const Strategy& strategy);
PartWork head_work(const Transformer& network, const Strategy& strategy);

/// Time of one kernel by the device's description: the longer of arithmetic and memory, at least a launch.
double operation_s(const Operation& operation, const Device& device);

struct WorkTime {
  double compute_s = 0, communication_s = 0;
  double total() const { return compute_s + communication_s; }
  WorkTime& operator+=(const WorkTime& other);
};
WorkTime operator*(double times, const WorkTime& time);

WorkTime work_s(const Work& work, const Group& tensor_group, const Cluster& cluster);

}  // namespace pare::cluster
