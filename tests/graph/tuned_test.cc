#include "pare/graph/tuned.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <tuple>
#include <vector>

#include "../kernels/reference.h"
#include "pare/base/simd.h"
#include "pare/base/stopwatch.h"
#include "pare/graph/select.h"

namespace pare::graph {
namespace {

using kernels::expected;
using kernels::Expected;
using kernels::Features;
using kernels::Float;
using kernels::Reduce;

/// Edges within small groups and anywhere, so that every subgraph has some.
Adjacency random_graph(std::int64_t vertices, bool weighted, Random& random) {
  std::vector<Edge> edges;
  for (std::int64_t i = 0; i < 4 * vertices; ++i) {
    const auto r = static_cast<std::int32_t>(random.below(vertices));
    const auto c = static_cast<std::int32_t>(
        random.below(2) ? random.below(vertices) : std::min<std::int64_t>(vertices - 1, r / 8 * 8 + random.below(8)));
    edges.push_back({r, c, weighted ? static_cast<float>(random.normal()) : 1});
  }
  Adjacency a = from_edges(vertices, vertices, std::move(edges));
  if (!weighted) a.weight = {};
  return a;
}

std::vector<KernelPlan> all_plans() {
  std::vector<KernelPlan> plans;
  for (const Order order : {Order::natural, Order::random, Order::community}) {
    plans.push_back({.order = order});
    plans.push_back({.order = order, .window = 16, .prefetch = 3});
    plans.push_back({.order = order, .column_tiles = 3});
    plans.push_back({.order = order, .copied = true, .prefetch = 2});
    plans.push_back({.order = order, .window = 32, .copied = true, .stream = true});
    for (const int block : {1, 7, 16, 256})
      for (const Intra intra : {Intra::tile, Intra::local})
        for (const Inter inter : {Inter::rows, Inter::coordinates})
          plans.push_back({.order = order, .block = block, .intra = intra, .inter = inter, .stream = block == 7});
  }
  return plans;
}

class Plans : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override { set_simd(GetParam()); }
  void TearDown() override { set_simd(""); }
};
INSTANTIATE_TEST_SUITE_P(All, Plans, testing::ValuesIn(simd_targets()), [](const auto& info) { return info.param; });

TEST_P(Plans, AllComputeTheSame) {
  std::uint64_t seed = 0;
  for (const std::int64_t vertices : {1, 5, 130, 600})
    for (const bool weighted : {false, true})
      for (const KernelPlan& plan : all_plans()) {
        Random random(++seed);
        const Tuned tuned(random_graph(vertices, weighted, random));
        const Adjacency& a = tuned.matrix();
        const bool tile = plan.intra == Intra::tile, tiles = plan.column_tiles > 1;
        const auto reduce = plan.block == 0 && !tiles && random.below(3) == 0 ? Reduce::max
                            : random.below(2)                                 ? Reduce::mean
                                                                              : Reduce::sum;
        // what a plan does not do, the selector does not offer
        const std::int64_t width = tiles ? 32 : 1 + static_cast<std::int64_t>(random.below(70));
        const Float type = !tiles && random.below(3) == 0 ? Float::bfloat16 : Float::float32;
        const Features x(vertices, width, 0, type, random);
        Features y(vertices, width, 0, type, random);
        const auto given = kernels::random_floats(a.nonzeros(), random),
                   scale = kernels::random_floats(vertices, random), bias = kernels::random_floats(width, random);
        const bool gives = !tile && reduce != Reduce::max && random.below(2) == 0;
        kernels::Weights weights;
        if (gives) weights.edge = given.data();
        const kernels::Epilogue epilogue{.row_scale = scale.data(), .self = 0.5, .own = x.in(), .bias = bias.data()};
        tuned.aggregate(plan, weights, reduce, x.in(), epilogue, y.out());
        const float* own = gives || a.weight.empty() ? nullptr : a.weight.data();
        for (std::int64_t r = 0; r < vertices; ++r)
          for (std::int64_t f = 0; f < width; ++f) {
            const Expected e = expected(a.view(), own, weights, reduce, x, epilogue, &x, r, f);
            ASSERT_NEAR(y.at(r, f), e.value, tolerance(e, type)) << name_of(plan) << ", seed " << seed << ", row " << r;
          }
      }
}

// what TuneOptions::same_sums promises
TEST_P(Plans, ThatAddInTheSameOrderAgreeToTheBit) {
  Random random(11);
  const std::int64_t vertices = 600;
  const Tuned tuned(random_graph(vertices, false, random));
  for (const int heads : {1, 2, 3, 8})
    for (const std::int64_t part : {1, 4, 7, 8, 16, 40}) {
      const std::int64_t width = heads * part;
      const Features x(vertices, width, 0, Float::float32, random);
      const auto given = kernels::random_floats(tuned.matrix().nonzeros() * heads, random);
      std::vector<float> first;
      for (const Order order : {Order::natural, Order::community})
        for (const int window : {0, 16})
          for (const bool copied : {false, true})
            for (const bool stream : {false, true}) {
              const KernelPlan plan{
                  .order = order, .window = window, .copied = copied, .prefetch = 2, .stream = stream};
              Features y(vertices, width, 0, Float::float32, random);
              tuned.aggregate(plan, {.edge = given.data(), .heads = heads}, Reduce::sum, x.in(), {}, y.out());
              std::vector<float> sums;
              for (std::int64_t r = 0; r < vertices; ++r)
                for (std::int64_t f = 0; f < width; ++f) sums.push_back(static_cast<float>(y.at(r, f)));
              if (first.empty()) first = sums;
              ASSERT_EQ(first, sums) << name_of(plan) << ", " << heads << " heads of " << part;
            }
    }
}

TEST(Tuned, ChoosesOnceForAUse) {
  Random random(3);
  const Tuned tuned(random_graph(3000, false, random), {.remember = false});
  const Features x(3000, 32, 0, Float::float32, random);
  Features y(3000, 32, 0, Float::float32, random);
  for (int i = 0; i < 2; ++i) tuned.aggregate({}, Reduce::sum, x.in(), {}, y.out());
  const auto choices = tuned.choices();
  ASSERT_EQ(choices.size(), 1u);
  const Choice& choice = choices.begin()->second;
  EXPECT_GE(choice.trials.size(), 3u);
  EXPECT_NE(std::ranges::find(choice.trials, choice.plan, &Trial::plan), choice.trials.end());
  const Features narrow(3000, 4, 0, Float::float32, random);
  Features out(3000, 4, 0, Float::float32, random);
  tuned.aggregate({}, Reduce::sum, narrow.in(), {}, out.out());
  EXPECT_EQ(tuned.choices().size(), 2u);
}

TEST(Select, LeavesOutWhatCannotPay) {
  const auto inside = [](Order, int) { return 0.5; };
  // a few rows of features stay in the cache whatever the order
  const auto small = layouts_to_try({100, 100, 1000, true, true, 64, 64, true, true}, {}, inside);
  for (const KernelPlan& p : small) EXPECT_EQ(p.order, Order::natural);
  // a sparse block's dense tile is mostly zeros; a dense one's is tried
  const auto tiles = [](const std::vector<KernelPlan>& plans) {
    return std::ranges::count(plans, Intra::tile, &KernelPlan::intra);
  };
  EXPECT_EQ(tiles(layouts_to_try({100000, 100000, 300000, true, true, 64, 64, true, true}, {}, inside)), 0);
  EXPECT_GT(tiles(layouts_to_try({100000, 100000, 1600000, true, true, 64, 64, true, true}, {}, inside)), 0);
  // nothing is split where weights are given, or the matrix is not square
  EXPECT_EQ(tiles(layouts_to_try({100000, 100000, 1600000, true, false, 64, 64, true, true}, {}, inside)), 0);
  for (const KernelPlan& p : layouts_to_try({100000, 50, 1600000, false, false, 64, 64, false, true}, {}, inside))
    EXPECT_EQ(p.block, 0);
}

// The few best, in the order in which they were tried; a layout that was tried with both ways to store is one of three.
TEST(Select, FewAreLeft) {
  std::vector<Trial> trials;
  for (const auto& [window, stream, seconds] : {std::tuple{1, false, 1.1},
                                                {1, true, 1.05},
                                                {2, false, 1.0},
                                                {2, true, 1.02},
                                                {3, false, 1.12},
                                                {4, false, 2.0}})
    trials.push_back({{.window = window, .stream = stream}, seconds, 1});
  const auto windows = [](const std::vector<KernelPlan>& plans) {
    std::vector<int> out;
    for (const KernelPlan& p : plans)
      if (out.empty() || out.back() != p.window) out.push_back(p.window);
    return out;
  };
  EXPECT_EQ(windows(leaders(trials, 3, 1.15)), (std::vector{1, 2}));
  const Shape large{.rows = 1 << 20, .columns = 1 << 20, .nonzeros = 1 << 24, .row_bytes = 64, .out_bytes = 64};
  const auto left = finals(large, trials);
  EXPECT_EQ(windows(left), (std::vector{1, 2, 3}));
  EXPECT_EQ(std::ranges::count(left, true, &KernelPlan::stream) * 2, std::ssize(left));
  EXPECT_TRUE(leaders({}).empty());
}

TEST(Select, FindsTheFastest) {
  const std::vector<KernelPlan> plans{{.window = 3}, {.window = 1}, {.window = 4}};
  const auto trials = race(
      plans,
      [](const KernelPlan& p) {
        const Stopwatch watch;
        while (watch.seconds() < 0.002 * p.window) continue;
      },
      Effort::usual);
  EXPECT_EQ(fastest(trials, 0.02).plan.window, 1);
  EXPECT_LE(trials[2].runs, trials[1].runs);
}

TEST(Select, PrefersTheSimplerOfEquals) {
  const std::vector<Trial> trials{{{.window = 0}, 1.01, 3}, {{.window = 16}, 1.00, 3}, {{.window = 32}, 2.0, 3}};
  EXPECT_EQ(fastest(trials, 0.02).plan.window, 0);
  EXPECT_EQ(fastest(trials, 0).plan.window, 16);
}

}  // namespace
}  // namespace pare::graph
