// Times of transfers and collectives by latency and bandwidth (docs/cluster.md has the formulas and their sources).
#pragma once
#include "pare/cluster/machine.h"

namespace pare::cluster {

enum class CollectiveKind { all_reduce, all_gather, reduce_scatter };

/// Ranks that take part: how many in each node, in how many nodes, and how many such groups share a node's link at
/// once.
struct Group {
  int inside = 1, nodes = 1;
  int sharing = 1;  // groups of the same node whose transfers across nodes run together

  int size() const { return inside * nodes; }
};

/// Time of a collective over `bytes`, the size of the whole array: ring inside a node; across nodes a ring between them
/// of each member's part, between a reduce-scatter and an all-gather inside.
double collective_s(CollectiveKind kind, double bytes, const Group& group, const Cluster& cluster);

/// Time of a message from one device to another, `sharing` of them leaving the node at once.
double transfer_s(double bytes, bool across_nodes, int sharing, const Cluster& cluster);

}  // namespace pare::cluster
