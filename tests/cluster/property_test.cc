// What holds of every plan: drawn by chance, all their passes looked at.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "pare/cluster/bounds.h"
#include "random_plan.h"

namespace pare::cluster {
namespace {

using Message = std::tuple<PassKind, int, int>;  // of a stage's forward or backward pass of a micro-batch

struct Event {
  int rank = 0;
  Interval time;
};

/// All passes of a plan by kind, stage and micro-batch; none may be there twice.
std::map<Message, Event> events(const Outline& o, const Prediction& p) {
  std::map<Message, Event> out;
  for (int r = 0; r < o.pipeline.ranks; ++r)
    for (const TimedPass& t : p.timeline.ranks[static_cast<std::size_t>(r)])
      EXPECT_TRUE(
          out.emplace(Message{t.pass.kind, o.pipeline.stage(r, t.pass.chunk), t.pass.micro_batch}, Event{r, t.time})
              .second);
  return out;
}

void check_no_overlap(const Prediction& p) {
  for (std::size_t r = 0; r < p.timeline.ranks.size(); ++r) {
    double last = 0;
    for (const TimedPass& pass : p.timeline.ranks[r]) {
      ASSERT_GE(pass.time.start_s, last);
      ASSERT_GE(pass.time.end_s, pass.time.start_s);
      last = pass.time.end_s;
    }
    ASSERT_GE(p.optimizers[r].start_s, last);
    ASSERT_GE(p.optimizers[r].start_s, p.gradients[r].end_s);
    ASSERT_LE(p.gradients[r].start_s, p.gradients[r].end_s);
    // gradients are there only while the last pass runs, or after it
    ASSERT_GE(p.gradients[r].start_s, p.timeline.ranks[r].back().time.start_s);
    ASSERT_LE(p.optimizers[r].end_s - p.timeline.spans[r].start_s, p.batch_time_s * (1 + 1e-12));
  }
}

/// Every pass once; a backward pass behind its forward pass, weights behind both.
void check_passes(const Outline& o, const std::map<Message, Event>& events) {
  const int kinds = o.pipeline.splits_backward() ? 3 : 2;
  ASSERT_EQ(events.size(), static_cast<std::size_t>(kinds * o.pipeline.stages() * o.pipeline.micro_batches));
  for (int s = 0; s < o.pipeline.stages(); ++s)
    for (int m = 0; m < o.pipeline.micro_batches; ++m) {
      const Event& forward = events.at({PassKind::forward, s, m});
      const Event& backward = events.at({PassKind::backward, s, m});
      ASSERT_GE(backward.time.start_s, forward.time.end_s);
      ASSERT_EQ(backward.rank, forward.rank);
      if (kinds == 3) {
        ASSERT_GE(events.at({PassKind::weight, s, m}).time.start_s, backward.time.end_s);
      }
    }
}

/// What a stage sends, its neighbour receives: once, and not before it has travelled.
void check_messages(const Outline& o, const std::map<Message, Event>& events) {
  std::set<Message> sent, received;
  const int stages = o.pipeline.stages();
  for (const auto& [message, event] : events) {
    const auto [kind, stage, micro_batch] = message;
    if (kind == PassKind::weight) continue;
    const int from = kind == PassKind::forward ? stage - 1 : stage + 1, to = 2 * stage - from;
    if (to >= 0 && to < stages) sent.insert(message);
    if (from < 0 || from >= stages) continue;
    received.insert({kind, from, micro_batch});
    const double travels = o.transfer_s[static_cast<std::size_t>(std::min(from, stage))];
    ASSERT_GE(event.time.start_s, events.at({kind, from, micro_batch}).time.end_s + travels);
  }
  ASSERT_EQ(sent, received);
}

/// The most micro-batches of a rank that are begun and not yet done with, counted from the timeline.
double in_flight(const Outline& o, const std::vector<TimedPass>& passes) {
  const PassKind last = o.pipeline.splits_backward() ? PassKind::weight : PassKind::backward;
  int held = 0, most = 0;
  for (const TimedPass& t : passes) {
    if (t.pass.kind == PassKind::forward) most = std::max(most, ++held);
    if (t.pass.kind == last) --held;
  }
  return static_cast<double>(most) / o.pipeline.chunks;
}

/// The same between the backward pass and the end of that for the weights.
double awaiting_weights(const Outline& o, const std::vector<TimedPass>& passes) {
  int held = 0, most = 0;
  for (const TimedPass& t : passes) {
    if (t.pass.kind == PassKind::backward) most = std::max(most, ++held);
    if (t.pass.kind == PassKind::weight) --held;
  }
  return o.pipeline.splits_backward() ? static_cast<double>(most) / o.pipeline.chunks : 0;
}

/// What is held of a schedule by times, of which part of a micro-batch goes with its backward pass.
double held_by_times(const Outline& o, const std::vector<TimedPass>& passes) {
  double held = 0, most = 0;
  for (const TimedPass& t : passes) {
    const double kept = o.pipeline.kept_for_weights;
    held += t.pass.kind == PassKind::forward ? 1 : t.pass.kind == PassKind::backward ? kept - 1 : -kept;
    most = std::max(most, held);
  }
  return most;
}

void check_memory(const Outline& o, const Prediction& p) {
  for (std::size_t r = 0; r < p.timeline.ranks.size(); ++r) {
    const auto& passes = p.timeline.ranks[r];
    const int rank = static_cast<int>(r);
    if (o.pipeline.by_times()) {
      ASSERT_LE(held_by_times(o, passes), peak_in_flight(o.pipeline, rank) + 1e-6);
      ASSERT_LE(held_by_times(o, passes), o.pipeline.limit() + 1e-6);
      ASSERT_LE(awaiting_weights(o, passes), peak_awaiting_weights(o.pipeline, rank));
    } else {
      ASSERT_EQ(in_flight(o, passes), peak_in_flight(o.pipeline, rank));
      ASSERT_EQ(awaiting_weights(o, passes), peak_awaiting_weights(o.pipeline, rank));
    }
  }
  const double first = in_flight(o, p.timeline.ranks[0]);
  if (o.pipeline.schedule == Schedule::gpipe) {
    ASSERT_EQ(first, o.pipeline.micro_batches);
  }
  if (o.pipeline.schedule == Schedule::one_f_one_b) {
    ASSERT_EQ(first, std::min(o.pipeline.ranks, o.pipeline.micro_batches));
  }
}

TEST(Property, OfEveryPlan) {
  std::mt19937 random(3);
  std::map<Schedule, int> seen;
  for (int i = 0; i < 150; ++i) {
    RandomPlan r = random_plan(random);
    r.space.training.post_validation = i % 3 == 0;
    r.space.schedules.assign(all_schedules.begin(), all_schedules.end());
    const auto all = strategies(r.network, r.cluster, r.space);
    for (int k = 0; k < 10 && !all.empty(); ++k) {
      const Strategy& s = all[random() % all.size()];
      SCOPED_TRACE(s.label());
      const Outline o = outline(r.network, s, r.cluster, DescribedCosts(r.cluster));
      const Prediction p = predict(o);
      ++seen[o.pipeline.schedule];
      check_no_overlap(p);
      const auto passes = events(o, p);
      check_passes(o, passes);
      check_messages(o, passes);
      check_memory(o, p);
      EXPECT_EQ(predict(o, Keep::spans).batch_time_s, p.batch_time_s);
      const double least = o.batch_time_s(least_ends(o.pipeline, o.times, o.transfer_s));
      const double most = o.latest_batch_time_s(latest_end(o.pipeline, o.times, o.transfer_s));
      EXPECT_LE(least, p.batch_time_s * (1 + 1e-12));
      EXPECT_GE(most, p.batch_time_s * (1 - 1e-12));
      if (HasFatalFailure()) return;
    }
  }
  for (const Schedule schedule : all_schedules) EXPECT_GT(seen[schedule], 30) << name(schedule);
}

}  // namespace
}  // namespace pare::cluster
