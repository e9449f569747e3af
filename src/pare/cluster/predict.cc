#include "pare/cluster/predict.h"

#include <algorithm>
#include <numeric>

#include "pare/cluster/layer.h"

namespace pare::cluster {
namespace {

/// How groups lie in nodes: tensor ranks are neighbours, then data, then pipeline ranks.
Group tensor_group(const Strategy& s, const Cluster& c) {
  const int inside = std::min(s.tensor, c.devices_per_node);
  return {inside, (s.tensor + inside - 1) / inside, std::max(1, c.devices_per_node / inside)};
}

Group data_group(const Strategy& s, const Cluster& c) {
  const int inside = std::clamp(c.devices_per_node / s.tensor, 1, s.data);
  const int in_node = std::min(c.devices_per_node, s.tensor * s.data);
  return {inside, (s.data + inside - 1) / inside, std::max(1, in_node / inside)};
}

/// Of activations from a rank of the pipeline to the next; all tensor ranks send theirs at once.
double stage_transfer_s(const Transformer& t, const Strategy& s, const Cluster& c, int rank) {
  const int replica = s.data * s.tensor, next = (rank + 1) % s.pipeline;
  const double bytes =
      2.0 * static_cast<double>(t.sequence * t.hidden) * s.micro_batch / (s.sequence_parallel ? s.tensor : 1);
  const bool across = rank * replica / c.devices_per_node != next * replica / c.devices_per_node;
  return transfer_s(bytes, across, std::min(replica, c.devices_per_node), c);
}

struct StageWork {
  WorkTime forward, backward, weight;
};

struct Part {
  StageWork layer, embedding, head;
};

StageWork timed(const PartWork& work, const Group& group, const Cluster& c) {
  return {work_s(work.forward, group, c), work_s(work.backward, group, c), work_s(work.weight, group, c)};
}

/// Gradients of a rank's layers are summed one after the other, from the moment each is there.
Interval sum_gradients(const Transformer& t, const Strategy& s, const Cluster& c, int rank, std::int64_t layers,
                       const std::vector<TimedPass>& passes) {
  const double last = passes.back().time.end_s;
  if (s.data == 1) return {last, last};
  const Group group = data_group(s, c);
  const double parameters = device_parameters(t, s, rank, layers);
  const auto buckets = static_cast<double>(layers);
  const double bytes = 4 * parameters / buckets;
  double each = 0;
  if (s.distributed_optimizer)
    each = collective_s(CollectiveKind::reduce_scatter, bytes, group, c) +
           collective_s(CollectiveKind::all_gather, bytes / 2, group, c);
  else
    each = collective_s(CollectiveKind::all_reduce, bytes, group, c);
  // gradients of the last micro-batch appear while its last pass runs
  const PassKind kind = s.pipeline_order().splits_backward() ? PassKind::weight : PassKind::backward;
  const auto final_pass =
      std::find_if(passes.rbegin(), passes.rend(), [&](const TimedPass& p) { return p.pass.kind == kind; });
  const Interval span = final_pass->time;
  double start = last, end = last;
  if (s.overlap_gradients) {
    start = end = span.start_s + (span.end_s - span.start_s) / buckets;
    for (double b = 1; b <= buckets; ++b)
      end = std::max(end, span.start_s + b / buckets * (span.end_s - span.start_s)) + each;
  } else {
    end += buckets * each;
  }
  return {start, end};
}

}  // namespace

double Prediction::peak_bytes() const {
  double most = 0;
  for (const RankActivity& rank : ranks) most = std::max(most, rank.memory.total());
  return most;
}

double Prediction::exposed_communication_s() const {
  double most = 0;
  for (const RankActivity& rank : ranks) most = std::max(most, rank.tensor_communication_s + rank.exposed_gradients_s);
  return most;
}

std::vector<std::int64_t> layers_of_stages(std::int64_t layers, int stages) {
  std::vector<std::int64_t> out(static_cast<std::size_t>(stages), layers / stages);
  // the first stage has the embedding, the last the head: they take more last
  std::vector<std::size_t> order(out.size());
  std::iota(order.begin(), order.end(), 0);
  if (stages > 2) std::rotate(order.begin(), order.begin() + 1, order.end() - 1);
  for (std::int64_t i = 0; i < layers % stages; ++i) ++out[order[static_cast<std::size_t>(i)]];
  return out;
}

Prediction predict(const Transformer& t, const Strategy& s, const Cluster& c) {
  const Pipeline pipeline = s.pipeline_order();
  const Group group = tensor_group(s, c);
  const Part part{timed(layer_work(t, s), group, c), timed(embedding_work(t, s), group, c),
                  timed(head_work(t, s), group, c)};
  const auto stage_layers = layers_of_stages(t.layers, pipeline.stages());

  Prediction p;
  p.ranks.resize(static_cast<std::size_t>(s.pipeline));
  std::vector<StageTimes> times;
  std::vector<double> transfers;
  for (int stage = 0; stage < pipeline.stages(); ++stage) {
    const auto layers = static_cast<double>(stage_layers[static_cast<std::size_t>(stage)]);
    StageWork work{layers * part.layer.forward, layers * part.layer.backward, layers * part.layer.weight};
    const auto add = [&](const StageWork& more) {
      work.forward += more.forward;
      work.backward += more.backward;
      work.weight += more.weight;
    };
    if (stage == 0) add(part.embedding);
    if (stage == pipeline.stages() - 1) add(part.head);
    if (pipeline.splits_backward())
      times.push_back({work.forward.total(), work.backward.total(), work.weight.total()});
    else
      times.push_back({work.forward.total(), work.backward.total() + work.weight.total(), 0});
    const int rank = stage % s.pipeline;
    transfers.push_back(s.pipeline > 1 ? stage_transfer_s(t, s, c, rank) : 0);
    RankActivity& activity = p.ranks[static_cast<std::size_t>(rank)];
    activity.layers += stage_layers[static_cast<std::size_t>(stage)];
    for (const WorkTime& w : {work.forward, work.backward, work.weight}) {
      activity.compute_s += s.micro_batches() * w.compute_s;
      activity.tensor_communication_s += s.micro_batches() * w.communication_s;
    }
  }
  p.timeline = run_pipeline(pipeline, times, transfers);

  double ready = 0, optimizer_s = 0;
  for (int r = 0; r < s.pipeline; ++r) {
    RankActivity& activity = p.ranks[static_cast<std::size_t>(r)];
    const auto& passes = p.timeline.ranks[static_cast<std::size_t>(r)];
    p.gradients.push_back(sum_gradients(t, s, c, r, activity.layers, passes));
    activity.gradients_s = p.gradients.back().end_s - p.gradients.back().start_s;
    activity.exposed_gradients_s = std::max(0.0, p.gradients.back().end_s - passes.back().time.end_s);
    ready = std::max(ready, p.gradients.back().end_s);
    // reads gradient, main copy and two moments, writes the last three and the weight
    const double bytes = 30 * device_parameters(t, s, r, activity.layers) / (s.distributed_optimizer ? s.data : 1);
    const double own = operation_s({0, bytes, 1}, c.device);
    activity.compute_s += own;
    optimizer_s = std::max(optimizer_s, own);
    activity.memory = device_memory(t, s, r, activity.layers);
  }
  p.optimizer = {ready, ready + optimizer_s};
  p.batch_time_s = p.optimizer.end_s;
  double passing = 0;
  for (RankActivity& activity : p.ranks) {
    const double own = activity.compute_s + activity.tensor_communication_s;
    activity.idle_s = std::max(0.0, p.batch_time_s - own - activity.exposed_gradients_s);
  }
  for (const auto& rank : p.timeline.ranks)
    for (const TimedPass& pass : rank) passing += pass.time.end_s - pass.time.start_s;
  p.bubble_share = p.timeline.end_s > 0 ? 1 - passing / (s.pipeline * p.timeline.end_s) : 0;
  return p;
}

}  // namespace pare::cluster
