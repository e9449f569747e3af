#include "pare/graph/sample.h"

#include <algorithm>
#include <cassert>

#include "pare/base/random.h"

namespace pare::graph {
namespace {

/// k of the numbers below n, rising; all subsets are equally likely (Floyd; Bentley and Floyd 1987).
void draw(std::int64_t n, std::int64_t k, Random& random, std::vector<std::int64_t>& out) {
  out.clear();
  for (std::int64_t last = n - k; last < n; ++last) {
    auto pick = static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(last) + 1));
    auto at = std::ranges::lower_bound(out, pick);
    if (at != out.end() && *at == pick) at = out.end(), pick = last;  // `last` is beyond all that were drawn
    out.insert(at, pick);
  }
}

/// A stream of its own for each vertex.
Random stream(std::uint64_t seed, std::int32_t vertex) {
  return Random(Random(seed ^ Random(static_cast<std::uint64_t>(vertex))())());
}

}  // namespace

Sampler::Sampler(const Adjacency& a, std::vector<int> fanouts, Gathers gathers)
    : a_(a), fanouts_(std::move(fanouts)), gathers_(gathers), place_of_(static_cast<std::size_t>(a.rows()), -1) {
  assert(a.rows() == a.columns);
}

Block Sampler::sample_layer(const std::vector<std::int32_t>& targets, int fanout, std::uint64_t seed) {
  struct Drawn {
    std::int32_t place;
    float weight;
  };
  Block block;
  block.vertices = targets;
  for (std::size_t i = 0; i < targets.size(); ++i) {
    assert(place_of_[targets[i]] < 0);
    place_of_[targets[i]] = static_cast<std::int32_t>(i);
  }
  std::vector<Drawn> row;
  std::vector<std::int64_t> drawn;
  for (const std::int32_t v : targets) {
    row.clear();
    const auto add = [&](std::int64_t e, float scale) {
      std::int32_t& place = place_of_[a_.column[e]];
      if (place < 0) {
        place = static_cast<std::int32_t>(block.vertices.size());
        block.vertices.push_back(a_.column[e]);
      }
      row.push_back({place, a_.weight.empty() ? scale : scale * a_.weight[e]});
    };
    const std::int64_t first = a_.begin[v], last = a_.begin[v + 1];
    const auto own = std::lower_bound(a_.column.begin() + first, a_.column.begin() + last, v);
    const std::int64_t loop =
        own != a_.column.begin() + last && *own == v ? own - a_.column.begin() : last;  // `last`: none
    const std::int64_t others = last - first - (loop < last ? 1 : 0);
    if (loop < last) add(loop, 1);
    if (fanout == 0 || fanout >= others) {
      for (std::int64_t e = first; e < last; ++e)
        if (e != loop) add(e, 1);
    } else {
      Random random = stream(seed, v);
      draw(others, fanout, random, drawn);
      const float scale = gathers_ == Gathers::sums ? static_cast<float>(others) / static_cast<float>(fanout) : 1;
      for (const std::int64_t i : drawn) add(first + i + (first + i >= loop ? 1 : 0), scale);
    }
    std::ranges::sort(row, {}, &Drawn::place);
    for (const Drawn& d : row) {
      block.matrix.column.push_back(d.place);
      block.matrix.weight.push_back(d.weight);
    }
    block.matrix.begin.push_back(static_cast<std::int64_t>(block.matrix.column.size()));
  }
  block.matrix.columns = static_cast<std::int64_t>(block.vertices.size());
  if (std::ranges::all_of(block.matrix.weight, [](float w) { return w == 1; })) block.matrix.weight = {};
  for (const std::int32_t v : block.vertices) place_of_[v] = -1;
  return block;
}

std::vector<Block> Sampler::sample(const std::vector<std::int32_t>& targets, std::uint64_t seed) {
  std::vector<Block> blocks(fanouts_.size());
  const std::vector<std::int32_t>* wanted = &targets;
  Random layers(seed);
  for (std::size_t layer = fanouts_.size(); layer-- > 0;) {
    blocks[layer] = sample_layer(*wanted, fanouts_[layer], layers());
    wanted = &blocks[layer].vertices;
  }
  return blocks;
}

Adjacency rows_of(const Adjacency& a, const std::vector<std::int32_t>& rows) {
  Adjacency out;
  out.columns = a.columns;
  for (const std::int32_t r : rows) {
    const auto first = a.begin[r], last = a.begin[r + 1];
    out.column.insert(out.column.end(), a.column.begin() + first, a.column.begin() + last);
    if (!a.weight.empty()) out.weight.insert(out.weight.end(), a.weight.begin() + first, a.weight.begin() + last);
    out.begin.push_back(static_cast<std::int64_t>(out.column.size()));
  }
  return out;
}

}  // namespace pare::graph
