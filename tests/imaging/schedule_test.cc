#include "pare/imaging/schedule.h"

#include <gmock/gmock.h>

#include <array>
#include <chrono>
#include <numeric>
#include <optional>

#include "graphs.h"
#include "pare/base/error.h"
#include "pare/base/random.h"
#include "pare/imaging/ports.h"

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

/// All starts of B and C up to 80: how many need the fewest lines, and the first and last of each among them.
struct Best {
  int lines = -1, schedules = 0;
  std::array<std::int64_t, 4> range{};  // of B, of C
  bool operator==(const Best&) const = default;
};

Best best_of_all(const Graph& g, const rtl::Memory& m) {
  Best best;
  for (std::int64_t b = 0; b <= 80; ++b)
    for (std::int64_t c = 0; c <= 80; ++c) {
      const std::vector<std::int64_t> start{0, b, c};
      const auto lines = [&](int stage) {
        for (int n = m.lines_per_block; n <= 24; n += m.lines_per_block)
          if (conflict(g, start, {.stage = stage, .lines = n, .lines_per_block = m.lines_per_block}, m.ports).empty())
            return n;
        return 1000;
      };
      const int sum = lines(0) + lines(1);
      if (sum >= 1000 || (best.lines >= 0 && sum > best.lines)) continue;
      if (sum != best.lines) best = {sum, 0, {b, b, c, c}};
      ++best.schedules;
      auto& r = best.range;
      r = {std::min(r[0], b), std::max(r[1], b), std::min(r[2], c), std::max(r[3], c)};
    }
  return best;
}

TEST(Schedule, WorkedExampleHasTheseOptima) {
  const Graph g = worked();
  EXPECT_EQ(best_of_all(g, memory({.read_write = 3}, 1, 0)), (Best{4, 21, {9, 14, 10, 15}}));
  EXPECT_EQ(best_of_all(g, memory(dual, 1, 0)), (Best{5, 35, {9, 16, 16, 23}}));
  EXPECT_EQ(best_of_all(g, memory(single, 1, 0)), (Best{11, 1, {16, 16, 40, 40}}));
  EXPECT_EQ(best_of_all(g, memory(dual, 2, 0)), (Best{12, 44, {16, 24, 40, 48}}));
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
        EXPECT_LT(seconds, 5) << pipeline.name << " memory " << m;
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

/// The fewest lines of one buffer in which every access keeps to a port, by trying; -1 where no number does. It depends
/// on its readers' distances alone.
class FewestLines {
 public:
  FewestLines(const Graph& g, int stage, const rtl::Memory& m) : g_(g), stage_(stage), memory_(m) {
    for (std::size_t e = 0; e < g.edges.size(); ++e)
      if (g.edges[e].producer == stage) edges_.push_back(&g.edges[e]);
  }
  /// Of the stages that read it.
  int last() const { return edges_.empty() ? stage_ : edges_.back()->consumer; }
  int operator()(const std::vector<std::int64_t>& start) {
    std::vector<std::int64_t> key;
    for (const Edge* e : edges_)
      key.push_back(start[static_cast<std::size_t>(e->consumer)] - start[static_cast<std::size_t>(stage_)]);
    const auto [found, fresh] = known_.emplace(key, -1);
    if (fresh) found->second = fewest(start);
    return found->second;
  }

  /// Of lines, for the pixels that must be kept; -1 where one is read before it is written.
  int at_least(const std::vector<std::int64_t>& start) const {
    std::int64_t farthest = 0, kept = 0;
    bool pointwise = true;
    for (const Edge* e : edges_) {
      const std::int64_t distance = fetch_start(g_, start, *e) - start[static_cast<std::size_t>(stage_)];
      if (distance < e->window.down * pitch() + 1) return -1;
      farthest = std::max(farthest, distance);
      kept = std::max(kept, distance + e->window.up * pitch());
      pointwise = pointwise && e->window.height() == 1 && e->window.up == 0 && e->multiply == 1 && e->divide == 1;
    }
    const bool registers = memory_.register_depth > 0 && pitch() == g_.period() && pointwise;
    if (edges_.empty() || (registers && farthest <= memory_.register_depth)) return 0;
    return std::max(1, static_cast<int>(kept / pitch()));  // full ones
  }

 private:
  int fewest(const std::vector<std::int64_t>& start) const {
    const int least = at_least(start), group = memory_.lines_per_block;
    if (least <= 0) return least;
    const int first = std::max(1, least / group) * group;
    for (int lines = first; lines <= first + 4 * group; lines += group) {
      Buffer b{.stage = stage_, .lines = lines, .lines_per_block = group};
      if (conflict(g_, start, b, memory_.ports).empty() && assign_ports(g_, start, b, memory_.ports).empty())
        return lines;
    }
    return -1;
  }

  std::int64_t pitch() const { return g_.stages[static_cast<std::size_t>(stage_)].step * std::int64_t{g_.period()}; }

  const Graph& g_;
  int stage_;
  const rtl::Memory& memory_;
  std::vector<const Edge*> edges_;
  std::map<std::vector<std::int64_t>, int> known_;
};

/// Every schedule with starts up to `until`, but for those that begin like one that needs as many lines already.
class FewestOfAll {
 public:
  FewestOfAll(const Graph& g, const rtl::Memory& m, std::int64_t until) : until_(until), start_(g.stages.size()) {
    for (std::size_t s = 0; s < g.stages.size(); ++s) buffers_.emplace_back(g, static_cast<int>(s), m);
    int pitch = g.period();
    for (const StageShape& s : g.stages) pitch = std::max(pitch, s.step * g.period());
    earliest_ = -2 * pitch - 3;  // a window above its pixel may be computed before its source begins
    place(1, 0);
  }
  int lines() const { return best_; }

 private:
  /// The stages before `stage` have starts; their buffers take `lines`, as far as all who read them have, too.
  void place(std::size_t stage, int lines) {
    if (stage == start_.size()) {
      best_ = lines;
      return;
    }
    for (start_[stage] = earliest_; start_[stage] <= until_; ++start_[stage]) {
      const auto with_buffers = [&](auto lines_of) {
        int sum = lines;
        for (FewestLines& b : buffers_)
          if (b.last() == static_cast<int>(stage) && sum >= 0) {
            const int own = lines_of(b);
            sum = own < 0 ? -1 : sum + own;
          }
        return sum;
      };
      const auto worse = [&](int sum) { return sum < 0 || (best_ >= 0 && sum >= best_); };
      if (worse(with_buffers([&](FewestLines& b) { return b.at_least(start_); }))) continue;
      if (const int sum = with_buffers([&](FewestLines& b) { return b(start_); }); !worse(sum)) place(stage + 1, sum);
    }
  }

  std::int64_t until_, earliest_ = 0;
  std::vector<std::int64_t> start_;
  std::vector<FewestLines> buffers_;
  int best_ = -1;
};

TEST(Schedule, IsBestOfAllOnSmallPipelines) {
  Random random(1);
  const std::array<rtl::Ports, 4> kinds{single, simple_dual, dual, one_write_two_reads};
  int possible = 0;
  for (int round = 0; round < 1000; ++round) {
    const Graph g = random_graph(random, round % 5 ? 3 : 4);
    const rtl::Memory m =
        memory(kinds[random.below(4)], 1 + static_cast<int>(random.below(2)), random.below(2) ? 3 : 0);
    const int best = FewestOfAll(g, m, (g.stages.size() == 3 ? 9 : 14) * g.width + 6).lines();
    try {
      const Schedule s = schedule(g, m, {.objective = Objective::lines, .time_limit_s = 10, .suggest = false});
      EXPECT_EQ(s.objective, best) << "round " << round;
      EXPECT_EQ(s.bound, s.objective);
      EXPECT_EQ(s.lines(), best) << "round " << round;
      ++possible;
      for (const Buffer& b : s.buffers) {
        if (b.registers) continue;
        EXPECT_EQ(simulate(g, s.start, b.stage, b.lines, b.lines_per_block, m.ports, true), "") << "round " << round;
        // fewer lines, starts unchanged, do not do
        if (b.lines > b.lines_per_block) {
          EXPECT_NE(simulate(g, s.start, b.stage, b.lines - b.lines_per_block, b.lines_per_block, m.ports, true), "")
              << "round " << round;
        }
      }
    } catch (const Error& e) {
      EXPECT_EQ(best, -1) << "round " << round << ": " << e.what();
    }
  }
  EXPECT_GT(possible, 700);
}

TEST(Conflict, SaysWhatTheSimulatorSees) {
  Random random(2);
  const auto pick = [&](int low, int high) {
    return low + static_cast<int>(random.below(static_cast<std::uint64_t>(high - low + 1)));
  };
  const std::array<rtl::Ports, 5> kinds{single, simple_dual, dual, one_write_two_reads, rtl::Ports{.read_write = 3}};
  int legal = 0, without_own_ports = 0;
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
    Buffer buffer{.stage = 0, .lines = group * pick(1, 6 / group + 1), .lines_per_block = group};
    const rtl::Ports& ports = kinds[static_cast<std::size_t>(pick(0, 4))];
    const std::string said = conflict(g, start, buffer, ports),
                      seen = simulate(g, start, 0, buffer.lines, group, ports);
    EXPECT_EQ(said.empty(), seen.empty()) << said << " | " << seen << " round " << round;
    if (!said.empty()) continue;
    ++legal;
    const bool own_ports = assign_ports(g, start, buffer, ports).empty();
    EXPECT_EQ(own_ports, simulate(g, start, 0, buffer.lines, group, ports, true).empty()) << "round " << round;
    without_own_ports += !own_ports;
  }
  EXPECT_GT(legal, 400);
  EXPECT_GT(without_own_ports, 5);
}

TEST(Conflict, SaysWhatTheSimulatorSeesOfSeveralSizes) {
  Random random(9);
  const auto pick = [&](int low, int high) {
    return low + static_cast<int>(random.below(static_cast<std::uint64_t>(high - low + 1)));
  };
  const std::array<rtl::Ports, 4> kinds{single, simple_dual, dual, one_write_two_reads};
  int legal = 0;
  for (int round = 0; round < 3000; ++round) {
    Graph g{.width = 6, .height = 12, .latency = 0};
    const int step = pick(1, 2);
    g.stages.push_back({.name = "p", .step = step});
    std::vector<std::int64_t> start{0};
    for (int r = pick(1, 2); r > 0; --r) {
      const int up = pick(0, 2), larger = pick(1, 3), smaller = step == 2 && larger == 1 ? pick(1, 2) : 1;
      g.stages.push_back({.name = "r", .step = step * larger / smaller});
      g.edges.push_back({0, static_cast<int>(g.stages.size()) - 1, {up, pick(0, 2), 0, 0}, larger, smaller});
      start.push_back(pick(1, 5 * step * g.width));
    }
    const int group = pick(1, 2);
    const Buffer buffer{.stage = 0, .lines = group * pick(1, 8 / group), .lines_per_block = group};
    const rtl::Ports& ports = kinds[static_cast<std::size_t>(pick(0, 3))];
    const std::string said = conflict(g, start, buffer, ports),
                      seen = simulate(g, start, 0, buffer.lines, group, ports);
    EXPECT_EQ(said.empty(), seen.empty()) << said << " | " << seen << " round " << round;
    legal += said.empty();
  }
  EXPECT_GT(legal, 150);
}

/// Each term of the constraints at its limit: a cycle less, as if the term were not there, and the simulator objects.
TEST(Conflict, EveryTermIsNeeded) {
  const auto both = [](const Graph& g, const std::vector<std::int64_t>& start, int lines, const rtl::Ports& ports) {
    const bool legal = conflict(g, start, {.stage = 0, .lines = lines}, ports).empty();
    EXPECT_EQ(legal, simulate(g, start, 0, lines, 1, ports).empty());
    return legal;
  };
  // C1: a row is read in the cycle after it was written; without the + 1 in the same
  const Graph down = graph({"p", "c"}, {{"p", "c", 0, 1, 0, 0}}, 8, 8, 0);
  EXPECT_TRUE(both(down, {0, 8 + 1}, 3, dual));
  EXPECT_FALSE(both(down, {0, 8}, 3, dual));
  // C2: a line is written again in the cycle after it was read
  const Graph up = graph({"p", "c"}, {{"p", "c", 1, 0, 0, 0}}, 8, 8, 0);
  EXPECT_TRUE(both(up, {0, 15}, 3, dual));
  EXPECT_FALSE(both(up, {0, 16}, 3, dual));
  // C3: the earlier of two readers still holds the row above its own (u), the later already the row below (d)
  const Graph two = graph({"p", "a", "b"}, {{"p", "a", 1, 0, 0, 0}, {"p", "b", 0, 1, 0, 0}}, 8, 8, 0);
  EXPECT_TRUE(both(two, {0, 9, 9 + (1 + 1 + 1) * 8}, 9, simple_dual));
  EXPECT_FALSE(both(two, {0, 9, 9 + (1 + 1 + 1) * 8 - 1}, 9, simple_dual));
  EXPECT_FALSE(both(two, {0, 9, 9 + (1 + 1) * 8}, 9, simple_dual));  // without u, or without d
  // C4: the writer comes round to the line again
  const Graph lone = graph({"p", "c"}, {{"p", "c", 0, 0, 0, 0}}, 8, 8, 0);
  EXPECT_TRUE(both(lone, {0, 8}, 2, single));
  EXPECT_FALSE(both(lone, {0, 9}, 2, single));
  EXPECT_TRUE(both(lone, {0, 9}, 3, single));
  // C7: who fetches together fetches once
  const Graph same = graph({"p", "a", "b"}, {{"p", "a", 0, 0, 0, 0}, {"p", "b", 0, 0, 0, 0}}, 8, 8, 0);
  EXPECT_TRUE(both(same, {0, 3, 3}, 1, dual));
  EXPECT_FALSE(both(same, {0, 3, 4}, 1, dual));
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
      EXPECT_EQ(simulate(g, s.start, b.stage, b.lines, b.lines_per_block, m.ports, true), "") << "round " << round;
      ++buffers;
    }
  }
  EXPECT_GT(buffers, 150);
}

TEST(Schedule, OfStagesOfSeveralSizesIsBestOfAll) {
  Random random(7);
  const std::array<rtl::Ports, 4> kinds{single, simple_dual, dual, one_write_two_reads};
  for (int round = 0; round < 400; ++round) {
    Graph g = random_rates(random);
    while (g.stages.size() > 3) {
      std::erase_if(g.edges, [&](const Edge& e) { return e.consumer == std::ssize(g.stages) - 1; });
      g.stages.pop_back();
    }
    g.width = 4;
    const rtl::Memory m = memory(kinds[random.below(4)], 1 + static_cast<int>(random.below(2)), 0);
    const int best = FewestOfAll(g, m, 160).lines();
    try {
      const Schedule s = schedule(g, m, {.objective = Objective::lines, .time_limit_s = 10, .suggest = false});
      EXPECT_EQ(s.lines(), best) << "round " << round;
      EXPECT_EQ(s.bound, s.objective) << "round " << round;
    } catch (const Error& e) {
      EXPECT_EQ(best, -1) << "round " << round << ": " << e.what();
    }
  }
}

/// Several pixels a clock: rows take fewer cycles, look-ahead is counted in words, legal all the same.
TEST(Schedule, OfSeveralPixelsAClock) {
  Random random(8);
  const std::array<rtl::Ports, 3> kinds{single, simple_dual, dual};
  for (int round = 0; round < 60; ++round) {
    Graph g = random_graph(random, 3);
    g.lanes = 2 << random.below(3);
    g.width *= g.lanes;
    for (Edge& e : g.edges) e.window.right += static_cast<int>(random.below(12));
    const rtl::Memory m = memory(kinds[random.below(3)], 1, 0);
    const Schedule s = schedule(g, m, {.objective = Objective::lines, .suggest = false});
    EXPECT_EQ(s.lines(), FewestOfAll(g, m, 9 * g.period() + 18).lines()) << "round " << round;
    for (const Edge& e : g.edges) {
      const int words = (e.window.right + g.lanes - 1) / g.lanes;  // that hold the columns to the right
      EXPECT_EQ(s.start[static_cast<std::size_t>(e.consumer)] - fetch_start(g, s.start, e),
                (e.window.right > 0 ? words : e.window.right / g.lanes) + g.latency);
    }
    for (const Buffer& b : s.buffers)
      EXPECT_EQ(simulate(g, s.start, b.stage, b.lines, b.lines_per_block, m.ports, true), "") << "round " << round;
  }
}

/// Each reads the one before it in 3 x 3 and, one in three, a pixel of one that lies two to four before.
TEST(Schedule, FiftyStages) {
  for (const std::uint64_t seed : {1, 2, 3})
    for (const rtl::Memory& m : {memory(dual), memory(simple_dual), memory(single), memory(dual, 2)}) {
      Random random(seed);
      Graph g{.width = 1920, .height = 1080};
      g.stages.push_back({.name = "s0", .bits = 16});
      for (int s = 1; s < 50; ++s) {
        g.stages.push_back({.name = "s" + std::to_string(s), .bits = 16});
        if (s >= 4 && random.below(3) == 0) g.edges.push_back({s - 2 - static_cast<int>(random.below(3)), s, {}});
        g.edges.push_back({s - 1, s, {1, 1, 1, 1}});
      }
      const auto began = std::chrono::steady_clock::now();
      const Schedule s = schedule(g, m, {.time_limit_s = 30});
      EXPECT_LT(std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count(), 30) << seed;
      EXPECT_EQ(s.bound, s.objective) << seed;
    }
}

TEST(Schedule, SaysWhichPortsWouldDo) {
  const Graph g = graph({"in", "box"}, {{"in", "box", 1, 1, 1, 1}}, 32, 32);
  try {
    schedule(g, memory(single, 2));
    FAIL();
  } catch (const Error& e) {
    EXPECT_THAT(e.what(), HasSubstr("a block of 'in' is asked for 2 accesses in one cycle by 'box', what writes it"));
    EXPECT_THAT(e.what(), HasSubstr("let no lines share a block"));
  }
}

}  // namespace
}  // namespace pare::imaging
