#include "pare/cluster/schedule.h"

#include <gtest/gtest.h>

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

constexpr Schedule all[] = {Schedule::gpipe, Schedule::one_f_one_b, Schedule::interleaved, Schedule::zb_h1};

std::vector<Pipeline> pipelines() {
  std::vector<Pipeline> out;
  for (const Schedule s : all)
    for (const int ranks : {1, 2, 3, 4, 8})
      for (const int m : {1, 2, 3, 4, 8, 16, 24})
        for (const int chunks : {1, 2, 3}) {
          const Pipeline p{s, ranks, m, chunks};
          if (chunks > 1 && (s != Schedule::interleaved || m % ranks)) continue;
          out.push_back(p);
        }
  return out;
}

std::string label(const Pipeline& p) {
  return std::string(name(p.schedule)) + " p=" + std::to_string(p.ranks) + " m=" + std::to_string(p.micro_batches) +
         " v=" + std::to_string(p.chunks);
}

PipelineTimeline equal_stages(const Pipeline& p, double f, double b, double w, double transfer = 0) {
  StageTimes times{f / p.chunks, b / p.chunks, w / p.chunks};
  if (!p.splits_backward()) times = {f / p.chunks, (b + w) / p.chunks, 0};
  const auto n = static_cast<std::size_t>(p.stages());
  return run_pipeline(p, std::vector(n, times), std::vector<double>(n, transfer));
}

TEST(Schedule, EveryPassOfEveryMicroBatchOnce) {
  for (const Pipeline& p : pipelines())
    for (int r = 0; r < p.ranks; ++r) {
      std::map<PassKind, std::set<std::pair<int, int>>> seen;
      const auto order = passes(p, r);
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
    std::vector<StageTimes> times(static_cast<std::size_t>(p.stages()));
    std::vector<double> transfer(times.size());
    for (auto& t : times) t = {uniform(random), uniform(random), p.splits_backward() ? uniform(random) : 0};
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
      if (p.schedule == Schedule::zb_h1) {
        if (p.micro_batches < p.ranks) {
          if (w < b) {
            EXPECT_NEAR(makespan, (m + ranks - 1) * (f + b) + w, 1e-9) << label(p);
          }
          continue;
        }
        // Qi et al. have w <= f; where w is longer than f, the ranks wait for that too (w <= b in all cases here)
        EXPECT_NEAR(makespan, m * whole + (ranks - 1) * (b + std::max(f - w, 0.0)), 1e-9) << label(p);
      } else {
        EXPECT_NEAR(makespan, m * whole + (ranks - 1) * whole / p.chunks, 1e-9) << label(p);
        EXPECT_NEAR(1 - m * whole / makespan, (ranks - 1) / (p.chunks * m + ranks - 1), 1e-12) << label(p);
      }
    }
}

TEST(Schedule, PeakOfMicroBatchesInFlight) {
  for (const Pipeline& p : pipelines())
    for (int r = 0; r < p.ranks; ++r) {
      const double m = p.micro_batches, left = p.ranks - r;
      double expected = std::min(left, m);  // 1F1B
      if (p.schedule == Schedule::gpipe) expected = m;
      if (p.schedule == Schedule::zb_h1) expected = std::min<double>(p.ranks, m);
      if (p.chunks > 1) expected = std::min(m, (2 * (left - 1) + (p.chunks - 1) * p.ranks + 1) / p.chunks);
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
      return 1 - m * (f + b + w) / equal_stages({schedule, ranks, m, 1}, f, b, w, transfer).span_s;
    };
    EXPECT_NEAR(rate(Schedule::one_f_one_b), v[6], 5.1e-5) << line;
    EXPECT_NEAR(rate(Schedule::zb_h1), v[8], 5.1e-5) << line;
  }
  EXPECT_EQ(rows, 9);
}

TEST(Schedule, RefusesWhatCannotRun) {
  EXPECT_THROW(parse_schedule("2f2b"), UsageError);
  for (const Schedule s : all) EXPECT_EQ(parse_schedule(std::string(name(s))), s);
  EXPECT_THROW(check({Schedule::one_f_one_b, 4, 8, 2}), UsageError);
  EXPECT_THROW(check({Schedule::interleaved, 4, 6, 2}), UsageError);
  EXPECT_THROW(check({Schedule::gpipe, 0, 1, 1}), UsageError);
  EXPECT_THROW(check({Schedule::gpipe, 1 << 16, 1 << 16, 1}), UsageError);
  EXPECT_NO_THROW(check({Schedule::interleaved, 4, 8, 2}));
}

}  // namespace
}  // namespace pare::cluster
