#include "pare/graph/blocks.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "pare/graph/order.h"

namespace pare::graph {
namespace {
/// More passes add less than a hundredth to what blocks hold.
constexpr int passes = 3;
/// How far blocks may be overfull, as a share of their size, in one round and the next: where one must move out before
/// another can move in, little moves.
constexpr double slacks[] = {1, 0.5};

/// Counts the neighbours that a vertex has in each block.
class Counts {
 public:
  Counts(const Adjacency& a, std::vector<std::int32_t>& block_of, std::size_t blocks)
      : a_(a), block_of_(block_of), counts_(blocks) {}

  /// The block with room that has most neighbours of v, the first of equals, or -1 where none has any.
  std::int32_t best(std::int32_t v, const std::vector<std::int64_t>& room) {
    std::int32_t best = -1;
    for (std::int64_t e = a_.begin[v]; e < a_.begin[v + 1]; ++e) {
      const std::int32_t b = block_of_[a_.column[e]];
      if (b < 0 || (++counts_[b], room[b] <= 0)) continue;
      if (best < 0 || counts_[b] > counts_[best] || (counts_[b] == counts_[best] && b < best)) best = b;
    }
    return best;
  }
  std::int32_t operator[](std::int32_t block) const { return counts_[block]; }
  /// Must follow, before v or its neighbours move.
  void clear(std::int32_t v) {
    for (std::int64_t e = a_.begin[v]; e < a_.begin[v + 1]; ++e)
      if (block_of_[a_.column[e]] >= 0) counts_[block_of_[a_.column[e]]] = 0;
  }

 private:
  const Adjacency& a_;
  const std::vector<std::int32_t>& block_of_;
  std::vector<std::int32_t> counts_;
};

std::int64_t blocks_of(const Adjacency& a, std::int64_t block) { return (a.rows() + block - 1) / block; }

}  // namespace

std::vector<std::int32_t> listed(const std::vector<std::int32_t>& block_of) {
  const std::int32_t most = block_of.empty() ? 0 : *std::ranges::max_element(block_of);
  std::vector<std::int64_t> next(static_cast<std::size_t>(most) + 2);
  for (const std::int32_t b : block_of) ++next[b + 1];
  for (std::size_t b = 1; b < next.size(); ++b) next[b] += next[b - 1];
  std::vector<std::int32_t> out(block_of.size());
  for (std::size_t v = 0; v < block_of.size(); ++v) out[next[block_of[v]]++] = static_cast<std::int32_t>(v);
  return out;
}

void even_out(const Adjacency& a, std::vector<std::int32_t>& block_of, std::int64_t block) {
  const std::int64_t blocks = blocks_of(a, block);
  if (blocks == 0) return;
  std::vector<std::int64_t> room(static_cast<std::size_t>(blocks), block);
  room.back() = a.rows() - (blocks - 1) * block;
  for (const std::int32_t b : block_of) --room[b];
  std::vector<std::int32_t> loose;
  std::vector<std::pair<std::int64_t, std::int32_t>> ties;  // neighbours inside, vertex
  const std::vector<std::int32_t> members = listed(block_of);
  for (std::size_t first = 0, last; first < members.size(); first = last) {
    const std::int32_t b = block_of[members[first]];
    for (last = first; last < members.size() && block_of[members[last]] == b;) ++last;
    if (room[b] >= 0) continue;
    ties.clear();
    for (std::size_t i = first; i < last; ++i) {
      const std::int32_t v = members[i];
      std::int64_t inside = 0;
      for (std::int64_t e = a.begin[v]; e < a.begin[v + 1]; ++e) inside += block_of[a.column[e]] == b;
      ties.emplace_back(inside, v);
    }
    std::ranges::sort(ties);
    for (std::size_t i = 0; room[b] < 0; ++i, ++room[b]) loose.push_back(ties[i].second);
  }
  for (const std::int32_t v : loose) block_of[v] = -1;
  Counts counts(a, block_of, static_cast<std::size_t>(blocks));
  std::int32_t first_with_room = 0;
  for (const std::int32_t v : loose) {
    while (room[first_with_room] == 0) ++first_with_room;
    const std::int32_t best = counts.best(v, room), to = best < 0 ? first_with_room : best;
    counts.clear(v);
    block_of[v] = to;
    --room[to];
  }
}

std::vector<std::int32_t> with_fuller_blocks(const Adjacency& a, const std::vector<std::int32_t>& old_of,
                                             std::int64_t block) {
  const std::int64_t blocks = blocks_of(a, block);
  if (blocks < 2) return old_of;
  // where neighbours lie near already, the passes go by the caches
  const Adjacency near = renumbered(a, inverse(old_of));
  std::vector<std::int32_t> block_of(old_of.size());
  for (std::size_t v = 0; v < block_of.size(); ++v)
    block_of[v] = static_cast<std::int32_t>(static_cast<std::int64_t>(v) / block);
  Counts counts(near, block_of, static_cast<std::size_t>(blocks));
  for (const double slack : slacks) {
    std::vector<std::int64_t> room(static_cast<std::size_t>(blocks),
                                   block + std::llround(slack * static_cast<double>(block)));
    for (const std::int32_t b : block_of) --room[b];
    for (int pass = 0; pass < passes; ++pass) {
      std::int64_t moved = 0;
      for (std::int32_t v = 0; v < near.rows(); ++v) {
        const std::int32_t from = block_of[v], to = counts.best(v, room);
        const bool better = to >= 0 && counts[to] > counts[from];
        counts.clear(v);
        if (!better) continue;
        block_of[v] = to;
        ++room[from];
        --room[to];
        ++moved;
      }
      if (moved * 200 < near.rows()) break;
    }
    even_out(near, block_of, block);
  }
  std::vector<std::int32_t> out = listed(block_of);
  for (std::int32_t& v : out) v = old_of[v];
  return out;
}

}  // namespace pare::graph
