#include "pare/graph/order.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <set>

#include "pare/base/error.h"
#include "pare/base/file.h"
#include "pare/base/parallel.h"
#include "pare/base/stopwatch.h"
#include "pare/graph/blocks.h"
#include "pare/graph/cache.h"
#include "pare/graph/generate.h"
#include "pare/graph/group.h"
#include "pare/graph/locality.h"
#include "random_graphs.h"

namespace pare::graph {
namespace {
namespace fs = std::filesystem;

constexpr Order all[] = {Order::natural, Order::random, Order::degree, Order::rcm, Order::community, Order::metis};

std::int64_t bandwidth(const Adjacency& a, const std::vector<std::int32_t>& new_of) {
  std::int64_t out = 0;
  for (const auto& [at, weight] : dense(a))
    out = std::max<std::int64_t>(out, std::abs(new_of[at.first] - new_of[at.second]));
  return out;
}

TEST(Orders, ArePermutationsOfEveryShape) {
  for (const auto& [name, a] : shapes())
    for (const Order order : all)
      for (const std::int64_t block : {1, 16, 128}) {
        const auto new_of = order_of(a, order, {.block = block, .seed = 3});
        EXPECT_EQ(static_cast<std::int64_t>(new_of.size()), a.rows());
        const std::set<std::int32_t> numbers(new_of.begin(), new_of.end());
        EXPECT_EQ(numbers.size(), new_of.size()) << name << ' ' << name_of(order);
        if (!numbers.empty()) {
          EXPECT_EQ(*numbers.begin(), 0);
          EXPECT_EQ(*numbers.rbegin(), a.rows() - 1);
        }
        EXPECT_EQ(order_of(a, order, {.block = block, .seed = 3}), new_of) << name << ' ' << name_of(order);
        EXPECT_EQ(inverse(inverse(new_of)), new_of);
      }
}

TEST(Orders, DependOnTheStructureMadeSymmetricOnly) {
  Random random(8);
  const Adjacency one_way = from_edges(200, 200, random_edges(200, 200, 500, true, random));
  Adjacency both = without_self_loops(symmetric(one_way));
  both.weight = {};
  for (const Order order : {Order::degree, Order::rcm, Order::community, Order::metis})
    EXPECT_EQ(order_of(one_way, order), order_of(both, order)) << name_of(order);
}

TEST(Orders, OfDegreeFalls) {
  for (const auto& [name, a] : shapes()) {
    const Adjacency both = without_self_loops(symmetric(a));
    const auto old_of = inverse(order_of(a, Order::degree));
    for (std::size_t i = 1; i < old_of.size(); ++i) {
      const auto degree = [&](std::int32_t v) { return both.begin[v + 1] - both.begin[v]; };
      EXPECT_GE(degree(old_of[i - 1]), degree(old_of[i])) << name;
    }
  }
}

TEST(Orders, CuthillMcKeeUndoesAShuffle) {
  // a path has bandwidth 1, a grid of 9 by 40 at most 9 and a little
  std::vector<Edge> path, grid;
  for (std::int32_t v = 1; v < 500; ++v) path.insert(path.end(), {{v, v - 1}, {v - 1, v}});
  for (std::int32_t v = 0; v < 360; ++v) {
    if (v % 9 != 8) grid.insert(grid.end(), {{v, v + 1}, {v + 1, v}});
    if (v + 9 < 360) grid.insert(grid.end(), {{v, v + 9}, {v + 9, v}});
  }
  const Adjacency p = from_edges(500, 500, path), g = from_edges(360, 360, grid);
  const Adjacency p2 = renumbered(p, order_of(p, Order::random, {.seed = 1})),
                  g2 = renumbered(g, order_of(g, Order::random, {.seed = 1}));
  EXPECT_GT(bandwidth(p2, order_of(p2, Order::natural)), 300);
  EXPECT_EQ(bandwidth(p2, order_of(p2, Order::rcm)), 1);
  EXPECT_LE(bandwidth(g2, order_of(g2, Order::rcm)), 10);
}

TEST(Orders, CommunitiesAreFound) {
  // a ring of cliques: nearly each must lie together, whatever their numbers are (merging is greedy, and errs at times)
  constexpr std::int32_t cliques = 60, size = 12;
  std::vector<Edge> edges;
  for (std::int32_t c = 0; c < cliques; ++c) {
    for (std::int32_t i = 0; i < size; ++i)
      for (std::int32_t j = 0; j < size; ++j)
        if (i != j) edges.push_back({c * size + i, c * size + j});
    const std::int32_t end = c * size, next = (c + 1) % cliques * size + 1;
    edges.insert(edges.end(), {{end, next}, {next, end}});
  }
  const Adjacency ring = from_edges(cliques * size, cliques * size, edges);
  const auto shuffle = order_of(ring, Order::random, {.seed = 4});
  const auto new_of = order_of(renumbered(ring, shuffle), Order::community);
  int together = 0;
  for (std::int32_t c = 0; c < cliques; ++c) {
    std::set<std::int32_t> places;
    for (std::int32_t i = 0; i < size; ++i) places.insert(new_of[shuffle[c * size + i]]);
    together += *places.rbegin() - *places.begin() == size - 1;
  }
  EXPECT_GE(together, 48);
}

TEST(Orders, PlantedCommunitiesAreFound) {
  const Planted planted =
      planted_graph({.vertices = 20000, .edges = 200000, .community = 80, .inside = 0.85, .seed = 6});
  const Adjacency& a = planted.adjacency;
  // as near as an order that knows the communities
  std::vector<std::pair<std::int32_t, std::int32_t>> known;
  for (std::int32_t v = 0; v < a.rows(); ++v) known.emplace_back(planted.community_of[v], v);
  std::ranges::sort(known);
  std::vector<std::int32_t> best(known.size());
  for (std::size_t i = 0; i < known.size(); ++i) best[known[i].second] = static_cast<std::int32_t>(i);
  const double most = locality_of(a, best, 128).inside,
               found = locality_of(a, order_of(a, Order::community), 128).inside;
  EXPECT_LT(locality_of(a, order_of(a, Order::natural), 128).inside, 0.05);
  EXPECT_GT(most, 0.5);
  EXPECT_GT(found, 0.85 * most);
}

TEST(Orders, CommunityIsLinearOnTrees) {
  // merged without a bound, each vertex of a tree gathers all the front before it: 10^10 steps here
  constexpr std::int32_t n = 300'000;
  std::vector<Edge> edges;
  for (std::int32_t v = 1; v < n; ++v) edges.insert(edges.end(), {{v, v / 2}, {v / 2, v}});
  const Adjacency tree = from_edges(n, n, edges);
  const Stopwatch watch;
  const auto new_of = order_of(tree, Order::community);
  EXPECT_LT(watch.seconds(), 20);
  EXPECT_GT(locality_of(tree, new_of, 128).inside, 0.8);
}

TEST(Orders, AreNamed) {
  for (const Order order : all) EXPECT_EQ(order_named(name_of(order), "--order"), order);
  EXPECT_THROW(order_named("rabbit", "--order"), UsageError);
  EXPECT_THROW(order_of(from_edges(2, 2, {}), Order::metis, {.block = 0}), Error);
}

TEST(Blocks, AreFilledAndHoldMore) {
  for (const auto& [name, shape] : shapes()) {
    const Adjacency a = without_self_loops(symmetric(shape));
    for (const std::int64_t block : {1, 7, 16}) {
      const std::int64_t blocks = (a.rows() + block - 1) / block;
      Random random(3);
      std::vector<std::int32_t> block_of;
      for (std::int64_t v = 0; v < a.rows(); ++v)
        block_of.push_back(static_cast<std::int32_t>(random.below(static_cast<std::uint64_t>(blocks))));
      even_out(a, block_of, block);
      std::vector<std::int64_t> sizes(static_cast<std::size_t>(blocks));
      for (const std::int32_t b : block_of) ++sizes[b];
      for (std::int64_t b = 0; b + 1 < blocks; ++b) EXPECT_EQ(sizes[b], block) << name;
      const auto old_of = listed(block_of), fuller = with_fuller_blocks(a, old_of, block);
      EXPECT_EQ(std::set<std::int32_t>(fuller.begin(), fuller.end()).size(), fuller.size()) << name;
      EXPECT_EQ(fuller.size(), old_of.size()) << name;
    }
  }
  const Adjacency a =
      planted_graph({.vertices = 4000, .edges = 20000, .community = 16, .inside = 0.9, .seed = 2}).adjacency;
  const auto rcm = order_of(a, Order::rcm);
  EXPECT_GT(locality_of(a, inverse(with_fuller_blocks(a, inverse(rcm), 16)), 16).inside,
            1.5 * locality_of(a, rcm, 16).inside);
}

TEST(Locality, IsThatOfTheMatrixWrittenOut) {
  Random random(2);
  const Adjacency a = from_edges(70, 70, random_edges(70, 70, 400, false, random));
  const auto new_of = order_of(a, Order::random, {.seed = 9});
  double inside = 0, gaps = 0, logs = 0, count = 0;
  for (const auto& [at, weight] : dense(renumbered(a, new_of))) {
    inside += at.first / 16 == at.second / 16 ? 1 : 0;
    gaps += std::fabs(static_cast<double>(at.first - at.second));
    logs += std::log2(1 + std::fabs(static_cast<double>(at.first - at.second)));
    count += 1;
  }
  const Locality found = locality_of(a, new_of, 16);
  EXPECT_NEAR(found.inside, inside / count, 1e-12);
  EXPECT_NEAR(found.mean_gap, gaps / count, 1e-9);
  EXPECT_NEAR(found.log_gap, logs / count, 1e-9);
}

TEST(Group, LargeListsAsAStableSort) {
  Random random(7);
  constexpr std::int64_t keys = 100'003;
  std::vector<std::pair<std::int32_t, std::int32_t>> items;
  for (std::int32_t i = 0; i < 300'000; ++i) {
    const auto key = static_cast<std::int32_t>(random.below(random.below(2) ? keys : 50));
    items.emplace_back(key, i);
  }
  for (const int count : {1, 3}) {
    set_threads(count);
    std::vector<std::int32_t> placed;
    const auto begin = group<std::int32_t>(
        keys,
        [&](const auto& f) {
          for (const auto& [key, item] : items) f(key, item);
        },
        [&](std::int64_t all_items) { placed.resize(static_cast<std::size_t>(all_items)); },
        [&](std::int32_t item, std::int64_t to) { placed[to] = item; });
    auto sorted = items;
    std::ranges::stable_sort(sorted, {}, [](const auto& item) { return item.first; });
    ASSERT_EQ(placed.size(), sorted.size());
    for (std::size_t i = 0; i < sorted.size(); ++i) ASSERT_EQ(placed[i], sorted[i].second);
    for (std::int64_t k = 0, at = 0; k < keys; ++k) {
      ASSERT_EQ(begin[k], at);
      while (at < static_cast<std::int64_t>(sorted.size()) && sorted[at].first == k) ++at;
    }
  }
}

TEST(Generate, GivesWhatIsAskedFor) {
  const PlantedOptions options{.vertices = 5000, .edges = 40000, .community = 50, .inside = 0.7, .seed = 1};
  const Planted planted = planted_graph(options);
  const Adjacency& a = planted.adjacency;
  EXPECT_TRUE(is_sound(a));
  EXPECT_TRUE(is_symmetric(a));
  EXPECT_EQ(without_self_loops(a).nonzeros(), a.nonzeros());
  EXPECT_TRUE(a.weight.empty());
  EXPECT_EQ(a.rows(), 5000);
  EXPECT_NEAR(static_cast<double>(a.nonzeros()) / 2, 40000, 4000);
  double inside = 0;
  std::int64_t most = 0;
  for (std::int64_t r = 0; r < a.rows(); ++r) {
    most = std::max(most, a.begin[r + 1] - a.begin[r]);
    for (std::int64_t e = a.begin[r]; e < a.begin[r + 1]; ++e)
      inside += planted.community_of[r] == planted.community_of[a.column[e]] ? 1 : 0;
  }
  EXPECT_NEAR(inside / static_cast<double>(a.nonzeros()), 0.7, 0.1);
  EXPECT_GT(most, 5 * a.nonzeros() / a.rows()) << "degrees have a long tail";
  EXPECT_EQ(planted_graph(options).adjacency.column, a.column);
  EXPECT_NE(
      planted_graph({.vertices = 5000, .edges = 40000, .community = 50, .inside = 0.7, .seed = 2}).adjacency.column,
      a.column);
  EXPECT_EQ(planted_graph({}).adjacency.rows(), 0);
  EXPECT_THROW(planted_graph({.vertices = 10, .edges = 100}), Error);
  EXPECT_THROW(planted_graph({.vertices = 100, .edges = 100, .inside = 1.5}), Error);
  EXPECT_THROW(planted_graph({.vertices = -1}), Error);
}

class Cache : public testing::Test {
 protected:
  void SetUp() override {
    fs::remove_all(folder);
    ::setenv("PARE_CACHE", folder.c_str(), 1);
  }
  void TearDown() override {
    ::unsetenv("PARE_CACHE");
    fs::remove_all(folder);
  }
  std::vector<fs::path> files() const {
    std::vector<fs::path> out;
    if (!fs::exists(folder)) return out;
    for (const auto& entry : fs::recursive_directory_iterator(folder))
      if (entry.is_regular_file()) out.push_back(entry.path());
    return out;
  }
  const fs::path folder = fs::path(testing::TempDir()) / "pare_order_cache";
  const Adjacency a = planted_graph({.vertices = 500, .edges = 2000, .community = 20, .seed = 1}).adjacency;
};

TEST_F(Cache, GivesTheSameAndSaysSo) {
  const auto expected = order_of(a, Order::community);
  const CachedOrder first = cached_order_of(a, Order::community), second = cached_order_of(a, Order::community);
  EXPECT_FALSE(first.found);
  EXPECT_TRUE(second.found);
  EXPECT_EQ(first.new_of, expected);
  EXPECT_EQ(second.new_of, expected);
  EXPECT_FALSE(cached_order_of(a, Order::rcm).found) << "another order";
  EXPECT_FALSE(cached_order_of(a, Order::metis, {.block = 16}).found);
  EXPECT_FALSE(cached_order_of(a, Order::metis, {.block = 32}).found) << "other options";
  EXPECT_TRUE(cached_order_of(a, Order::metis, {.block = 16}).found);
  EXPECT_FALSE(cached_order_of(with_self_loops(a), Order::community).found) << "another graph";
}

TEST_F(Cache, IgnoresDamageAndMendsIt) {
  cached_order_of(a, Order::community);
  ASSERT_EQ(files().size(), 1u);
  const fs::path file = files()[0];
  const std::string whole = read_file(file);
  std::string flipped = whole;
  flipped[whole.size() / 2] = static_cast<char>(flipped[whole.size() / 2] ^ 1);
  for (const std::string& bytes : {whole.substr(0, whole.size() / 2), flipped, std::string(), std::string("nothing")}) {
    write_file(file, bytes);
    const CachedOrder again = cached_order_of(a, Order::community);
    EXPECT_FALSE(again.found);
    EXPECT_EQ(again.new_of, order_of(a, Order::community));
    EXPECT_EQ(read_file(file), whole);
  }
}

TEST_F(Cache, CanBeTurnedOffAndUnwritable) {
  ::setenv("PARE_CACHE", "off", 1);
  EXPECT_FALSE(cache_folder());
  EXPECT_FALSE(cached_order_of(a, Order::community).found);
  EXPECT_FALSE(cached_order_of(a, Order::community).found);
  EXPECT_TRUE(files().empty());
  ::setenv("PARE_CACHE", "/dev/null/nowhere", 1);
  EXPECT_EQ(cached_order_of(a, Order::community).new_of, order_of(a, Order::community));
  ::unsetenv("PARE_CACHE");
  ::setenv("XDG_CACHE_HOME", folder.c_str(), 1);
  EXPECT_EQ(cache_folder(), folder / "pare");
  ::unsetenv("XDG_CACHE_HOME");
}

}  // namespace
}  // namespace pare::graph
