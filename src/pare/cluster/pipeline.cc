#include "pare/cluster/pipeline.h"

#include <algorithm>
#include <cassert>
#include <limits>

#include "pare/base/progress.h"
#include "pare/cluster/automatic.h"

namespace pare::cluster {
namespace {

constexpr double not_yet = std::numeric_limits<double>::infinity();

double duration(const StageTimes& times, PassKind kind) {
  switch (kind) {
    case PassKind::forward: return times.forward_s;
    case PassKind::backward: return times.backward_s;
    case PassKind::weight: return times.weight_s;
  }
  return 0;
}

/// Ends of forward and backward passes, [stage][micro-batch].
class Ends {
 public:
  Ends(int stages, int micro_batches)
      : width_(static_cast<std::size_t>(micro_batches)),
        forward_(static_cast<std::size_t>(stages) * width_, not_yet),
        backward_(forward_) {}

  double& at(PassKind kind, int stage, int micro_batch) {
    const std::size_t i = static_cast<std::size_t>(stage) * width_ + static_cast<std::size_t>(micro_batch);
    return (kind == PassKind::forward ? forward_ : backward_)[i];
  }

 private:
  std::size_t width_;
  std::vector<double> forward_, backward_;
};

}  // namespace

std::vector<std::vector<Pass>> orders(const Pipeline& p, const std::vector<StageTimes>& times,
                                      const std::vector<double>& transfer_s) {
  if (p.by_times()) return automatic_orders(p, times, transfer_s);
  std::vector<std::vector<Pass>> out;
  out.reserve(static_cast<std::size_t>(p.ranks));
  for (int r = 0; r < p.ranks; ++r) out.push_back(passes(p, r));
  return out;
}

PipelineTimeline run_pipeline(const Pipeline& p, const std::vector<StageTimes>& times,
                              const std::vector<double>& transfer_s, Keep keep) {
  return run_orders(p, orders(p, times, transfer_s), times, transfer_s, keep);
}

PipelineTimeline run_orders(const Pipeline& p, const std::vector<std::vector<Pass>>& orders,
                            const std::vector<StageTimes>& times, const std::vector<double>& transfer_s, Keep keep) {
  const auto ranks = static_cast<std::size_t>(p.ranks);
  assert(times.size() == static_cast<std::size_t>(p.stages()) && transfer_s.size() == times.size());
  Ends ends(p.stages(), p.micro_batches);
  PipelineTimeline timeline;
  timeline.spans.resize(ranks);
  if (keep == Keep::passes) {
    timeline.ranks.resize(ranks);
    for (std::size_t r = 0; r < ranks; ++r) timeline.ranks[r].reserve(orders[r].size());
  }

  /// When what the pass needs from elsewhere is there; `not_yet` where that has not been run.
  const auto ready = [&](const Pass& pass, int stage) {
    if (pass.kind == PassKind::forward)
      return stage == 0 ? 0
                        : ends.at(PassKind::forward, stage - 1, pass.micro_batch) +
                              transfer_s[static_cast<std::size_t>(stage - 1)];
    if (pass.kind == PassKind::weight) return ends.at(PassKind::backward, stage, pass.micro_batch);
    const double own = ends.at(PassKind::forward, stage, pass.micro_batch);
    if (stage == p.stages() - 1) return own;
    return std::max(
        own, ends.at(PassKind::backward, stage + 1, pass.micro_batch) + transfer_s[static_cast<std::size_t>(stage)]);
  };

  // a rank runs until it has to wait for another, and is looked at again when a neighbour has come further
  std::vector<std::size_t> done(ranks, 0);
  std::vector<int> waiting;
  for (int r = p.ranks - 1; r >= 0; --r) waiting.push_back(r);
  while (!waiting.empty()) {
    const int rank = waiting.back();
    waiting.pop_back();
    stop_if_interrupted();
    const auto r = static_cast<std::size_t>(rank);
    const std::size_t before = done[r];
    Interval& span = timeline.spans[r];
    for (; done[r] < orders[r].size(); ++done[r]) {
      const Pass& pass = orders[r][done[r]];
      const int stage = p.stage(rank, pass.chunk);
      const double from = ready(pass, stage);
      if (from == not_yet) break;
      const double start = std::max(from, span.end_s);
      if (done[r] == 0) span.start_s = start;
      span.end_s = start + duration(times[static_cast<std::size_t>(stage)], pass.kind);
      if (pass.kind != PassKind::weight) ends.at(pass.kind, stage, pass.micro_batch) = span.end_s;
      if (keep == Keep::passes) timeline.ranks[r].push_back({pass, {start, span.end_s}});
    }
    if (done[r] == before) continue;
    waiting.push_back((rank + 1) % p.ranks);
    waiting.push_back((rank + p.ranks - 1) % p.ranks);
  }
  for (std::size_t r = 0; r < ranks; ++r) {
    assert(done[r] == orders[r].size() && "a schedule whose passes wait for each other");
    const Interval& span = timeline.spans[r];
    timeline.end_s = std::max(timeline.end_s, span.end_s);
    timeline.span_s = std::max(timeline.span_s, span.end_s - span.start_s);
  }
  return timeline;
}

}  // namespace pare::cluster
