#include "pare/imaging/schedule.h"

#include <gmock/gmock.h>

#include <array>
#include <chrono>
#include <numeric>
#include <optional>

#include "graphs.h"
#include "pare/base/error.h"
#include "pare/base/random.h"

namespace pare::imaging {
namespace {

using ::testing::HasSubstr;

Graph worked(int latency = 0) {
  return graph({"A", "B", "C"}, {{"A", "B", 1, 1, 0, 0}, {"A", "C", 1, 1, 0, 0}, {"B", "C", 0, 0, 0, 0}}, 8, 8,
               latency);
}

// Specification, section 5.
TEST(Schedule, WorkedExample) {
  const Graph g = worked();
  const auto run = [&](rtl::Ports ports, int group = 1) {
    return schedule(g, memory(ports, group, 0), {.objective = Objective::lines});
  };
  EXPECT_EQ(run({.read_write = 3}).lines(), 4);
  const Schedule two = run(dual);
  EXPECT_EQ(two.lines(), 5);
  EXPECT_EQ(two.start, (std::vector<std::int64_t>{0, 15, 16}));  // the shortest lifetimes, 25 cycles
  EXPECT_EQ(two.buffers[0].lines, 4);
  const Schedule one = run(single);
  EXPECT_EQ(one.start, (std::vector<std::int64_t>{0, 16, 40}));
  EXPECT_EQ(one.buffers[0].lines, 7);
  EXPECT_EQ(one.buffers[1].lines, 4);
  EXPECT_EQ(run(dual, 2).lines(), 12);
  EXPECT_EQ(run(dual, 2).blocks(), 6);
}

// Section 5: the retention minimum of two lines meets itself around the ring.
TEST(Schedule, LinesThatWrapAround) {
  Graph g =
      graph({"p", "a", "b", "c"}, {{"p", "a", 0, 0, 0, 0}, {"p", "b", 0, 0, 0, 0}, {"p", "c", 0, 0, 0, 0}}, 480, 4, 0);
  const std::vector<std::int64_t> start{0, 1, 483, 485};
  const auto legal = [&](int lines) { return conflict(g, start, {.stage = 0, .lines = lines}, dual).empty(); };
  EXPECT_FALSE(legal(2));
  EXPECT_TRUE(legal(3));
  EXPECT_NE(simulate(g, start, 0, 2, 1, dual), "");
  EXPECT_EQ(simulate(g, start, 0, 3, 1, dual), "");
}

// Section 7, K1 and K0.
struct Totals {
  std::array<int, 6> k1;  // single, 1R1W, two ports, 1W+2R, no limit, two ports with two lines a block
  std::optional<int> k0_single, k0_simple_dual, k0_pairs;
};

TEST(Schedule, KnownTotals) {
  const std::vector<Totals> expected{{{21, 15, 15, 15, 15, 20}, {}, {}, {}}, {{23, 16, 16, 15, 15, 22}, {}, {}, {}},
                                     {{18, 14, 14, 14, 14, 18}, {}, {}, {}}, {{22, 17, 14, 14, 14, 22}, {}, 18, 24},
                                     {{12, 8, 6, 6, 5, 10}, {}, {}, {}},     {{32, 29, 29, 28, 28, 34}, {}, {}, {}},
                                     {{22, 18, 9, 8, 7, 22}, 21, 17, 20}};
  const std::array<rtl::Memory, 6> memories{memory(single),    memory(simple_dual),
                                            memory(dual),      memory(one_write_two_reads),
                                            memory(unlimited), memory(dual, 2)};
  for (const int width : {480, 1920})
    for (std::size_t p = 0; p < expected.size(); ++p) {
      const Published pipeline = published()[p];
      const Graph g = graph(pipeline.stages, pipeline.reads, width, 64);
      for (std::size_t m = 0; m < memories.size(); ++m) {
        const auto began = std::chrono::steady_clock::now();
        const Schedule s = schedule(g, memories[m], {.objective = Objective::lines});
        const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
        EXPECT_EQ(s.lines(), expected[p].k1[m]) << pipeline.name << " width " << width << " memory " << m;
        EXPECT_EQ(s.bound, s.objective);
        EXPECT_LT(seconds, 20) << pipeline.name << " memory " << m;
      }
      Graph g0 = graph(pipeline.stages, pipeline.reads, width, 64, 0);
      for (Edge& e : g0.edges) e.window.left = e.window.right = 0;  // without look-ahead
      const auto lines = [&](const rtl::Memory& m) { return schedule(g0, m, {.objective = Objective::lines}).lines(); };
      const std::array<std::pair<std::optional<int>, int>, 3> k0{
          {{expected[p].k0_single, 0}, {expected[p].k0_simple_dual, 1}, {expected[p].k0_pairs, 5}}};
      for (const auto& [total, m] : k0)
        if (total) {
          EXPECT_EQ(lines(memories[static_cast<std::size_t>(m)]), *total) << pipeline.name;
        }
    }
}

/// Small enough to try everything: each stage but the first reads one or two before it.
Graph random_graph(Random& random, int stages) {
  const auto pick = [&](int low, int high) {
    return low + static_cast<int>(random.below(static_cast<std::uint64_t>(high - low + 1)));
  };
  Graph g{.width = pick(2, stages == 3 ? 4 : 2), .height = 8, .latency = pick(0, 2)};
  for (int s = 0; s < stages; ++s) {
    g.stages.push_back({.name = std::string(1, static_cast<char>('a' + s)), .bits = 8});
    if (s == 0) continue;
    for (const int from : {pick(0, s - 1), pick(0, s - 1)}) {
      const int up = pick(-1, 1), left = pick(-1, 1);
      const Edge e{from, s, {up, pick(-up, 1), left, pick(-left, 1)}};
      const bool known =
          std::ranges::any_of(g.edges, [&](const Edge& o) { return o.producer == from && o.consumer == s; });
      if (!known) g.edges.push_back(e);
    }
  }
  std::ranges::sort(g.edges, {}, [](const Edge& e) { return std::pair(e.consumer, e.producer); });
  return g;
}

/// The fewest lines of one buffer, by trying; -1 where no number does. It depends on its readers' distances alone.
class FewestLines {
 public:
  FewestLines(const Graph& g, int stage, const rtl::Memory& m) : g_(g), stage_(stage), memory_(m) {
    for (std::size_t e = 0; e < g.edges.size(); ++e)
      if (g.edges[e].producer == stage) edges_.push_back(&g.edges[e]);
  }
  int operator()(const std::vector<std::int64_t>& start) {
    if (edges_.empty()) return 0;
    std::vector<std::int64_t> key;
    for (const Edge* e : edges_)
      key.push_back(start[static_cast<std::size_t>(e->consumer)] - start[static_cast<std::size_t>(stage_)]);
    const auto [found, fresh] = known_.emplace(key, -1);
    if (fresh) found->second = fewest(start);
    return found->second;
  }

 private:
  int fewest(const std::vector<std::int64_t>& start) const {
    std::int64_t farthest = 0, kept = 0;
    bool pointwise = true;
    for (const Edge* e : edges_) {
      const std::int64_t distance = fetch_start(g_, start, *e) - start[static_cast<std::size_t>(stage_)];
      if (distance < e->window.down * g_.period() + 1) return -1;
      farthest = std::max(farthest, distance);
      kept = std::max(kept, distance + e->window.up * g_.period());
      pointwise = pointwise && e->window.height() == 1 && e->window.up == 0;
    }
    if (memory_.register_depth > 0 && pointwise && farthest <= memory_.register_depth) return 0;
    const int group = memory_.lines_per_block, rows = static_cast<int>(kept / g_.period());  // full ones
    const int first = std::max(1, rows / group) * group;
    for (int lines = first; lines <= first + 4 * group; lines += group)
      if (conflict(g_, start, {.stage = stage_, .lines = lines, .lines_per_block = group}, memory_.ports).empty())
        return lines;
    return -1;
  }

  const Graph& g_;
  int stage_;
  const rtl::Memory& memory_;
  std::vector<const Edge*> edges_;
  std::map<std::vector<std::int64_t>, int> known_;
};

int fewest_of_all(const Graph& g, const rtl::Memory& m, int until) {
  std::vector<FewestLines> buffers;
  for (std::size_t s = 0; s < g.stages.size(); ++s) buffers.emplace_back(g, static_cast<int>(s), m);
  int best = -1;
  const std::int64_t earliest = -2 * g.width - 3;  // a window above its pixel may be computed before its source begins
  std::vector<std::int64_t> start(g.stages.size(), earliest);
  start[0] = 0;
  const auto next = [&] {
    for (std::size_t s = 1; s < start.size(); ++s) {
      if (++start[s] <= until) return true;
      start[s] = earliest;
    }
    return false;
  };
  do {
    int lines = 0;
    for (std::size_t s = 0; s < start.size() && lines >= 0; ++s) {
      const int n = buffers[s](start);
      lines = n < 0 ? -1 : lines + n;
    }
    if (lines >= 0 && (best < 0 || lines < best)) best = lines;
  } while (next());
  return best;
}

TEST(Schedule, IsBestOfAllOnSmallPipelines) {
  Random random(1);
  const std::array<rtl::Ports, 4> kinds{single, simple_dual, dual, one_write_two_reads};
  int possible = 0, widened = 0;
  for (int round = 0; round < 1000; ++round) {
    const Graph g = random_graph(random, round % 5 ? 3 : 4);
    const rtl::Memory m =
        memory(kinds[random.below(4)], 1 + static_cast<int>(random.below(2)), random.below(2) ? 3 : 0);
    const int best = fewest_of_all(g, m, (g.stages.size() == 3 ? 9 : 14) * g.width + 6);
    try {
      const Schedule s = schedule(g, m, {.objective = Objective::lines, .time_limit_s = 10, .suggest = false});
      EXPECT_EQ(s.bound, best) << "round " << round;
      EXPECT_EQ(s.objective, s.lines());
      widened += s.lines() > best;
      ++possible;
      for (const Buffer& b : s.buffers) {
        if (b.registers) continue;
        EXPECT_EQ(simulate(g, s.start, b.stage, b.lines, b.lines_per_block, m.ports), "");
        // fewer lines, starts unchanged, do not do
        if (s.lines() == best && b.lines > b.lines_per_block) {
          EXPECT_NE(simulate(g, s.start, b.stage, b.lines - b.lines_per_block, b.lines_per_block, m.ports), "")
              << "round " << round;
        }
      }
    } catch (const Error& e) {
      EXPECT_EQ(best, -1) << "round " << round << ": " << e.what();
    }
  }
  EXPECT_GT(possible, 700);
  EXPECT_LT(widened, 30);
}

TEST(Conflict, SaysWhatTheSimulatorSees) {
  Random random(2);
  const auto pick = [&](int low, int high) {
    return low + static_cast<int>(random.below(static_cast<std::uint64_t>(high - low + 1)));
  };
  const std::array<rtl::Ports, 5> kinds{single, simple_dual, dual, one_write_two_reads, rtl::Ports{.read_write = 3}};
  int legal = 0;
  for (int round = 0; round < 4000; ++round) {
    Graph g{
        .width = pick(2, 6),
        .height = 8,
        .latency = 0,
    };
    g.stages.push_back({.name = "p"});
    std::vector<std::int64_t> start{0};
    const int readers = pick(1, 4);
    for (int r = 1; r <= readers; ++r) {
      const int up = pick(-1, 2);
      g.stages.push_back({.name = "r"});
      g.edges.push_back({0, r, {up, pick(-up, 2), 0, 0}});
      start.push_back(std::max(1, g.edges.back().window.down * g.width + pick(0, 3 * g.width)));
    }
    const int group = pick(1, 3);
    const Buffer buffer{.stage = 0, .lines = group * pick(1, 6 / group + 1), .lines_per_block = group};
    const rtl::Ports& ports = kinds[static_cast<std::size_t>(pick(0, 4))];
    const std::string said = conflict(g, start, buffer, ports),
                      seen = simulate(g, start, 0, buffer.lines, group, ports);
    EXPECT_EQ(said.empty(), seen.empty()) << said << " | " << seen << " round " << round;
    legal += said.empty();
  }
  EXPECT_GT(legal, 400);
}

/// A chain that halves and doubles at random, with second readers between stages of one size.
Graph random_rates(Random& random) {
  const auto pick = [&](int low, int high) {
    return low + static_cast<int>(random.below(static_cast<std::uint64_t>(high - low + 1)));
  };
  Graph g{.width = 8, .height = 8, .latency = pick(0, 2)};
  g.stages.push_back({.name = "a", .step = 1 << pick(0, 1)});
  for (int s = 1; s < pick(3, 5); ++s) {
    const auto read = [&](int from) {
      const int step = g.stages.back().step, source = g.stages[static_cast<std::size_t>(from)].step;
      const int up = pick(0, 1), right = pick(0, 1);
      g.edges.push_back({from, s, {up, pick(0, 1), 0, right}, std::max(1, step / source), std::max(1, source / step)});
    };
    g.stages.push_back({.name = std::string(1, static_cast<char>('a' + s)), .step = 1 << pick(0, 2)});
    read(s - 1);
    if (s > 1 && pick(0, 1)) read(pick(0, s - 2));
  }
  std::ranges::sort(g.edges, {}, [](const Edge& e) { return std::pair(e.consumer, e.producer); });
  return g;
}

TEST(Schedule, OfStagesOfSeveralSizes) {
  Random random(4);
  const std::array<rtl::Ports, 4> kinds{single, simple_dual, dual, one_write_two_reads};
  int buffers = 0;
  for (int round = 0; round < 150; ++round) {
    const Graph g = random_rates(random);
    const rtl::Memory m = memory(kinds[random.below(4)], 1, random.below(2) ? 4 : 0);
    const Schedule s = schedule(g, m, {.objective = Objective::lines, .time_limit_s = 10, .suggest = false});
    for (const Buffer& b : s.buffers) {
      if (b.registers) continue;
      EXPECT_EQ(simulate(g, s.start, b.stage, b.lines, b.lines_per_block, m.ports), "") << "round " << round;
      ++buffers;
    }
  }
  EXPECT_GT(buffers, 150);
}

TEST(Schedule, FiftyStages) {
  std::vector<std::string> stages{"s0"};
  std::vector<Edge> edges;
  Random random(3);
  Graph g{.width = 1920, .height = 1080};
  g.stages.push_back({.name = "s0", .bits = 16});
  for (int s = 1; s < 50; ++s) {
    g.stages.push_back({.name = "s" + std::to_string(s), .bits = 16});
    const int r = s % 3;
    g.edges.push_back({s - 1, s, {r, r, r, r}});
    if (s % 4 == 0) g.edges.insert(g.edges.end() - 1, {s - 3, s, {0, 0, 0, 0}});
  }
  const auto began = std::chrono::steady_clock::now();
  const Schedule s = schedule(g, memory(dual));
  EXPECT_LT(std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count(), 30);
  EXPECT_EQ(s.bound, s.objective);
}

TEST(Schedule, SaysWhichPortsWouldDo) {
  const Graph g = graph({"in", "box"}, {{"in", "box", 1, 1, 1, 1}}, 32, 32);
  try {
    schedule(g, memory(single, 2));
    FAIL();
  } catch (const Error& e) {
    EXPECT_THAT(e.what(), HasSubstr("'in'"));
    EXPECT_THAT(e.what(), HasSubstr("let no lines share a block"));
  }
}

}  // namespace
}  // namespace pare::imaging
