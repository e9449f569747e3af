#include "pare/cluster/nccl.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace pare::cluster {
namespace {

/// Against Simple: latency of the call and of a step of a ring or a tree inside a node and across, and bandwidth.
struct Protocol {
  double call, ring_inside, ring_across, tree_inside, tree_across, bandwidth;
};

constexpr std::array<Protocol, 3> protocols{{{6.6 / 8.4, 0.6 / 3.4, 2.7 / 14, 0.6 / 3.4, 5.0 / 14, 0.5},
                                             {14 / 8.4, 1.9 / 3.4, 4.0 / 14, 1.25 / 3.4, 8.5 / 14, 0.92},
                                             {1, 1, 1, 4.0 / 3.4, 1, 1}}};

/// Of one device: what the slower of its links gives it while the other groups use theirs.
double ring_bandwidth(const Group& group, const Cluster& c) {
  if (group.nodes == 1) return c.inside.bandwidth;
  const double busiest = std::max<double>(group.sharing, group.climbs * c.fabric.oversubscription);
  return std::min(c.inside.bandwidth, c.across.bandwidth / busiest);
}

double all_to_all_s(double bytes, const Group& group, const Cluster& c) {
  const double n = group.size, each = bytes / n;
  const double far = each * (n - group.inside);  // leaves the node
  // on rails what is for another number first goes to that one's neighbour at home
  const double turned = c.fabric.topology == Topology::rail ? far * (group.inside - 1) / group.inside : 0;
  const double inside = (each * (group.inside - 1) + turned) / c.inside.bandwidth;
  const double climbing = group.nodes > 1 ? double(group.nodes - group.below) / (group.nodes - 1) : 0;
  // what climbs over the leaves' uplinks takes longer
  const double across =
      far * group.inside * group.sharing / c.across.bandwidth * std::max(1.0, climbing * c.fabric.oversubscription);
  const double latency = group.nodes > 1 ? c.across.latency_s : c.inside.latency_s;
  return c.call_s + latency + std::max(inside, across);
}

}  // namespace

double nccl_s(CollectiveKind kind, double bytes, const Group& group, const Cluster& c) {
  const double n = group.size;
  if (n <= 1 || bytes <= 0) return 0;
  if (kind == CollectiveKind::all_to_all) return all_to_all_s(bytes, group, c);
  const bool reduce = kind == CollectiveKind::all_reduce;
  const double passes = reduce ? 2 : 1;  // around the ring
  const double across = group.nodes > 1 ? passes * (group.nodes - 1) : 0, inside = passes * (n - 1) - across;
  const double bandwidth = ring_bandwidth(group, c);
  double best = INFINITY;
  for (const Protocol& p : protocols) {
    const double ring = c.call_s * p.call + inside * p.ring_inside * c.inside.latency_s +
                        across * p.ring_across * c.across.latency_s +
                        passes * (n - 1) / n * bytes / (bandwidth * p.bandwidth);
    best = std::min(best, ring);
    if (!reduce || group.nodes == 1) continue;
    const double levels = std::log2(group.nodes);
    const double tree = c.call_s * p.call + 2 * (group.inside - 1) * p.tree_inside * c.inside.latency_s +
                        2 * levels * p.tree_across * c.across.latency_s + 2 * bytes / (bandwidth * p.bandwidth);
    best = std::min(best, tree);
  }
  return best;
}

}  // namespace pare::cluster
