// Reverse Cuthill-McKee (Cuthill and McKee 1969, George 1971): components from those of least degree, each from an end
// of it (George and Liu's search for a pseudo-peripheral vertex, 1979), level by level, neighbours of small degree
// first.
#include <algorithm>

#include "pare/graph/orders.h"

namespace pare::graph {
namespace {

class Search {
 public:
  explicit Search(const Adjacency& a) : a_(a), seen_(static_cast<std::size_t>(a.rows()), 0) {}

  std::int64_t degree(std::int32_t v) const { return a_.begin[v + 1] - a_.begin[v]; }

  /// How many levels lie beyond `start`, and the vertex of least degree in the last of them.
  std::int64_t levels(std::int32_t start, std::int32_t& farthest) {
    ++round_;
    queue_.assign(1, start);
    seen_[start] = round_;
    std::int64_t depth = 0;
    std::size_t level = 0;
    while (true) {
      const std::size_t end = queue_.size();
      for (std::size_t i = level; i < end; ++i)
        for (std::int64_t e = a_.begin[queue_[i]]; e < a_.begin[queue_[i] + 1]; ++e)
          if (seen_[a_.column[e]] != round_) {
            seen_[a_.column[e]] = round_;
            queue_.push_back(a_.column[e]);
          }
      if (queue_.size() == end) break;
      level = end;
      ++depth;
    }
    farthest = *std::min_element(queue_.begin() + static_cast<std::ptrdiff_t>(level), queue_.end(),
                                 [&](std::int32_t u, std::int32_t v) { return degree(u) < degree(v); });
    return depth;
  }

  /// Few searches suffice; their number is bounded, so that the cost stays linear.
  std::int32_t end_of_component(std::int32_t start) {
    std::int32_t next;
    std::int64_t depth = levels(start, next);
    for (int search = 0; search < 8; ++search) {
      std::int32_t beyond;
      const std::int64_t further = levels(next, beyond);
      if (further <= depth) break;
      start = next;
      next = beyond;
      depth = further;
    }
    return start;
  }

 private:
  const Adjacency& a_;
  std::vector<std::int32_t> seen_, queue_;
  std::int32_t round_ = 0;
};

}  // namespace

std::vector<std::int32_t> reverse_cuthill_mckee(const Adjacency& a) {
  Search search(a);
  std::vector<bool> placed(static_cast<std::size_t>(a.rows()));
  std::vector<std::int32_t> out;
  out.reserve(placed.size());
  std::vector<std::pair<std::int64_t, std::int32_t>> near;  // degree, vertex
  for (const std::int32_t first : by_degree(a, false)) {
    if (placed[first]) continue;
    std::size_t at = out.size();
    out.push_back(search.end_of_component(first));
    placed[out.back()] = true;
    for (; at < out.size(); ++at) {
      near.clear();
      for (std::int64_t e = a.begin[out[at]]; e < a.begin[out[at] + 1]; ++e) {
        const std::int32_t v = a.column[e];
        if (placed[v]) continue;
        placed[v] = true;
        near.emplace_back(search.degree(v), v);
      }
      std::ranges::sort(near);
      for (const auto& [degree, v] : near) out.push_back(v);
    }
  }
  std::ranges::reverse(out);
  return out;
}

}  // namespace pare::graph
