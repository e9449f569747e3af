// Parts of a given size by METIS (Karypis and Kumar 1998), evened out to that size, one after the other; vertices of a
// part in their old order.
#include <fmt/format.h>
#include <metis.h>

#include <algorithm>
#include <limits>
#include <mutex>

#include "pare/base/error.h"
#include "pare/graph/orders.h"

namespace pare::graph {

namespace {

/// Vertices by part, in order within each.
std::vector<std::int32_t> listed(const std::vector<idx_t>& part, std::vector<std::int64_t>& begin) {
  for (const idx_t p : part) ++begin[p + 1];
  for (std::size_t p = 1; p < begin.size(); ++p) begin[p] += begin[p - 1];
  std::vector<std::int64_t> next(begin.begin(), begin.end() - 1);
  std::vector<std::int32_t> out(part.size());
  for (std::size_t v = 0; v < part.size(); ++v) out[next[part[v]]++] = static_cast<std::int32_t>(v);
  return out;
}

/// METIS keeps to a size only roughly, and one part too large would push all after it across the borders of blocks:
/// what parts have too many, those least tied to them, goes to parts with room, to the neighbours' where it can.
/// Afterwards each part has `block` vertices, but for the last.
void even_out(const Adjacency& a, std::vector<idx_t>& part, std::int64_t parts, std::int64_t block) {
  std::vector<std::int64_t> begin(static_cast<std::size_t>(parts) + 1);
  std::vector<std::int32_t> members = listed(part, begin);
  std::vector<std::int64_t> room(static_cast<std::size_t>(parts), block);
  room.back() = a.rows() - (parts - 1) * block;
  std::vector<std::int32_t> loose;
  for (std::int64_t p = 0; p < parts; ++p) {
    const auto first = members.begin() + begin[p], last = members.begin() + begin[p + 1];
    const std::int64_t excess = last - first - room[p];
    room[p] = std::max<std::int64_t>(-excess, 0);
    if (excess <= 0) continue;
    std::vector<std::pair<std::int64_t, std::int32_t>> ties;  // neighbours inside, vertex
    for (auto v = first; v != last; ++v) {
      std::int64_t inside = 0;
      for (std::int64_t e = a.begin[*v]; e < a.begin[*v + 1]; ++e) inside += part[a.column[e]] == p;
      ties.emplace_back(inside, *v);
    }
    std::ranges::sort(ties);
    for (std::int64_t i = 0; i < excess; ++i) loose.push_back(ties[i].second);
  }
  for (const std::int32_t v : loose) part[v] = -1;
  std::vector<std::int32_t> neighbours(static_cast<std::size_t>(parts));
  std::int64_t first_with_room = 0;
  for (const std::int32_t v : loose) {
    while (room[first_with_room] == 0) ++first_with_room;
    std::int64_t to = first_with_room;
    for (std::int64_t e = a.begin[v]; e < a.begin[v + 1]; ++e) {
      const idx_t p = part[a.column[e]];
      if (p < 0 || room[p] == 0) continue;
      ++neighbours[p];
      if (neighbours[p] > neighbours[to] || (neighbours[p] == neighbours[to] && p < to)) to = p;
    }
    for (std::int64_t e = a.begin[v]; e < a.begin[v + 1]; ++e)
      if (part[a.column[e]] >= 0) neighbours[part[a.column[e]]] = 0;
    part[v] = static_cast<idx_t>(to);
    --room[to];
  }
}

}  // namespace

static_assert(sizeof(idx_t) == 4 || sizeof(idx_t) == 8);

std::vector<std::int32_t> by_metis(const Adjacency& a, std::int64_t block, std::uint64_t seed) {
  constexpr std::int64_t most = std::numeric_limits<idx_t>::max();
  if (block < 1) throw Error(fmt::format("cannot make parts of {} vertices", block), "order 'metis'");
  if (a.nonzeros() > most)
    throw Error(fmt::format("counts in 32 bits, the graph has {} nonzeros", a.nonzeros()), "order 'metis'",
                "choose the order 'community'");
  const std::int64_t parts = (a.rows() + block - 1) / block;
  if (parts == 0) return {};
  std::vector<idx_t> part(static_cast<std::size_t>(a.rows()), 0);
  if (parts > 1) {
    auto vertices = static_cast<idx_t>(a.rows()), constraints = idx_t{1}, count = static_cast<idx_t>(parts),
         cut = idx_t{0};
    std::vector<idx_t> begin(a.begin.begin(), a.begin.end()), column(a.column.begin(), a.column.end());
    idx_t options[METIS_NOPTIONS];
    METIS_SetDefaultOptions(options);
    options[METIS_OPTION_SEED] = static_cast<idx_t>(seed & 0x7fffffff);
    // METIS draws from the C library's one stream of random numbers
    static std::mutex one_at_a_time;
    const std::lock_guard lock(one_at_a_time);
    const int code = METIS_PartGraphKway(&vertices, &constraints, begin.data(), column.data(), nullptr, nullptr,
                                         nullptr, &count, nullptr, nullptr, options, &cut, part.data());
    if (code != METIS_OK)
      throw Error(code == METIS_ERROR_MEMORY ? "ran out of memory" : fmt::format("failed with code {}", code),
                  "order 'metis'", "choose the order 'community'");
  }
  even_out(a, part, parts, block);
  std::vector<std::int64_t> begin(static_cast<std::size_t>(parts) + 1);
  return listed(part, begin);
}

}  // namespace pare::graph
