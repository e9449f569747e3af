// Orders kept on disk between runs: finding one can cost as much as hundreds of aggregations.
#pragma once
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "pare/graph/order.h"

namespace pare::graph {

/// $PARE_CACHE, else $XDG_CACHE_HOME/pare, else ~/.cache/pare; nothing where PARE_CACHE is "off" or no home is known.
std::optional<std::filesystem::path> cache_folder();

/// 16 hexadecimal digits of the structure: where rows begin, and the columns; weights are no part of it.
std::string structure_hash(const Adjacency& a);

struct CachedOrder {
  std::vector<std::int32_t> new_of;
  bool found = false;  // on disk: nothing was computed
};
/// As order_of. What takes time to compute is looked for in the cache and put there. A file that is damaged, or is no
/// order of these vertices, is ignored and written anew; a cache that cannot be written is left alone.
CachedOrder cached_order_of(const Adjacency& a, Order order, const OrderOptions& options = {});

}  // namespace pare::graph
