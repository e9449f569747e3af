// Rabbit order (Arai, Shiokawa, Yamamuro, Onizuka, Iwamura, IPDPS 2016), on one thread: each vertex, those of least
// degree first, is merged into the neighbour whose community it raises the modularity of most, if any; what merged into
// what is a forest, and its trees, walked depth first, are the order: communities lie together, and so do those inside
// of them.
//
// Edges of a community are added up when its turn comes, out of those of its members, which were added up at theirs.
#include <algorithm>
#include <limits>

#include "pare/graph/orders.h"

namespace pare::graph {
namespace {

struct Link {
  std::int32_t to;       // a member of another community
  std::uint32_t weight;  // edges, at most 2^32 - 1
};

class Communities {
 public:
  explicit Communities(const Adjacency& a)
      : a_(a),
        parent_(static_cast<std::size_t>(a.rows())),
        links_(parent_.size()),
        child_(parent_.size(), -1),
        last_child_(parent_.size(), -1),
        sibling_(parent_.size(), -1),
        strength_(parent_.size()),
        sum_(parent_.size(), 0) {
    for (std::int32_t v = 0; v < a.rows(); ++v) {
      parent_[v] = v;
      strength_[v] = static_cast<double>(a.begin[v + 1] - a.begin[v]);
    }
    total_ = static_cast<double>(std::max<std::int64_t>(a.nonzeros(), 1));
  }

  void merge(std::int32_t v) {
    gather(v);
    double best = 0;
    std::int32_t into = -1;
    for (const Link& link : links_[v]) {
      const double gain = link.weight - strength_[v] * strength_[link.to] / total_;
      if (gain > best || (gain == best && into >= 0 && link.to < into)) {
        best = gain;
        into = link.to;
      }
    }
    if (into < 0) {
      links_[v] = {};  // nothing reads the edges of what is never merged, but by way of the other end
      return;
    }
    parent_[v] = into;
    strength_[into] += strength_[v];
    (child_[into] < 0 ? child_[into] : sibling_[last_child_[into]]) = v;
    last_child_[into] = v;
  }

  std::vector<std::int32_t> walk() const {
    std::vector<std::int32_t> out, open;
    out.reserve(parent_.size());
    for (std::int32_t root = 0; root < a_.rows(); ++root) {
      if (parent_[root] != root) continue;
      open.push_back(root);
      while (!open.empty()) {
        const std::int32_t v = open.back();
        open.pop_back();
        out.push_back(v);
        const std::size_t first = open.size();
        for (std::int32_t c = child_[v]; c >= 0; c = sibling_[c]) open.push_back(c);
        std::reverse(open.begin() + static_cast<std::ptrdiff_t>(first), open.end());
      }
    }
    return out;
  }

 private:
  std::int32_t community_of(std::int32_t v) {
    while (parent_[v] != v) v = parent_[v] = parent_[parent_[v]];
    return v;
  }

  /// links_[v]: the edges from v and all that was merged into it, to each other community once.
  void gather(std::int32_t v) {
    touched_.clear();
    const auto add = [&](std::int32_t to, std::uint64_t weight) {
      const std::int32_t c = community_of(to);
      if (c == v) return;
      if (sum_[c] == 0) touched_.push_back(c);
      sum_[c] += weight;
    };
    for (std::int64_t e = a_.begin[v]; e < a_.begin[v + 1]; ++e) add(a_.column[e], 1);
    for (std::int32_t c = child_[v]; c >= 0; c = sibling_[c]) {
      for (const Link& link : links_[c]) add(link.to, link.weight);
      links_[c] = {};
    }
    links_[v].reserve(touched_.size());
    for (const std::int32_t c : touched_) {
      constexpr std::uint64_t most = std::numeric_limits<std::uint32_t>::max();
      links_[v].push_back({c, static_cast<std::uint32_t>(std::min(sum_[c], most))});
      sum_[c] = 0;
    }
  }

  const Adjacency& a_;
  std::vector<std::int32_t> parent_;      // itself: not merged
  std::vector<std::vector<Link>> links_;  // of those merged whose parent has not been at its turn yet
  std::vector<std::int32_t> child_, last_child_, sibling_;
  std::vector<double> strength_;    // degrees of a community added up
  std::vector<std::uint64_t> sum_;  // while gathering: edges to each community
  std::vector<std::int32_t> touched_;
  double total_ = 0;
};

}  // namespace

std::vector<std::int32_t> by_community(const Adjacency& a) {
  Communities communities(a);
  for (const std::int32_t v : by_degree(a, false)) communities.merge(v);
  return communities.walk();
}

}  // namespace pare::graph
