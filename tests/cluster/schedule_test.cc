#include "pare/cluster/schedule.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <fstream>
#include <map>
#include <random>
#include <set>
#include <sstream>

#include "pare/base/error.h"
#include "pare/cluster/pipeline.h"

namespace pare::cluster {
namespace {

std::vector<Pipeline> pipelines() {
  std::vector<Pipeline> out;
  for (const Schedule s : all_schedules)
    for (const int ranks : {1, 2, 3, 4, 8})
      for (const int m : {1, 2, 3, 4, 5, 8, 11, 14, 16, 24})
        for (const int chunks : {1, 2, 3}) {
          const Pipeline p{s, ranks, m, chunks};
          if ((s == Schedule::zb_v) != (chunks == 2) && s != Schedule::interleaved) continue;
          if (chunks > 2 && s != Schedule::interleaved) continue;
          out.push_back(p);
        }
  return out;
}

std::string label(const Pipeline& p) {
  return std::string(name(p.schedule)) + " p=" + std::to_string(p.ranks) + " m=" + std::to_string(p.micro_batches) +
         " v=" + std::to_string(p.chunks);
}

/// Of each stage to the next; free on a rank.
std::vector<double> transfers(const Pipeline& p, double between) {
  std::vector<double> out(static_cast<std::size_t>(p.stages()), between);
  for (int s = 0; s + 1 < p.stages(); ++s)
    if (p.rank(s) == p.rank(s + 1)) out[static_cast<std::size_t>(s)] = 0;
  return out;
}

PipelineTimeline equal_stages(const Pipeline& p, double f, double b, double w, double transfer = 0) {
  StageTimes times{f / p.chunks, b / p.chunks, w / p.chunks};
  if (!p.splits_backward()) times = {f / p.chunks, (b + w) / p.chunks, 0};
  const auto n = static_cast<std::size_t>(p.stages());
  return run_pipeline(p, std::vector(n, times), transfers(p, transfer));
}

std::vector<StageTimes> random_times(const Pipeline& p, std::mt19937& random) {
  std::uniform_real_distribution<double> uniform(0.1, 2);
  std::vector<StageTimes> times(static_cast<std::size_t>(p.stages()));
  for (auto& t : times) t = {uniform(random), uniform(random), p.splits_backward() ? uniform(random) : 0};
  return times;
}

TEST(Schedule, StagesAndTheirRanks) {
  for (const Pipeline& p : pipelines())
    for (int r = 0; r < p.ranks; ++r)
      for (int c = 0; c < p.chunks; ++c) EXPECT_EQ(p.rank(p.stage(r, c)), r) << label(p);
  const Pipeline vee{Schedule::zb_v, 4, 8, 2};
  EXPECT_EQ(vee.stage(3, 1), 4);
  EXPECT_EQ(vee.stage(0, 1), 7);
}

// What Megatron-LM's schedules.py accepts: groups of as many micro-batches as ranks at least, the last one too.
TEST(Schedule, GroupsOfTheInterleavedSchedule) {
  for (int ranks = 1; ranks <= 9; ++ranks)
    for (int m = 1; m <= 60; ++m) {
      const int group = Pipeline{Schedule::interleaved, ranks, m, 2}.group();
      const auto accepted = [&](int g) { return m % g == 0 || m % g >= ranks; };
      if (m < ranks) {
        EXPECT_EQ(group, m);
        continue;
      }
      ASSERT_GE(group, ranks);
      ASSERT_LE(group, m);
      EXPECT_TRUE(accepted(group)) << ranks << " " << m;
      for (int less = ranks; less < group; ++less) EXPECT_FALSE(accepted(less)) << ranks << " " << m;
    }
  EXPECT_EQ((Pipeline{Schedule::interleaved, 4, 14, 2}).group(), 5);  // 5, 5 and 4
}

TEST(Schedule, EveryPassOfEveryMicroBatchOnce) {
  std::mt19937 random(2);
  for (const Pipeline& p : pipelines())
    for (const auto& order : orders(p, random_times(p, random), transfers(p, 0.1))) {
      std::map<PassKind, std::set<std::pair<int, int>>> seen;
      for (const Pass& pass : order) seen[pass.kind].insert({pass.micro_batch, pass.chunk});
      const std::size_t each = static_cast<std::size_t>(p.micro_batches * p.chunks);
      ASSERT_EQ(order.size(), each * (p.splits_backward() ? 3 : 2)) << label(p);
      for (const auto& [kind, passes] : seen) ASSERT_EQ(passes.size(), each) << label(p);
    }
}

TEST(Schedule, PassesNeitherOverlapNorStartBeforeWhatTheyNeed) {
  std::mt19937 random(3);
  std::uniform_real_distribution<double> uniform(0.1, 2);
  for (const Pipeline& p : pipelines()) {
    const std::vector<StageTimes> times = random_times(p, random);
    std::vector<double> transfer(times.size());
    for (auto& t : transfer) t = uniform(random) / 4;
    const auto timeline = run_pipeline(p, times, transfer);
    std::map<std::tuple<PassKind, int, int>, Interval> at;  // kind, stage, micro-batch
    for (int r = 0; r < p.ranks; ++r) {
      double last = 0;
      for (const TimedPass& pass : timeline.ranks[static_cast<std::size_t>(r)]) {
        ASSERT_GE(pass.time.start_s, last) << label(p);
        last = pass.time.end_s;
        at[{pass.pass.kind, p.stage(r, pass.pass.chunk), pass.pass.micro_batch}] = pass.time;
      }
    }
    for (int s = 0; s < p.stages(); ++s)
      for (int m = 0; m < p.micro_batches; ++m) {
        const auto f = at.at({PassKind::forward, s, m}), b = at.at({PassKind::backward, s, m});
        ASSERT_GE(b.start_s, f.end_s) << label(p);
        if (p.splits_backward()) {
          ASSERT_GE(at.at({PassKind::weight, s, m}).start_s, b.end_s) << label(p);
        }
        if (s + 1 == p.stages()) continue;
        const double between = transfer[static_cast<std::size_t>(s)];
        ASSERT_GE(at.at({PassKind::forward, s + 1, m}).start_s, f.end_s + between) << label(p);
        ASSERT_GE(b.start_s, at.at({PassKind::backward, s + 1, m}).end_s + between) << label(p);
      }
  }
}

// Makespans with equal stages and free transfers: Narayanan et al. 2021, section 2.2; Qi et al. 2024, section 3.
TEST(Schedule, ClosedForms) {
  for (const Pipeline& p : pipelines())
    for (const auto& [f, b, w] : {std::tuple{1.0, 1.0, 1.0}, std::tuple{1.0, 1.5, 0.5}, std::tuple{2.0, 3.0, 3.0}}) {
      const double m = p.micro_batches, ranks = p.ranks, whole = f + b + w;
      const double makespan = equal_stages(p, f, b, w).end_s;
      if (p.schedule > Schedule::zb_h1) continue;
      if (p.schedule == Schedule::zb_h1) {
        if (p.micro_batches < p.ranks) {
          if (w < b) {
            EXPECT_NEAR(makespan, (m + ranks - 1) * (f + b) + w, 1e-9) << label(p);
          }
          continue;
        }
        // Qi et al. have w <= f; where w is longer than f, the ranks wait for that too (w <= b in all cases here)
        EXPECT_NEAR(makespan, m * whole + (ranks - 1) * (b + std::max(f - w, 0.0)), 1e-9) << label(p);
      } else if (p.chunks > 1 && p.micro_batches < p.ranks) {
        // a chunk waits for the one before as if there were as many micro-batches as ranks
        EXPECT_NEAR(makespan, (p.chunks * ranks + m - 1) * whole / p.chunks, 1e-9) << label(p);
      } else {
        EXPECT_NEAR(makespan, m * whole + (ranks - 1) * whole / p.chunks, 1e-9) << label(p);
        EXPECT_NEAR(1 - m * whole / makespan, (ranks - 1) / (p.chunks * m + ranks - 1), 1e-12) << label(p);
      }
    }
}

// Qi et al. 2024, table 1 and section 6. Of ZB-V the form is for passes that are as long as each other.
TEST(Schedule, ClosedFormsOfZeroBubble) {
  for (const Pipeline& p : pipelines()) {
    const double m = p.micro_batches, ranks = p.ranks;
    if (p.micro_batches < 2 * p.ranks - 1) continue;
    for (const auto& [f, b, w] : {std::tuple{1.0, 1.0, 1.0}, std::tuple{1.0, 1.0, 0.5}, std::tuple{2.0, 3.0, 1.0}}) {
      const double span = equal_stages(p, f, b, w).span_s;
      if (p.schedule == Schedule::zb_h2) {
        EXPECT_NEAR(span, m * (f + b + w) + (ranks - 1) * (f + b - 2 * w), 1e-9) << label(p);
      }
      if (p.schedule == Schedule::zb_v && f == b && b == w) {
        EXPECT_NEAR(span, m * (f + b + w), 1e-9) << label(p);
      }
    }
  }
}

TEST(Schedule, OrdersByTimesAreNoWorseThanThoseByHand) {
  std::mt19937 random(4);
  for (Pipeline p : pipelines()) {
    if (!p.by_times()) continue;
    p.apart = random() % 2;
    const auto times = random_times(p, random);
    const auto transfer = transfers(p, 0.1);
    const PipelineTimeline made = run_pipeline(p, times, transfer);
    p.schedule = p.schedule == Schedule::zb_1p ? Schedule::zb_h1 : Schedule::zb_h2;
    const PipelineTimeline by_hand = run_pipeline(p, times, transfer);
    if (p.apart)
      EXPECT_LE(made.span_s, by_hand.span_s) << label(p);
    else
      EXPECT_LE(made.end_s, by_hand.end_s) << label(p);
  }
}

// A micro-batch counts whole until its backward pass has ended, and as what its weights need from then on.
TEST(Schedule, OrdersByTimesKeepTheirLimit) {
  std::mt19937 random(6);
  for (Pipeline p : pipelines()) {
    if (!p.by_times()) continue;
    p.kept_for_weights = std::array{0.0, 0.4, 0.94, 1.0}[random() % 4];
    for (const auto& order : orders(p, random_times(p, random), transfers(p, 0.1))) {
      double held = 0;
      for (const Pass& pass : order) {
        held += pass.kind == PassKind::forward    ? 1
                : pass.kind == PassKind::backward ? p.kept_for_weights - 1
                                                  : -p.kept_for_weights;
        ASSERT_LE(held, p.limit() + 1e-6) << label(p);
      }
    }
  }
}

TEST(Schedule, PeakOfMicroBatchesInFlight) {
  for (const Pipeline& p : pipelines())
    for (int r = 0; r < p.ranks; ++r) {
      const double m = p.micro_batches, left = p.ranks - r;
      double expected = std::min(left, m);  // 1F1B
      if (p.schedule == Schedule::gpipe) expected = m;
      if (p.schedule == Schedule::zb_h1 || p.schedule == Schedule::zb_1p) expected = std::min<double>(p.ranks, m);
      if (p.schedule == Schedule::zb_h2) expected = std::min<double>(2 * p.ranks - 1, m);
      if (p.schedule == Schedule::zb_2p) expected = std::min<double>(2 * p.ranks, m);
      if (p.schedule == Schedule::zb_v) expected = (std::min(2.0 * p.ranks - r - 1, m) + std::min(r + 1.0, m)) / 2;
      if (p.chunks > 1 && p.schedule == Schedule::interleaved)
        expected = std::min(m, (2 * (left - 1) + (p.chunks - 1) * p.group() + 1) / p.chunks);
      EXPECT_DOUBLE_EQ(peak_in_flight(p, r), expected) << label(p) << " rank " << r;
    }
}

// Bubble rates that Qi et al. 2024 print in table 5 for the stage times of table 9.
TEST(Schedule, PublishedBubbleRates) {
  const char* assets = std::getenv("PARE_ASSETS");
  if (!assets) GTEST_SKIP() << "PARE_ASSETS is not set";
  std::ifstream file(std::string(assets) + "/cluster/zero_bubble_profile.csv");
  ASSERT_TRUE(file);
  std::string line;
  std::getline(file, line);
  int rows = 0;
  for (; std::getline(file, line); ++rows) {
    std::stringstream fields(line);
    std::string model;
    std::getline(fields, model, ',');
    std::vector<double> v;
    for (std::string field; std::getline(fields, field, ',');) v.push_back(std::stod(field));
    const int ranks = static_cast<int>(v[0]), m = static_cast<int>(v[1]);
    const double f = v[2], b = v[3], w = v[4], transfer = v[5];
    const auto rate = [&](Schedule schedule) {
      const Pipeline pipeline{.schedule = schedule, .ranks = ranks, .micro_batches = m, .apart = true};
      return 1 - m * (f + b + w) / equal_stages(pipeline, f, b, w, transfer).span_s;
    };
    EXPECT_NEAR(rate(Schedule::one_f_one_b), v[6], 5.1e-5) << line;
    EXPECT_NEAR(rate(Schedule::zb_h1), v[8], 5.1e-5) << line;
    EXPECT_NEAR(rate(Schedule::zb_h2), v[9], 5.1e-5) << line;
    EXPECT_NEAR(rate(Schedule::zb_1p), v[10], 5.1e-5) << line;
    EXPECT_NEAR(rate(Schedule::zb_2p), v[11], 5.1e-5) << line;
  }
  EXPECT_EQ(rows, 9);
}

TEST(Schedule, RefusesWhatCannotRun) {
  EXPECT_THROW(parse_schedule("2f2b"), UsageError);
  for (const Schedule s : all_schedules) EXPECT_EQ(parse_schedule(std::string(name(s))), s);
  EXPECT_THROW(check({Schedule::one_f_one_b, 4, 8, 2}), UsageError);
  EXPECT_THROW(check({Schedule::zb_v, 4, 8, 3}), UsageError);
  EXPECT_THROW(check({Schedule::zb_v, 4, 8, 1}), UsageError);
  EXPECT_NO_THROW(check({Schedule::interleaved, 4, 6, 2}));
  EXPECT_THROW(check({Schedule::gpipe, 0, 1, 1}), UsageError);
  EXPECT_THROW(check({Schedule::gpipe, 1 << 16, 1 << 16, 1}), UsageError);
  EXPECT_NO_THROW(check({Schedule::interleaved, 4, 8, 2}));
}

}  // namespace
}  // namespace pare::cluster
