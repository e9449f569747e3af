#include "pare/cluster/predict.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <numeric>

#include "pare/cluster/balance.h"
#include "pare/cluster/float8.h"

namespace pare::cluster {
namespace {

/// A collective costs the host as much as several kernels: streams wait for each other, ranks are looked up. Of what
/// vTrain's one-node figures rise by with tensor parallelism at the smallest sizes.
constexpr double launches_of_collective = 4;

/// Ranks of a node are neighbours: tensor ranks, then context, then data, then those of the pipeline.
struct Groups {
  Group tensor, context, expert, shard, repeat, replicas, expert_replicas;

  Groups(const Strategy& s, const Cluster& c)
      : tensor(group_of(s.tensor, 1, c)),
        context(group_of(s.context, s.tensor, c)),
        expert(group_of(s.expert, s.tensor, c)),
        shard(group_of(s.shards(), s.tensor, c)),
        repeat(group_of(s.replicas() / s.shards(), s.tensor * s.shards(), c)),
        replicas(group_of(s.replicas(), s.tensor, c)),
        expert_replicas(group_of(s.replicas() / s.expert, s.tensor * s.expert, c)) {}

  const Group& along(Axis axis) const {
    switch (axis) {
      case Axis::tensor: return tensor;
      case Axis::context: return context;
      case Axis::expert: return expert;
      case Axis::shard: return shard;
    }
    return tensor;
  }
};

struct WorkTime {
  double compute_s = 0, communication_s = 0;  // on the device; communication: what is not hidden
  double host_s = 0;                          // to launch it all

  WorkTime& operator+=(const WorkTime& other) {
    compute_s += other.compute_s;
    communication_s += other.communication_s;
    host_s += other.host_s;
    return *this;
  }
};

/// What is known of every rank and stage before any of them runs.
class Predictor {
 public:
  Predictor(const Network& network, const Strategy& s, const Cluster& c, const Costs& costs)
      : s_(s), c_(c), costs_(costs), groups_(s, c), parts_(network.parts(s)) {
    for (const Part& part : parts_.kinds) times_.push_back(part_s(part, 1));
    if (c.slow_node >= 0)
      for (const Part& part : parts_.kinds) slow_times_.push_back(part_s(part, c.slow_node_factor));
  }

  Outline outline();
  std::vector<EventTime> event_times(int rank);

 private:
  struct PartTime {
    WorkTime forward, backward, weight;
  };

  /// The host runs ahead of the device, or waits for each of its kernels.
  double total_s(const WorkTime& w) const {
    const double device = w.compute_s + w.communication_s;
    return s_.launch_blocking ? device + w.host_s : std::max(device, w.host_s);
  }

  /// A slow device holds up its tensor group, and with it the whole stage of its replica, which the others wait for.
  double slowness(int rank) const {
    return c_.slow_device >= 0 && c_.slow_device / (s_.tensor * s_.replicas()) == rank ? c_.slow_device_factor : 1;
  }
  /// Of what crosses nodes from a rank.
  double link_slowness(int rank) const {
    const int width = s_.tensor * s_.replicas(), node = c_.slow_node;
    const bool touched =
        node >= rank * width / c_.devices_per_node && node <= ((rank + 1) * width - 1) / c_.devices_per_node;
    return node >= 0 && touched ? c_.slow_node_factor : 1;
  }

  PartTime part_s(const Part& part, double across_factor) const {
    return {work_s(part.forward, across_factor), work_s(part.backward, across_factor),
            work_s(part.weight, across_factor)};
  }
  /// across_factor: of collectives between nodes.
  WorkTime work_s(const Work& work, double across_factor) const;
  double collective_s(CollectiveKind kind, double bytes, const Group& group, int rank) const {
    return costs_.collective_s(kind, bytes, group) * (group.nodes > 1 ? link_slowness(rank) : 1);
  }
  std::vector<std::size_t> starts(int stages) const;
  double stage_transfer_s(int rank, int next, double boundary_bytes) const;
  struct Weights {
    double all = 0, experts = 0;  // experts: of those that another group of replicas holds
  };
  std::vector<Weights> own_weights(int rank) const;
  double gradient_s(int rank, const Weights& weights) const;
  double gather_s(int rank, const Weights& weights) const;
  Interval sum_gradients(int rank, const std::vector<Weights>& parts, double last_pass_s) const;
  double gather_weights(int rank, const std::vector<Weights>& parts, double first_passes_s) const;
  double kept_for_weights() const;
  double shared_parameters(int rank) const;
  double tied_embedding_s(int rank) const;

  const Strategy& s_;
  const Cluster& c_;
  const Costs& costs_;
  Groups groups_;
  Parts parts_;
  std::vector<PartTime> times_, slow_times_;                 // [kind]; behind a slow link
  std::vector<std::vector<std::vector<const Part*>>> held_;  // [rank][chunk][part]
};

WorkTime Predictor::work_s(const Work& work, double across_factor) const {
  WorkTime time;
  double launches = 0, hidden = 0;
  for (const Operation& o : work.operations) {
    time.compute_s += costs_.operation_s(o);
    launches += o.count * kernels(o);
  }
  for (const Communication& m : work.communications) {
    const Group& group = groups_.along(m.axis);
    double each = costs_.collective_s(m.kind, m.bytes, group) * (group.nodes > 1 ? across_factor : 1);
    if (m.listed) each += group.size * c_.device.host_s;
    (m.hidden && !s_.launch_blocking ? hidden : time.communication_s) += m.count * each;
    launches += launches_of_collective * m.count;
  }
  // both slow down while they share the device
  const double both = c_.device.overlap_slowdown * std::min(hidden, time.compute_s);
  time.communication_s += std::max(0.0, hidden - time.compute_s) + both;
  time.host_s = launches * c_.device.host_s;
  return time;
}

/// By number where layers are alike, else by their time.
std::vector<std::size_t> Predictor::starts(int stages) const {
  if (parts_.alike) return stage_starts(parts_.order.size() - 2, stages);
  std::vector<double> times;
  for (const int kind : parts_.order) {
    const PartTime& time = times_[static_cast<std::size_t>(kind)];
    times.push_back(total_s(time.forward) + total_s(time.backward) + total_s(time.weight));
  }
  return balanced_starts(times, stages);
}

/// Of activations from a rank of the pipeline to the next; all tensor ranks send theirs at once, and those of the
/// replica that has farthest to go come last.
double Predictor::stage_transfer_s(int rank, int next, double boundary_bytes) const {
  if (rank == next) return 0;
  const int replica = s_.replicas() * s_.tensor;
  const bool split = s_.sequence_parallel || s_.scatter_gather;
  const double bytes = boundary_bytes / (split ? s_.tensor : 1);
  Distance far = Distance::node;
  const int step = replica % c_.devices_per_node == 0 ? c_.devices_per_node : 1;
  for (int i = 0; i < replica && far != Distance::spine; i += step)
    far = std::max(far, distance(rank * replica + i, next * replica + i, c_));
  double time = costs_.transfer_s(bytes, far);
  if (far != Distance::node) time *= std::max(link_slowness(rank), link_slowness(next));
  if (s_.scatter_gather && !s_.sequence_parallel && s_.tensor > 1)
    time += costs_.collective_s(CollectiveKind::all_gather, bytes * s_.tensor, groups_.tensor);
  return time;
}

/// Of the parts that have any, in the order of the forward pass; a word embedding that several share, with the first.
std::vector<Predictor::Weights> Predictor::own_weights(int rank) const {
  std::vector<Weights> out;
  bool shared = false;
  for (const auto& chunk : held_[static_cast<std::size_t>(rank)])
    for (const Part* part : chunk) {
      if (part->parameters + part->expert_parameters + part->shared_parameters == 0) continue;
      Weights own{part->parameters, part->expert_parameters};
      if (!shared) own.all += part->shared_parameters;
      shared = shared || part->shared_parameters > 0;
      if (s_.expert == 1) own = {own.all + own.experts, 0};
      out.push_back(own);
    }
  return out;
}

/// The sum over replicas of a part's gradients, or what of it is left once the batch has run.
double Predictor::gradient_s(int rank, const Weights& weights) const {
  const double gradients = bytes_of(s_.gradients);
  const bool repeats = s_.shards() != s_.replicas();
  const auto all_reduce_repeats = [&](double count) {
    return repeats ? collective_s(CollectiveKind::all_reduce, gradients * count / s_.shards(), groups_.repeat, rank)
                   : 0;
  };
  if (!s_.sums_once()) return all_reduce_repeats(weights.all);  // within the shards as they appear
  const auto sum = [&](double count, const Group& replicas) {
    if (s_.zero == 0) return collective_s(CollectiveKind::all_reduce, gradients * count, replicas, rank);
    const Group& all = repeats ? groups_.shard : replicas;
    return collective_s(CollectiveKind::reduce_scatter, gradients * count, all, rank) + all_reduce_repeats(count);
  };
  return sum(weights.all, groups_.replicas) + sum(weights.experts, groups_.expert_replicas);
}

/// What ZeRO 1 and 2 gather of a part's weights once they are updated; stage 3 gathers them when they are used.
double Predictor::gather_s(int rank, const Weights& weights) const {
  if (s_.zero == 0 || s_.zero == 3) return 0;
  const double bytes = bytes_of(s_.gathered());
  return collective_s(CollectiveKind::all_gather, bytes * weights.all, groups_.shard, rank) +
         collective_s(CollectiveKind::all_gather, bytes * weights.experts, groups_.expert_replicas, rank);
}

/// Gradients of a rank's parts are summed one after the other, from the moment each is there: while the last pass,
/// which makes them, runs. From its end.
Interval Predictor::sum_gradients(int rank, const std::vector<Weights>& parts, double last_pass_s) const {
  if (s_.replicas() == 1 || parts.empty()) return {};
  const double step = last_pass_s / static_cast<double>(parts.size());
  double made = -last_pass_s, work = 0;
  const double start = s_.overlap_gradients ? made + step : 0;
  double end = start;
  for (auto part = parts.rbegin(); part != parts.rend(); ++part) {
    made += step;
    const double own = gradient_s(rank, *part);
    end = (s_.overlap_gradients ? std::max(end, made) : end) + own;
    work += own;
  }
  if (s_.overlap_gradients)  // the pass they run beside is slower for it
    end = std::max(end, c_.device.overlap_slowdown * std::min(work, last_pass_s));
  return {start, end};
}

/// How late the first passes of the next batch end for the weights they wait for: each part's are gathered one after
/// the other behind the optimizer's step, beside the parts before.
double Predictor::gather_weights(int rank, const std::vector<Weights>& parts, double first_passes_s) const {
  const bool beside = s_.overlap_gradients && s_.gather_beside;
  double ready = 0, late = 0, begins = 0;
  for (const Weights& part : parts) {
    ready += gather_s(rank, part);
    late = std::max(late, ready - begins);
    if (beside) begins += first_passes_s / static_cast<double>(parts.size());
  }
  return beside ? std::max(late, c_.device.overlap_slowdown * std::min(ready, first_passes_s)) : late;
}

/// The largest part of a rank's activations that the gradients of its weights need: inputs of products, and gradients
/// of their outputs. Qi et al. 2024, section 2.
double Predictor::kept_for_weights() const {
  if (s_.recompute == Recompute::full) return 1;
  double most = 0;
  for (const auto& chunks : held_) {
    double all = 0, needed = 0;
    for (const auto& chunk : chunks)
      for (const Part* part : chunk) {
        all += part->activation_bytes;
        if (part->logit_bytes > 0) continue;  // a head keeps nothing beyond its own passes
        for (const Operation& o : part->weight.operations)
          if (o.kind == OperationKind::linear)
            needed += bytes_of(o.precision == Precision::float8 ? o.precision : s_.activations()) * o.count *
                      static_cast<double>(o.shape[0] * (o.shape[1] + o.shape[2]));
      }
    most = std::max(most, std::min(needed, all) / std::max(all, 1.0));
  }
  return most;
}

/// Of the word embedding that several parts have; a rank has it once.
double Predictor::shared_parameters(int rank) const {
  double most = 0;
  for (const auto& chunk : held_[static_cast<std::size_t>(rank)])
    for (const Part* part : chunk) most = std::max(most, part->shared_parameters);
  return most;
}

/// The ranks that have the shared word embedding add up its gradients.
double Predictor::tied_embedding_s(int rank) const {
  std::vector<int> having;
  for (int r = 0; r < s_.pipeline; ++r)
    if (shared_parameters(r) > 0) having.push_back(r);
  if (having.size() < 2 || shared_parameters(rank) == 0) return 0;
  const auto others = static_cast<int>(having.size()) - 1;
  const int width = s_.replicas() * s_.tensor, stride = width * ((having.back() - having.front()) / others);
  const int slowest = *std::ranges::max_element(having, {}, [&](int r) { return link_slowness(r); });
  return collective_s(CollectiveKind::all_reduce, bytes_of(s_.gradients) * shared_parameters(rank),
                      group_of(others + 1, stride, width, c_), slowest);
}

Outline Predictor::outline() {
  Outline o{.pipeline = s_.pipeline_order(), .step_s = c_.device.step_s, .measured = costs_.measured()};
  const Pipeline& pipeline = o.pipeline;
  const auto starts = this->starts(pipeline.stages());
  o.ranks.resize(static_cast<std::size_t>(s_.pipeline));
  held_.resize(o.ranks.size());
  for (int stage = 0; stage < pipeline.stages(); ++stage) {
    const int rank = pipeline.rank(stage);
    const auto& times = link_slowness(rank) > 1 ? slow_times_ : times_;
    WorkTime forward, backward, weight;
    auto& chunk = held_[static_cast<std::size_t>(rank)].emplace_back();
    const auto end = stage + 1 < pipeline.stages() ? starts[static_cast<std::size_t>(stage) + 1] : parts_.order.size();
    for (std::size_t i = starts[static_cast<std::size_t>(stage)]; i < end; ++i) {
      const PartTime& part = times[static_cast<std::size_t>(parts_.order[i])];
      forward += part.forward;
      backward += part.backward;
      weight += part.weight;
      chunk.push_back(&parts_.at(i));
    }
    RankActivity& activity = o.ranks[static_cast<std::size_t>(rank)];
    activity.parts += static_cast<std::int64_t>(chunk.size());
    const double slow = slowness(rank), overhead = s_.pipeline > 1 ? c_.device.pass_s : 0;
    for (WorkTime* w : {&forward, &backward, &weight}) {
      w->compute_s *= slow;
      w->host_s *= slow;
      activity.compute_s += s_.micro_batches() * w->compute_s;
      activity.communication_s += s_.micro_batches() * w->communication_s;
    }
    if (pipeline.splits_backward()) {
      o.times.push_back({total_s(forward) + overhead, total_s(backward) + overhead, total_s(weight) + overhead});
    } else {
      backward += weight;
      o.times.push_back({total_s(forward) + overhead, total_s(backward) + overhead, 0});
    }
    const int next = stage + 1 < pipeline.stages() ? pipeline.rank(stage + 1) : rank;
    o.transfer_s.push_back(stage_transfer_s(rank, next, chunk.back()->boundary_bytes));
  }
  if (pipeline.by_times()) o.pipeline.kept_for_weights = kept_for_weights();
  double reached = 0;  // by the first micro-batch
  for (int r = 0; r < s_.pipeline; ++r) {
    RankActivity& activity = o.ranks[static_cast<std::size_t>(r)];
    const auto& held = held_[static_cast<std::size_t>(r)];
    const StageTimes& first = o.times[static_cast<std::size_t>(r)];
    const std::vector<Weights> parts = own_weights(r);
    Interval gradients = sum_gradients(r, parts, pipeline.splits_backward() ? first.weight_s : first.backward_s);
    const double tied = tied_embedding_s(r);
    gradients.end_s += tied;
    o.gradients.push_back(gradients);
    double first_passes = 0;
    for (int chunk = 0; chunk < pipeline.chunks; ++chunk)
      first_passes += o.times[static_cast<std::size_t>(pipeline.stage(r, chunk))].forward_s;
    // ranks that step together may still gather while the first micro-batch is on its way to them
    const double gathers = gather_weights(r, parts, first_passes);
    o.gathers_s.push_back(std::max(0.0, gathers - (pipeline.apart ? 0 : reached)));
    reached += first.forward_s + o.transfer_s[static_cast<std::size_t>(r)];
    activity.gradients_s = tied;
    if (s_.replicas() > 1)
      for (const Weights& part : parts) activity.gradients_s += gradient_s(r, part) + gather_s(r, part);
    activity.exposed_gradients_s = std::max(0.0, gradients.end_s) + o.gathers_s.back();
    double parameters = shared_parameters(r) / (s_.zero > 0 ? s_.shards() : 1), cast_parameters = 0;
    for (const auto& chunk : held)
      for (const Part* part : chunk) {
        parameters += part->parameters / (s_.zero > 0 ? s_.shards() : 1);
        parameters += part->expert_parameters / (s_.zero > 0 ? s_.expert_shards() : 1);
        cast_parameters += part->cast_parameters;
      }
    const Operation step{
        OperationKind::optimizer, Direction::forward, {static_cast<std::int64_t>(parameters), 1, 1, 1}, s_.weights};
    double own = costs_.operation_s(step);
    if (cast_parameters > 0)
      for (const Operation& o : weight_casts(static_cast<std::int64_t>(cast_parameters), s_))
        own += costs_.operation_s(o);
    own *= slowness(r);
    activity.compute_s += own;
    o.optimizer_s = std::max(o.optimizer_s, own);
    activity.memory = device_memory(s_, r, held);
  }
  return o;
}

std::vector<EventTime> Predictor::event_times(int rank) {
  const RankActivity activity = outline().ranks[static_cast<std::size_t>(rank)];
  std::map<std::string, EventTime> found;
  const double passes = s_.micro_batches();
  double passes_s = 0;
  const auto add = [&](const std::string& event, double count, double each_s, bool hidden) {
    EventTime& all = found.try_emplace(event, EventTime{.event = event, .hidden = hidden}).first->second;
    all.count += passes * count;
    all.seconds += passes * count * each_s;
  };
  for (const auto& chunk : held_[static_cast<std::size_t>(rank)])
    for (const Part* part : chunk)
      for (const Work* work : {&part->forward, &part->backward, &part->weight}) {
        for (const Operation& o : work->operations) {
          const double all = costs_.operation_s(o) * slowness(rank);
          add(o.key(), o.count, all / o.count, false);
          passes_s += passes * all;
        }
        for (const Communication& m : work->communications) {
          const Group& group = groups_.along(m.axis);
          add(fmt::format("{} of {:.0f} bytes, {} {} ranks{}", name(m.kind), m.bytes, group.size, name(m.axis),
                          m.hidden ? ", beside" : ""),
              m.count, collective_s(m.kind, m.bytes, group, rank), m.hidden);
        }
      }
  std::vector<EventTime> out{{"optimizer step", 1, activity.compute_s - passes_s}};
  if (activity.gradients_s > 0)
    out.push_back({"gradients and weights between replicas", 1, activity.gradients_s, s_.overlap_gradients});
  for (const auto& [event, time] : found) out.push_back(time);
  std::ranges::stable_sort(out, std::ranges::greater{}, &EventTime::seconds);
  return out;
}

double peak(const std::vector<RankActivity>& ranks) {
  double most = 0;
  for (const RankActivity& rank : ranks) most = std::max(most, rank.memory.total());
  return most;
}

}  // namespace

double Outline::peak_bytes() const { return peak(ranks); }

std::vector<Interval> Outline::optimizers(const std::vector<double>& ends) const {
  double last = 0;
  for (std::size_t r = 0; r < ends.size(); ++r) last = std::max(last, ends[r] + gradients[r].end_s);
  std::vector<Interval> out;
  for (std::size_t r = 0; r < ends.size(); ++r) {
    const double ready = pipeline.apart ? ends[r] + gradients[r].end_s : last;
    out.push_back({ready, ready + optimizer_s + step_s});
  }
  return out;
}

double Outline::batch_time_s(const std::vector<double>& ends) const {
  double time = 0, start = 0;  // of a rank's first pass
  const std::vector<Interval> steps = optimizers(ends);
  for (std::size_t r = 0; r < steps.size(); ++r) {
    time = std::max(time, steps[r].end_s + gathers_s[r] - start);
    if (pipeline.apart) start += times[r].forward_s + transfer_s[r];
  }
  return time;
}

double Outline::latest_batch_time_s(double longest_s) const {
  double last = 0;
  for (const Interval& sums : gradients) last = std::max(last, sums.end_s);
  return longest_s + last + optimizer_s + step_s + std::ranges::max(gathers_s);
}

double Prediction::peak_bytes() const { return peak(ranks); }

double Prediction::exposed_communication_s() const {
  double most = 0;
  for (const RankActivity& rank : ranks) most = std::max(most, rank.communication_s + rank.exposed_gradients_s);
  return most;
}

std::vector<std::size_t> stage_starts(std::size_t layers, int stages) {
  const auto count = static_cast<std::size_t>(stages);
  std::vector<std::size_t> own(count, layers / count), order(count);
  // the first stage has the embedding, the last the head: they take more last
  std::iota(order.begin(), order.end(), 0);
  if (count > 2) std::rotate(order.begin(), order.begin() + 1, order.end() - 1);
  for (std::size_t i = 0; i < layers % count; ++i) ++own[order[i]];
  std::vector<std::size_t> starts{0};
  for (std::size_t s = 0; s + 1 < count; ++s) starts.push_back(starts.back() + own[s] + (s == 0 ? 1 : 0));
  return starts;
}

Outline outline(const Network& t, const Strategy& s, const Cluster& c, const Costs& costs) {
  return Predictor(t, s, c, costs).outline();
}

Prediction predict(const Outline& o, Keep keep) {
  Prediction p{.ranks = o.ranks,
               .timeline = run_pipeline(o.pipeline, o.times, o.transfer_s, keep),
               .gradients = o.gradients,
               .gathers_s = o.gathers_s,
               .measured = o.measured};
  std::vector<double> ends;
  for (std::size_t r = 0; r < p.ranks.size(); ++r) {
    ends.push_back(p.timeline.spans[r].end_s);
    p.gradients[r].start_s += ends[r];
    p.gradients[r].end_s += ends[r];
  }
  p.optimizers = o.optimizers(ends);
  p.batch_time_s = o.batch_time_s(ends);
  for (RankActivity& activity : p.ranks) {
    const double own = activity.compute_s + activity.communication_s;
    activity.idle_s = std::max(0.0, p.batch_time_s - own - activity.exposed_gradients_s);
  }
  double passing = 0;
  for (const StageTimes& stage : o.times)
    passing += o.pipeline.micro_batches * (stage.forward_s + stage.backward_s + stage.weight_s);
  if (o.pipeline.ranks > 1) p.bubble_share = 1 - passing / (o.pipeline.ranks * p.timeline.length_s(o.pipeline.apart));
  return p;
}

Prediction predict(const Network& t, const Strategy& s, const Cluster& c, const Costs& costs) {
  return predict(outline(t, s, c, costs));
}

Prediction predict(const Network& t, const Strategy& s, const Cluster& c) {
  return predict(t, s, c, DescribedCosts(c));
}

std::vector<EventTime> event_times(const Network& t, const Strategy& s, const Cluster& c, const Costs& costs,
                                   int rank) {
  return Predictor(t, s, c, costs).event_times(rank);
}

}  // namespace pare::cluster
