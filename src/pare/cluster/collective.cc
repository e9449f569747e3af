#include "pare/cluster/collective.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <vector>

#include "pare/base/error.h"
#include "pare/cluster/names.h"

namespace pare::cluster {

std::string_view name(CollectiveKind kind) { return collective_names[static_cast<std::size_t>(kind)]; }

CollectiveKind parse_collective(const std::string& name, const std::string& where) {
  const auto found = find_name<CollectiveKind>(collective_names, name);
  if (!found)
    throw Error(fmt::format("knows no collective '{}'", printable(name)), where,
                fmt::format("the kinds are {}", fmt::join(collective_names, ", ")));
  return *found;
}

namespace {

/// Where groups straddle the nodes' bounds: all of them, until they lie as the first ones again.
Group widest_group(int size, int stride, int beginning, const Cluster& c) {
  const std::int64_t span = 1LL * size * stride, per_node = c.devices_per_node;
  const std::int64_t again = std::lcm(span, per_node * std::max(1, c.fabric.leaf_nodes));
  const std::int64_t devices = std::max(span, std::min<std::int64_t>(c.devices(), again));
  Group widest{.size = size, .inside = 0, .nodes = 0};
  std::vector<int> crossing(static_cast<std::size_t>((devices + per_node - 1) / per_node), 0);  // groups, of a node
  std::map<int, int> leaving;                                                                   // edges, of a leaf
  std::vector<std::size_t> nodes;
  const auto leaf_of_node = [&](std::size_t node) { return c.leaf_of(static_cast<int>(node) * c.devices_per_node); };
  for (std::int64_t first = 0; first + span <= devices; first += span)
    for (std::int64_t begin = first; begin < first + beginning; ++begin) {
      nodes.clear();
      int inside = 0, most = 0;
      for (std::int64_t device = begin; device < begin + span; device += stride) {
        const auto node = static_cast<std::size_t>(device / per_node);
        if (nodes.empty() || nodes.back() != node) nodes.push_back(node), inside = 0;
        most = std::max(most, ++inside);
      }
      const auto count = static_cast<int>(nodes.size());
      if (std::pair(count, most) > std::pair(widest.nodes, widest.inside)) widest.nodes = count, widest.inside = most;
      if (count == 1) continue;
      for (std::size_t i = 0; i < nodes.size(); ++i) {
        ++crossing[nodes[i]];
        const int leaf = leaf_of_node(nodes[i]);
        if (leaf != leaf_of_node(nodes[(i + 1) % nodes.size()])) ++leaving[leaf];
      }
    }
  for (const auto& [leaf, edges] : leaving)
    widest.climbs = std::max(widest.climbs, static_cast<double>(edges) / c.fabric.leaf_nodes);
  widest.sharing = std::max(1, *std::ranges::max_element(crossing));
  return widest;
}

}  // namespace

Group group_of(int size, int stride, const Cluster& c) { return group_of(size, stride, stride, c); }

Group group_of(int size, int stride, int beginning, const Cluster& c) {
  const int per_node = c.devices_per_node;
  const std::int64_t span = 1LL * size * stride;
  Group group{.size = size};
  const bool regular =
      (per_node % stride == 0 || stride % per_node == 0) && (span % per_node == 0 || per_node % span == 0);
  if (regular) {
    group.inside = std::clamp(per_node / stride, 1, size);
    group.nodes = size / group.inside;
    group.sharing = std::min(beginning, per_node);
  } else {
    group = widest_group(size, stride, beginning, c);
  }
  const int node_stride = std::max(1, stride / per_node);
  group.below = c.fabric.leaf_nodes > 0 ? std::clamp(c.fabric.leaf_nodes / node_stride, 1, group.nodes) : group.nodes;
  // a ring leaves a leaf switch once
  if (regular && group.below < group.nodes) group.climbs = static_cast<double>(group.sharing) / group.below;
  return group;
}

Distance distance(int from, int to, const Cluster& c) {
  if (from / c.devices_per_node == to / c.devices_per_node) return Distance::node;
  return c.leaf_of(from) == c.leaf_of(to) ? Distance::leaf : Distance::spine;
}

}  // namespace pare::cluster
