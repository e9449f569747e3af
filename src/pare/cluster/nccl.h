// Collectives as NCCL runs them: by the algorithm and protocol that are fastest for the size.
#pragma once
#include "pare/cluster/collective.h"

namespace pare::cluster {

/// Seconds of a collective over `bytes`, the whole array (of all_to_all: what one rank has). Rings, and for all-reduces
/// across nodes trees, each under the protocols LL, LL128 and Simple: latency of its steps and bytes over bandwidth.
/// Factors between the protocols' latencies are NCCL's (github.com/NVIDIA/nccl, src/graph/tuning.cc); the cluster's
/// description has the latencies of Simple's steps and the bandwidths. Groups of one node share its link.
double nccl_s(CollectiveKind kind, double bytes, const Group& group, const Cluster& cluster);

}  // namespace pare::cluster
