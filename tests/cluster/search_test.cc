// The search against running everything, and its bounds against what the pipelines take.
#include "pare/cluster/search.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <set>

#include "pare/base/error.h"
#include "pare/cluster/bounds.h"
#include "pare/cluster/profile.h"
#include "random_plan.h"

namespace pare::cluster {
namespace {

std::vector<Plan> exhaustive(const RandomPlan& r) {
  std::vector<Plan> plans;
  for (const Strategy& s : strategies(r.network, r.cluster, r.space)) {
    Prediction p = predict(outline(r.network, s, r.cluster, DescribedCosts(r.cluster)), Keep::spans);
    if (p.peak_bytes() <= r.cluster.device.memory_bytes) plans.push_back({s, std::move(p)});
  }
  std::ranges::stable_sort(plans, {}, [&](const Plan& plan) {
    const double time = plan.prediction.batch_time_s, peak = plan.prediction.peak_bytes();
    switch (r.space.objective) {
      case Objective::time: return std::pair{time, peak};
      case Objective::money: return std::pair{time * plan.strategy.devices(), peak};
      default: return std::pair{peak, time};
    }
  });
  return plans;
}

/// Holds the search against running everything; counts what it ran and what it could have run.
void compare(const RandomPlan& r, std::size_t& run, std::size_t& feasible) {
  const std::vector<Plan> all = exhaustive(r);
  if (all.empty()) {
    EXPECT_THROW(search(r.network, r.cluster, r.space, DescribedCosts(r.cluster)), Error);
    return;
  }
  const Search found = search(r.network, r.cluster, r.space, DescribedCosts(r.cluster));
  ASSERT_EQ(found.feasible, all.size());
  ASSERT_EQ(found.best.size(), std::min<std::size_t>(10, all.size()));
  for (std::size_t k = 0; k < found.best.size(); ++k) {
    ASSERT_EQ(found.best[k].strategy.label(), all[k].strategy.label());
    ASSERT_EQ(found.best[k].prediction.batch_time_s, all[k].prediction.batch_time_s);
  }
  ASSERT_EQ(found.worst.strategy.label(), all.back().strategy.label());
  ASSERT_FALSE(found.best[0].prediction.timeline.ranks.empty());
  feasible += found.feasible;
  run += found.run;
}

TEST(Search, FindsWhatRunningEverythingFinds) {
  std::mt19937 random(9);
  std::size_t feasible = 0, run = 0;
  for (int i = 0; i < 20; ++i) {
    RandomPlan r = random_plan(random);
    r.space.training.post_validation = i % 4 == 0;
    if (i % 2) r.space.schedules.assign(all_schedules.begin(), all_schedules.end());
    for (const Objective objective : {Objective::time, Objective::money, Objective::memory}) {
      SCOPED_TRACE(std::to_string(i) + " " + std::string(name(objective)));
      r.space.objective = objective;
      compare(r, run, feasible);
      if (HasFatalFailure()) return;
    }
  }
  EXPECT_LT(2 * run, feasible);  // the bounds are worth their while
}

// GPT-3 175 B on 512 devices.
TEST(Search, FindsTheSameAmongLargePlans) {
  RandomPlan r;
  r.network = {};
  r.network.hidden = 12288;
  r.network.feed_forward = 4 * 12288;
  r.network.layers = r.network.heads = r.network.kv_heads = 96;
  r.network.vocabulary = 51200;
  r.network.head_width = 128;
  r.network.sequence = r.network.positions = 2048;
  r.cluster.device.matrix_flops = 3e14;
  r.cluster.device.memory_bandwidth = 2e12;
  r.cluster.device.memory_bytes = 8e10;
  r.cluster.nodes = 64;
  r.cluster.devices_per_node = 8;
  r.cluster.inside = {1e-6, 3e11};
  r.cluster.across = {1e-5, 2e11};
  r.space.batch = 1536;
  std::size_t feasible = 0, run = 0;
  compare(r, run, feasible);
  EXPECT_GT(feasible, 500u);
  EXPECT_LT(4 * run, feasible);
}

struct Zero {
  int zero = 0;
  bool sequence = false;
  int shard = 0;
};

std::vector<Zero> zeros_of(const SearchSpace& space, int devices) {
  std::vector<Zero> out;
  for (const int zero : space.zeros)
    for (const bool sequence : {false, true})
      for (int shard = 0; shard <= devices; ++shard) out.push_back({zero, sequence, shard});
  return out;
}

// Every tuple of widths and choices that the checks let pass, by counting through them all.
TEST(Search, LooksAtAllThatCanRun) {
  std::mt19937 random(11);
  for (int i = 0; i < 6; ++i) {
    RandomPlan r = random_plan(random);
    r.cluster.nodes = 1 + i % 2;
    r.cluster.devices_per_node = std::min(4, r.cluster.devices_per_node);
    r.space.batch = r.cluster.devices();
    if (i % 3 == 2) r.network.sequence = r.network.positions = 197;  // of an image: no tensor width divides it
    r.space.zeros = i < 4 ? std::vector{0, 1, 3} : std::vector{2};
    const auto& [t, c, space] = r;
    std::set<std::string> expected, found;
    const auto key = [](const Strategy& s) {
      return s.label() + (s.pipeline == 1 ? "" : " " + std::to_string(s.chunks));
    };
    const int n = c.devices();
    const std::vector<Zero> zeros = zeros_of(space, n);
    for (int data = 1; data <= n; ++data)
      for (int tensor = 1; tensor <= n; ++tensor)
        for (int pipeline = 1; pipeline <= n; ++pipeline)
          for (int context = 1; context <= n; ++context) {
            if (data * tensor * pipeline * context != n || t.sequence < 4096 * context * (context > 1)) continue;
            for (int expert = 1; expert <= 4; ++expert)
              for (int micro = 1; micro <= space.largest_micro_batch; ++micro)
                for (const Schedule schedule : space.schedules)
                  for (int chunks = 1; chunks <= space.most_chunks; ++chunks)
                    for (const Recompute recompute : space.recomputes)
                      for (const auto& [zero, sequence, shard] : zeros) {
                        const Strategy s{.data = data,
                                         .tensor = tensor,
                                         .pipeline = pipeline,
                                         .context = context,
                                         .expert = expert,
                                         .micro_batch = micro,
                                         .batch = space.batch,
                                         .schedule = schedule,
                                         .chunks = chunks,
                                         .recompute = recompute,
                                         .sequence_parallel = sequence,
                                         .zero = zero,
                                         .shard = shard};
                        if (sequence && tensor == 1) continue;
                        if (zero == 2 && pipeline > 1) continue;
                        if (shard > 0 &&
                            (zero == 0 || shard == 1 || shard == data * context || shard * tensor % c.devices_per_node))
                          continue;
                        if (pipeline == 1 && (schedule != Schedule::one_f_one_b || chunks > 1)) continue;
                        if ((schedule == Schedule::interleaved || schedule == Schedule::zb_v) && chunks == 1) continue;
                        if (recompute == Recompute::selective && space.training.flash_attention) continue;
                        if (zero > 0 && s.replicas() == 1) continue;
                        try {
                          check(s, t, c);
                        } catch (const UsageError&) {
                          continue;
                        }
                        expected.insert(key(s));
                      }
          }
    for (const Strategy& s : strategies(t, c, space)) {
      EXPECT_NO_THROW(check(s, t, c)) << s.label();
      EXPECT_TRUE(found.insert(key(s)).second) << s.label();
    }
    EXPECT_EQ(found, expected);
  }
}

TEST(Bounds, HoldWhatThePipelinesTake) {
  std::mt19937 random(5);
  std::uniform_real_distribution<double> uniform(0.1, 2);
  for (int i = 0; i < 8000; ++i) {
    Pipeline p{all_schedules[random() % all_schedules.size()], static_cast<int>(1 + random() % 8)};
    p.micro_batches = static_cast<int>(1 + random() % 20);
    p.apart = random() % 2;
    p.kept_for_weights = std::array{0.4, 1.0}[random() % 2];
    if (p.schedule == Schedule::zb_v) p.chunks = 2;
    if (p.schedule == Schedule::interleaved) {
      p.chunks = static_cast<int>(1 + random() % 4);
    }
    const auto stages = static_cast<std::size_t>(p.stages());
    const bool equal = random() % 2, free = random() % 2;
    std::vector<StageTimes> times(stages);
    std::vector<double> transfer(stages, 0);
    for (auto& t : times) t = {uniform(random), uniform(random), p.splits_backward() ? uniform(random) : 0};
    if (equal) times.assign(stages, times[0]);
    if (!free)
      for (auto& t : transfer) t = uniform(random) / 4;
    const auto timeline = run_pipeline(p, times, transfer, Keep::spans);
    const auto least = least_ends(p, times, transfer);
    const std::string what = std::string(name(p.schedule)) + " p=" + std::to_string(p.ranks) +
                             " m=" + std::to_string(p.micro_batches) + " v=" + std::to_string(p.chunks);
    for (std::size_t r = 0; r < least.size(); ++r) ASSERT_LE(least[r], timeline.spans[r].end_s + 1e-9) << what;
    ASSERT_GE(latest_end(p, times, transfer), (p.apart ? timeline.span_s : timeline.end_s) - 1e-9) << what;
    const bool fills = p.chunks == 1 || p.micro_batches >= p.ranks;
    if (equal && free && fills && !p.splits_backward()) {
      ASSERT_NEAR(*std::ranges::max_element(least), timeline.end_s, 1e-9) << what;
      ASSERT_NEAR(latest_end(p, times, transfer), timeline.end_s, 1e-9) << what;
    }
  }
}

TEST(Search, SaysWhichProfileHoldsNothing) {
  std::mt19937 random(1);
  const RandomPlan r = random_plan(random);
  Profile profile;
  profile.where = "mine.json";
  try {
    search(r.network, r.cluster, r.space, ProfiledCosts(profile, r.cluster));
    FAIL();
  } catch (const NotProfiled& e) {
    EXPECT_EQ(e.where(), "mine.json");
    EXPECT_NE(e.mend().find("--largest-micro-batch"), std::string::npos);
  }
}

TEST(Search, NothingFitsOrNothingDivides) {
  std::mt19937 random(1);
  RandomPlan r = random_plan(random);
  r.cluster.device.memory_bytes = 1;
  EXPECT_THROW(search(r.network, r.cluster, r.space, DescribedCosts(r.cluster)), Error);
  r.network.layers = 1;
  r.network.heads = r.network.kv_heads = 1;
  r.space.batch = 1;
  EXPECT_THROW(search(r.network, r.cluster, r.space, DescribedCosts(r.cluster)), UsageError);
}

}  // namespace
}  // namespace pare::cluster
