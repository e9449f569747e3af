#include "pare/cluster/collective.h"

namespace pare::cluster {
namespace {

/// One pass around a ring of n: n - 1 steps, each moving 1/n of the bytes. A reduce-scatter and an all-gather are one,
/// an all-reduce is two.
double ring_pass(double bytes, int n, double latency_s, double bandwidth) {
  return n <= 1 ? 0 : (n - 1) * (latency_s + bytes / n / bandwidth);
}

}  // namespace

double collective_s(CollectiveKind kind, double bytes, const Group& group, const Cluster& c) {
  const int passes = kind == CollectiveKind::all_reduce ? 2 : 1;
  const double inside = ring_pass(bytes, group.inside, c.inside.latency_s, c.inside.bandwidth);
  // every member of a node carries its part across, and all groups of the node together have the node's link
  const double across = ring_pass(bytes / group.inside, group.nodes, c.across.latency_s,
                                  c.across.bandwidth / (group.inside * group.sharing));
  return passes * (inside + across);
}

double transfer_s(double bytes, bool across_nodes, int sharing, const Cluster& c) {
  if (!across_nodes) return c.inside.latency_s + bytes / c.inside.bandwidth;
  return c.across.latency_s + bytes * sharing / c.across.bandwidth;
}

}  // namespace pare::cluster
