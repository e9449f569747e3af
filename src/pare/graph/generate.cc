#include "pare/graph/generate.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "pare/base/error.h"
#include "pare/base/random.h"

namespace pare::graph {
namespace {

/// Draws from [first, last) by weights: Walker's alias method (Vose 1991), one table for each of several ranges.
class Draws {
 public:
  explicit Draws(const std::vector<float>& weight)
      : weight_(weight), keep_(weight.size()), other_(weight.size()), small_(), large_() {}

  void prepare(std::size_t first, std::size_t last) {
    double sum = 0;
    for (std::size_t v = first; v < last; ++v) sum += static_cast<double>(weight_[v]);
    const auto count = static_cast<double>(last - first);
    small_.clear();
    large_.clear();
    for (std::size_t v = first; v < last; ++v) {
      keep_[v] = static_cast<float>(static_cast<double>(weight_[v]) * count / sum);
      other_[v] = static_cast<std::int32_t>(v);
      (keep_[v] < 1 ? small_ : large_).push_back(static_cast<std::int32_t>(v));
    }
    while (!small_.empty() && !large_.empty()) {
      const std::int32_t s = small_.back(), l = large_.back();
      small_.pop_back();
      other_[s] = l;
      keep_[l] -= 1 - keep_[s];
      if (keep_[l] >= 1) continue;
      large_.pop_back();
      small_.push_back(l);
    }
    for (const std::vector<std::int32_t>* rest : {&small_, &large_})
      for (const std::int32_t v : *rest) keep_[v] = 1;
  }

  std::int32_t draw(std::size_t first, std::size_t last, Random& random) const {
    const std::size_t v = first + random.below(last - first);
    return random.uniform() < static_cast<double>(keep_[v]) ? static_cast<std::int32_t>(v) : other_[v];
  }

 private:
  const std::vector<float>& weight_;
  std::vector<float> keep_;
  std::vector<std::int32_t> other_, small_, large_;
};

void check(const PlantedOptions& o) {
  const auto refuse = [](const std::string& what) { throw Error(what, "planted graph"); };
  if (o.vertices < 0 || o.vertices > std::numeric_limits<std::int32_t>::max())
    refuse(fmt::format("cannot have {} vertices", o.vertices));
  const auto v = static_cast<double>(o.vertices);
  if (o.edges < 0 || static_cast<double>(o.edges) > v * (v - 1) / 4)
    refuse(fmt::format("cannot have {} edges among {} vertices (at most half of all pairs)", o.edges, o.vertices));
  if (!(o.community >= 2)) refuse(fmt::format("cannot have communities of {} vertices", o.community));
  if (!(o.inside >= 0 && o.inside <= 1)) refuse(fmt::format("its share of inner edges is {}, not 0 to 1", o.inside));
  if (!(o.exponent > 2)) refuse(fmt::format("its exponent is {}, not above 2", o.exponent));
}

}  // namespace

Planted planted_graph(const PlantedOptions& o) {
  check(o);
  Random random(o.seed);
  const auto vertices = static_cast<std::size_t>(o.vertices);
  // vertices of a community lie together here, and are numbered at random at the end
  std::vector<std::size_t> first{0};
  std::vector<std::int32_t> place_community(vertices);
  while (first.back() < vertices) {
    const auto size = static_cast<std::size_t>(std::max(2.0, o.community * random.uniform(0.5, 1.5)));
    const std::size_t end = vertices - first.back() < size + 2 ? vertices : first.back() + size;
    std::fill(place_community.begin() + static_cast<std::ptrdiff_t>(first.back()),
              place_community.begin() + static_cast<std::ptrdiff_t>(end), static_cast<std::int32_t>(first.size() - 1));
    first.push_back(end);
  }
  // a Pareto law's inverse distribution, cut so that no vertex is a neighbour of most
  std::vector<float> weight(vertices);
  const double most = std::max(2.0, std::sqrt(static_cast<double>(vertices)));
  for (float& w : weight) w = static_cast<float>(std::min(most, std::pow(1 - random.uniform(), -1 / (o.exponent - 1))));
  Draws anywhere(weight), within(weight);
  if (vertices > 0) anywhere.prepare(0, vertices);
  for (std::size_t c = 0; c + 1 < first.size(); ++c) within.prepare(first[c], first[c + 1]);
  std::vector<std::int32_t> number(vertices);
  std::ranges::transform(random.permutation(vertices), number.begin(),
                         [](std::size_t v) { return static_cast<std::int32_t>(v); });

  Planted out;
  out.community_of.resize(vertices);
  for (std::size_t v = 0; v < vertices; ++v) out.community_of[number[v]] = place_community[v];
  Adjacency& a = out.adjacency;
  a = from_edges(o.vertices, o.vertices, {});
  const auto wanted_inside = static_cast<std::int64_t>(std::llround(o.inside * static_cast<double>(o.edges)));
  for (std::int64_t there = 0; there < o.edges - o.edges / 100;) {
    std::vector<Edge> edges;
    edges.reserve(static_cast<std::size_t>(o.edges) * 2);
    std::int64_t inside = 0;
    for (std::int64_t r = 0; r < a.rows(); ++r)
      for (std::int64_t e = a.begin[r]; e < a.begin[r + 1]; ++e) {
        edges.push_back({static_cast<std::int32_t>(r), a.column[e]});
        inside += out.community_of[r] == out.community_of[a.column[e]];
      }
    inside /= 2;
    const std::int64_t missing = o.edges - there,
                       missing_inside = std::clamp<std::int64_t>(wanted_inside - inside, 0, missing);
    for (std::int64_t e = 0; e < missing; ++e) {
      const std::int32_t u = anywhere.draw(0, vertices, random);
      const auto c = static_cast<std::size_t>(place_community[u]);
      const std::int32_t v =
          e < missing_inside ? within.draw(first[c], first[c + 1], random) : anywhere.draw(0, vertices, random);
      if (u == v) continue;
      edges.push_back({number[u], number[v]});
      edges.push_back({number[v], number[u]});
    }
    a = from_edges(o.vertices, o.vertices, std::move(edges));
    a.weight = {};
    const std::int64_t now = a.nonzeros() / 2;
    if (now - there < missing / 4) break;
    there = now;
  }
  return out;
}

}  // namespace pare::graph
