// Baselines against published totals, hand counts, a search over starts, and the optimum.
#include "pare/imaging/baselines.h"

#include <gmock/gmock.h>

#include <array>
#include <limits>
#include <numeric>
#include <random>

#include "pare/base/error.h"
#include "pare/imaging/parse.h"

namespace pare::imaging {
namespace {

using testing::HasSubstr;

Graph example(const char* name, int width, int height = 64) {
  return graph_of(read_pipeline(std::string(PARE_SOURCE_DIR) + "/examples/imaging/" + name + ".pipe"), width, height);
}

const Store& store(const Design& design, const std::string& stage) {
  return *std::ranges::find(design.stores, stage, &Store::stage);
}

/// Pixels that SODA's program keeps, as another implementation of it found.
TEST(Baselines, SodaKeepsThePublishedPixels) {
  struct Case {
    const char* name;
    std::int64_t narrow, wide;
  };
  for (const Case& c : {Case{"canny-s", 5291, 21131},
                        {"canny-m", 5291, 21131},
                        {"harris-s", 4810, 19210},
                        {"harris-m", 4810, 19210},
                        {"unsharp-m", 1441, 5761},
                        {"xcorr-m", 12489, 49929},
                        {"denoise-m", 2405, 9605}}) {
    EXPECT_EQ(soda_pixels(example(c.name, 480)), c.narrow) << c.name;
    EXPECT_EQ(soda_pixels(example(c.name, 1920)), c.wide) << c.name;
  }
}

/// No schedule that computes each pixel once keeps fewer: lines, chains of registers and windows together.
TEST(Baselines, NothingKeepsLessThanSoda) {
  for (const char* name : {"canny-s", "canny-m", "harris-s", "harris-m", "unsharp-m", "xcorr-m", "denoise-m"}) {
    const Graph g = example(name, 480);
    for (const char* memory : {"sram-single-port", "ice40", "xilinx7"}) {
      const Schedule s = schedule(g, rtl::find_memory(memory), {.objective = Objective::lines});
      std::int64_t pixels = 0;
      for (const Buffer& b : s.buffers) pixels += b.registers ? b.depth : std::int64_t{b.lines} * g.period();
      for (const Edge& e : g.edges) pixels += std::int64_t{e.window.height()} * (e.window.left + e.window.right);
      EXPECT_GE(pixels, soda_pixels(g)) << name << " " << memory;
    }
  }
}

/// Three or four stages, each of which reads one or two before it.
Graph random_graph(std::mt19937& random, int width) {
  const auto pick = [&](int low, int high) {
    return low + static_cast<int>(random() % static_cast<unsigned>(high - low + 1));
  };
  Graph g{.width = width, .height = 16};
  const int count = pick(3, 4);
  for (int s = 0; s < count; ++s)
    g.stages.push_back({.name = std::string(1, static_cast<char>('a' + s)),
                        .bits = pick(1, 16),
                        .is_input = s == 0,
                        .is_output = s == count - 1});
  for (int c = 1; c < count; ++c)
    for (int p = 0; p < c; ++p)
      if (p == c - 1 || pick(0, 2) == 0) g.edges.push_back({p, c, {pick(0, 1), pick(0, 2), pick(0, 1), pick(0, 1)}});
  return g;
}

/// All starts up to a limit, the sum of what each stage must keep.
std::int64_t least_pixels(const Graph& g, std::vector<std::int64_t>& start, std::size_t stage, std::int64_t most) {
  if (stage == g.stages.size()) {
    std::vector<std::int64_t> kept(g.stages.size());
    for (const Edge& e : g.edges) {
      auto& k = kept[static_cast<std::size_t>(e.producer)];
      k = std::max(k, start[static_cast<std::size_t>(e.consumer)] - start[static_cast<std::size_t>(e.producer)] +
                          e.window.up * g.width + e.window.left);
    }
    return std::accumulate(kept.begin(), kept.end(), std::int64_t{0});
  }
  std::int64_t first = 0, least = std::numeric_limits<std::int64_t>::max();
  for (const Edge& e : g.edges)
    if (e.consumer == static_cast<int>(stage))
      first = std::max(first, start[static_cast<std::size_t>(e.producer)] + e.window.down * g.width + e.window.right);
  for (std::int64_t s = first; s <= (stage == 0 ? 0 : most); ++s) {
    start[stage] = s;
    least = std::min(least, least_pixels(g, start, stage + 1, most));
  }
  return least;
}

TEST(Baselines, SodaKeepsAsLittleAsAnyStarts) {
  std::mt19937 random(11);
  for (int i = 0; i < 40; ++i) {
    const Graph g = random_graph(random, 4);
    std::vector<std::int64_t> start(g.stages.size());
    EXPECT_EQ(soda_pixels(g), least_pixels(g, start, 0, 30)) << i;
  }
}

TEST(Baselines, SodaPutsLongPiecesInMemory) {
  // i of 8 bits, 3 x 3: two gaps of 478 pixels, five of one; then et
  const Graph g{.stages = {{.name = "i", .is_input = true}, {.name = "o", .is_output = true}},
                .edges = {{0, 1, {1, 1, 1, 1}}},
                .width = 480,
                .height = 10};
  const Design d = soda(g, rtl::find_memory("ice40"));
  const Store& s = store(d, "i");
  EXPECT_EQ(s.bits, 2 * 478 * 8);
  EXPECT_EQ(s.register_bits, 6 * 8);
  EXPECT_EQ(s.lines, 2);
  EXPECT_EQ(s.blocks, 2);
  EXPECT_EQ(s.reads, 2 * 4800);
  EXPECT_EQ(d.ports_missing(), 0);
  EXPECT_THAT(soda(g, rtl::find_memory("sram-single-port")).note, HasSubstr("'i' needs 2, a block has 1"));
}

/// A is read by B in 3 x 3 and by C in 3 x 3, B by C: all start at once after one row.
TEST(Baselines, OfTheWorkedExample) {
  const Window square{1, 1, 1, 1};
  const Graph g{.stages = {{.name = "A", .is_input = true}, {.name = "B"}, {.name = "C", .is_output = true}},
                .edges = {{0, 1, square}, {0, 2, square}, {1, 2, {}}},
                .width = 480,
                .height = 10};
  rtl::Memory memory = rtl::find_memory("sram-dual-port");
  const Design early = asap(g, memory);
  // look-ahead of one column and a latency of two; C waits for B
  EXPECT_EQ(early.start, (std::vector<std::int64_t>{0, 484, 487}));
  EXPECT_EQ(early.ports_missing(), 1);
  EXPECT_THAT(early.note, HasSubstr("'A' needs 3, a block has 2"));
  memory.ports.read_write = 3;
  EXPECT_EQ(asap(g, memory).ports_missing(), 0);
  EXPECT_EQ(store(early, "B").register_bits, 8);
  // each reader of A its own three lines
  const Design twice = fixynn(g, memory);
  EXPECT_EQ(store(twice, "A for B").lines, 3);
  EXPECT_EQ(store(twice, "A for C").lines, 3);
  EXPECT_EQ(fixynn(g, rtl::find_memory("sram-single-port")).ports_missing(), 1);
}

TEST(Baselines, DarkroomPassesValuesOn) {
  const rtl::Memory dual = rtl::find_memory("xilinx7");
  // i; bx+i of three lines; by+i and what follows are registers
  const Design unsharp = darkroom(example("unsharp-m", 480), dual);
  EXPECT_EQ(unsharp.sum(&Store::lines), 6);
  EXPECT_EQ(unsharp.sum(&Store::blocks), 3);  // 16 bits side by side in 18
  // i+f of three lines, g+r1+i+f of three
  EXPECT_EQ(darkroom(example("denoise-m", 480), dual).sum(&Store::lines), 18);
  // one port: the reader keeps a row away from the writer, which takes a line more of each
  const Design apart = darkroom(example("denoise-m", 480), rtl::find_memory("sram-single-port"));
  EXPECT_EQ(apart.sum(&Store::lines), 24);
  EXPECT_EQ(apart.ports_missing(), 0);
}

TEST(Baselines, SamplingHasNoRowsAndChains) {
  const Graph g = example("gaussian-pyramid", 64);
  EXPECT_THROW(darkroom(g, rtl::find_memory("ice40")), Error);
  EXPECT_THROW(soda(g, rtl::find_memory("ice40")), Error);
  const auto designs = baselines(g, rtl::find_memory("xilinx7"));
  ASSERT_EQ(designs.size(), 2U);
  EXPECT_EQ(designs[0].name, "asap");
  EXPECT_EQ(designs[1].name, "fixynn");
}

TEST(Baselines, EnergyIsThatOfAllAccesses) {
  rtl::Memory memory = rtl::find_memory("sram-dual-port");
  const Graph g{.stages = {{.name = "i", .is_input = true}, {.name = "o", .is_output = true}},
                .edges = {{0, 1, {1, 1, 1, 1}}},
                .width = 480,
                .height = 10};
  EXPECT_FALSE(asap(g, memory).energy_pj(memory));
  memory.read_pj = {2, "test"};
  memory.write_pj = {3, "test"};
  EXPECT_EQ(asap(g, memory).energy_pj(memory), 4800 * (3 * 2 + 3));
  // a chain reads and writes both gaps
  EXPECT_EQ(soda(g, memory).energy_pj(memory), 4800 * 2 * (2 + 3));
}

/// Earliest starts are among those that the scheduler may choose, so where the memory can do them it is never worse.
TEST(Baselines, TheOptimumNeedsNoMoreThanTheEarliestStarts) {
  std::mt19937 random(12);
  int legal = 0, better = 0;
  for (int i = 0; i < 80; ++i) {
    const Graph g = random_graph(random, 16);
    rtl::Memory memory = rtl::find_memory(std::array{"sram-dual-port", "ice40", "sram-single-port"}[random() % 3]);
    memory.lines_per_block = 1 + static_cast<int>(random() % 2);
    memory.register_depth = static_cast<int>(random() % 8);
    if (i % 4 == 0) memory.ports.read_write = 3;
    const Design early = asap(g, memory);
    if (early.ports_missing() > 0) continue;
    ++legal;
    const Schedule best = schedule(g, memory, {.objective = Objective::lines});
    ASSERT_EQ(best.objective, best.bound);
    EXPECT_LE(best.lines(), early.sum(&Store::lines)) << i;
    better += best.lines() < early.sum(&Store::lines);
  }
  EXPECT_GE(legal, 20);
  EXPECT_GE(better, 1);
}

}  // namespace
}  // namespace pare::imaging
