#include "pare/graph/order.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cstdlib>
#include <numeric>
#include <utility>

#include "pare/base/error.h"
#include "pare/base/random.h"
#include "pare/graph/orders.h"

namespace pare::graph {
namespace {

constexpr std::array<std::pair<Order, const char*>, 6> names{{
    {Order::natural, "natural"},
    {Order::random, "random"},
    {Order::degree, "degree"},
    {Order::rcm, "rcm"},
    {Order::community, "community"},
    {Order::metis, "metis"},
}};

/// Every edge both ways, without weights and self loops: the matrix itself where it is that, else `made`.
const Adjacency& structure_of(const Adjacency& a, Adjacency& made) {
  bool loops = false;
  for (std::int64_t r = 0; r < a.rows() && !loops; ++r)
    loops = std::binary_search(a.column.begin() + a.begin[r], a.column.begin() + a.begin[r + 1],
                               static_cast<std::int32_t>(r));
  const Adjacency* now = &a;
  if (loops || !a.weight.empty()) {
    made = loops ? without_self_loops(a) : a;
    made.weight = {};
    now = &made;
  }
  if (is_symmetric(*now)) return *now;
  made = symmetric(*now);
  return made;
}

std::vector<std::int32_t> counted(std::int64_t count) {
  std::vector<std::int32_t> out(static_cast<std::size_t>(count));
  std::iota(out.begin(), out.end(), 0);
  return out;
}

}  // namespace

std::vector<std::int32_t> by_degree(const Adjacency& a, bool most_first) {
  std::int64_t most = 0;
  for (std::int64_t v = 0; v < a.rows(); ++v) most = std::max(most, a.begin[v + 1] - a.begin[v]);
  const auto rank = [&](std::int64_t v) {
    const std::int64_t degree = a.begin[v + 1] - a.begin[v];
    return most_first ? most - degree : degree;
  };
  std::vector<std::int64_t> next(static_cast<std::size_t>(most) + 2);
  for (std::int64_t v = 0; v < a.rows(); ++v) ++next[rank(v) + 1];
  std::partial_sum(next.begin(), next.end(), next.begin());
  std::vector<std::int32_t> old_of(static_cast<std::size_t>(a.rows()));
  for (std::int64_t v = 0; v < a.rows(); ++v) old_of[next[rank(v)]++] = static_cast<std::int32_t>(v);
  return old_of;
}

std::vector<std::int32_t> order_of(const Adjacency& a, Order order, const OrderOptions& options) {
  assert(a.rows() == a.columns);
  Adjacency made;
  switch (order) {
    case Order::natural: return counted(a.rows());
    case Order::random: {
      std::vector<std::int32_t> out(static_cast<std::size_t>(a.rows()));
      std::ranges::transform(Random(options.seed).permutation(out.size()), out.begin(),
                             [](std::size_t v) { return static_cast<std::int32_t>(v); });
      return out;
    }
    case Order::degree: return inverse(by_degree(structure_of(a, made), true));
    case Order::rcm: return inverse(reverse_cuthill_mckee(structure_of(a, made)));
    case Order::community: return inverse(by_community(structure_of(a, made)));
    case Order::metis: return inverse(by_metis(structure_of(a, made), options.block, options.seed));
  }
  std::abort();
}

const char* name_of(Order order) {
  return std::ranges::find(names, order, [](const auto& entry) { return entry.first; })->second;
}

Order order_named(const std::string& name, const std::string& where) {
  std::string known;
  for (const auto& [order, shown] : names) {
    if (name == shown) return order;
    known += (known.empty() ? "" : ", ") + std::string(shown);
  }
  throw UsageError("knows no order '" + printable(name, 40) + "'", where, "choose one of " + known);
}

std::vector<std::int32_t> inverse(const std::vector<std::int32_t>& new_of) {
  std::vector<std::int32_t> out(new_of.size());
  for (std::size_t v = 0; v < new_of.size(); ++v) out[new_of[v]] = static_cast<std::int32_t>(v);
  return out;
}

}  // namespace pare::graph
