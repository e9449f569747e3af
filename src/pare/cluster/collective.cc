#include "pare/cluster/collective.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "pare/base/error.h"
#include "pare/cluster/names.h"

namespace pare::cluster {
namespace {

constexpr std::array<std::string_view, 6> names{"all-reduce", "all-gather", "reduce-scatter",
                                                "all-to-all", "exchange",   "send"};

}  // namespace

std::string_view name(CollectiveKind kind) { return names[static_cast<std::size_t>(kind)]; }

CollectiveKind parse_collective(const std::string& name, const std::string& where) {
  const auto found = find_name<CollectiveKind>(names, name);
  if (!found)
    throw Error(fmt::format("knows no collective '{}'", printable(name)), where,
                fmt::format("the kinds are {}", fmt::join(names, ", ")));
  return *found;
}

Group group_of(int size, int stride, const Cluster& c) {
  const int inside = std::clamp((c.devices_per_node + stride - 1) / stride, 1, size);
  return {size, inside, (size + inside - 1) / inside, std::min(stride, c.devices_per_node)};
}

}  // namespace pare::cluster
