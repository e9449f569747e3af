#include "pare/cluster/collective.h"

#include <fmt/format.h>

#include <algorithm>

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

Group group_of(int size, int stride, const Cluster& c) {
  const int inside = std::clamp((c.devices_per_node + stride - 1) / stride, 1, size);
  const int nodes = (size + inside - 1) / inside, node_stride = std::max(1, stride / c.devices_per_node);
  const int below = c.fabric.leaf_nodes > 0 ? std::clamp(c.fabric.leaf_nodes / node_stride, 1, nodes) : nodes;
  return {size, inside, nodes, std::min(stride, c.devices_per_node), below};
}

Distance distance(int from, int to, const Cluster& c) {
  if (from / c.devices_per_node == to / c.devices_per_node) return Distance::node;
  return c.leaf_of(from) == c.leaf_of(to) ? Distance::leaf : Distance::spine;
}

}  // namespace pare::cluster
