// Rabbit order (Arai, Shiokawa, Yamamuro, Onizuka, Iwamura, IPDPS 2016), on one thread: each vertex, those of least
// degree first, is merged into the neighbour whose community it raises the modularity of most, if any; what merged into
// what is a forest, and its trees, walked depth first, are the order: communities lie together, and so do those inside
// of them.
//
// Then vertices near the borders of blocks change sides (blocks.h), which is no part of that paper.
//
// Edges of a community are added up when its turn comes, out of those of its members, which were added up at theirs.
#include <algorithm>
#include <limits>

#include "pare/graph/blocks.h"
#include "pare/graph/orders.h"

namespace pare::graph {
namespace {

struct Link {
  std::int32_t to;       // a member of another community
  std::uint32_t weight;  // edges, at most 2^32 - 1
};

/// What is looked at together lies together: half of the time goes by waiting for memory.
struct Node {
  std::int32_t parent;    // itself: not merged
  std::uint32_t sum = 0;  // while gathering: edges to this community
  double strength = 0;    // degrees of a community added up
};

/// A community is merged no further when it has cost this many times its edges: the whole stays linear, where without a
/// bound a front that rolls over a tree, one vertex at a time, would be gathered again at each. Other graphs do not
/// come near it.
constexpr double most_work = 32;

class Communities {
 public:
  explicit Communities(const Adjacency& a)
      : a_(a),
        nodes_(static_cast<std::size_t>(a.rows())),
        links_(nodes_.size()),
        child_(nodes_.size(), -1),
        last_child_(nodes_.size(), -1),
        sibling_(nodes_.size(), -1),
        work_(nodes_.size(), 0),
        total_(static_cast<double>(std::max<std::int64_t>(a.nonzeros(), 1))) {
    for (std::int32_t v = 0; v < a.rows(); ++v)
      nodes_[v] = {.parent = v, .strength = static_cast<double>(a.begin[v + 1] - a.begin[v])};
  }

  /// The neighbours of v will be asked for soon.
  void expect_row(std::int32_t v) const { __builtin_prefetch(a_.column.data() + a_.begin[v]); }
  void expect_neighbours(std::int32_t v) const {
    constexpr std::int64_t most = 64;
    const std::int64_t end = std::min(a_.begin[v + 1], a_.begin[v] + most);
    for (std::int64_t e = a_.begin[v]; e < end; ++e) __builtin_prefetch(&nodes_[a_.column[e]]);
  }

  void merge(std::int32_t v) {
    gather(v);
    if (static_cast<double>(work_[v]) > most_work * nodes_[v].strength) {
      links_[v] = {};
      return;
    }
    double best = 0;
    std::int32_t into = -1;
    const double share = nodes_[v].strength / total_;
    for (const Link& link : links_[v]) {
      const double gain = link.weight - share * nodes_[link.to].strength;
      if (gain > best || (gain == best && into >= 0 && link.to < into)) {
        best = gain;
        into = link.to;
      }
    }
    if (into < 0) {
      links_[v] = {};  // the other ends still know their edges to here
      return;
    }
    nodes_[v].parent = into;
    nodes_[into].strength += nodes_[v].strength;
    (child_[into] < 0 ? child_[into] : sibling_[last_child_[into]]) = v;
    last_child_[into] = v;
  }

  std::vector<std::int32_t> walk() const {
    std::vector<std::int32_t> out, open;
    out.reserve(nodes_.size());
    for (std::int32_t root = 0; root < a_.rows(); ++root) {
      if (nodes_[root].parent != root) continue;
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
    while (nodes_[v].parent != v) v = nodes_[v].parent = nodes_[nodes_[v].parent].parent;
    return v;
  }

  /// links_[v]: the edges from v and all that was merged into it, to each other community once.
  void gather(std::int32_t v) {
    touched_.clear();
    work_[v] = static_cast<std::uint64_t>(a_.begin[v + 1] - a_.begin[v]);
    const auto add = [&](std::int32_t to, std::uint32_t weight) {
      const std::int32_t c = community_of(to);
      if (c == v) return;
      std::uint32_t& sum = nodes_[c].sum;
      if (sum == 0) touched_.push_back(c);
      sum = sum + weight < sum ? std::numeric_limits<std::uint32_t>::max() : sum + weight;
    };
    constexpr std::size_t ahead = 12;
    for (std::int64_t e = a_.begin[v], end = a_.begin[v + 1]; e < end; ++e) {
      if (e + static_cast<std::int64_t>(ahead) < end) __builtin_prefetch(&nodes_[a_.column[e + ahead]]);
      add(a_.column[e], 1);
    }
    for (std::int32_t c = child_[v]; c >= 0; c = sibling_[c]) {
      const std::vector<Link>& links = links_[c];
      work_[v] += work_[c] + links.size();
      for (std::size_t i = 0; i < links.size(); ++i) {
        if (i + ahead < links.size()) __builtin_prefetch(&nodes_[links[i + ahead].to]);
        add(links[i].to, links[i].weight);
      }
      links_[c] = {};
    }
    links_[v].reserve(touched_.size());
    for (const std::int32_t c : touched_) {
      links_[v].push_back({c, nodes_[c].sum});
      nodes_[c].sum = 0;
    }
  }

  const Adjacency& a_;
  std::vector<Node> nodes_;
  std::vector<std::vector<Link>> links_;  // of those merged whose parent has not been at its turn yet
  std::vector<std::int32_t> child_, last_child_, sibling_, touched_;
  std::vector<std::uint64_t> work_;  // links looked at for a community and those inside of it
  double total_;
};

}  // namespace

std::vector<std::int32_t> by_community(const Adjacency& a) {
  Communities communities(a);
  const std::vector<std::int32_t> order = by_degree(a, false);
  for (std::size_t i = 0; i < order.size(); ++i) {
    if (i + 8 < order.size()) communities.expect_row(order[i + 8]);
    if (i + 3 < order.size()) communities.expect_neighbours(order[i + 3]);
    communities.merge(order[i]);
  }
  constexpr std::int64_t block = 128;
  return with_fuller_blocks(a, communities.walk(), block);
}

}  // namespace pare::graph
