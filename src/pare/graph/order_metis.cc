// Parts of a given size by METIS (Karypis and Kumar 1998), evened out to that size, one after the other; vertices of a
// part in their old order.
#include <fmt/format.h>
#include <metis.h>

#include <limits>
#include <mutex>

#include "pare/base/error.h"
#include "pare/graph/blocks.h"
#include "pare/graph/orders.h"

namespace pare::graph {

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
  std::vector<std::int32_t> block_of(part.begin(), part.end());
  even_out(a, block_of, block);
  return listed(block_of);
}

}  // namespace pare::graph
