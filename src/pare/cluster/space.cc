// Which strategies a search looks at.
#include <algorithm>

#include "pare/base/error.h"
#include "pare/cluster/search.h"

namespace pare::cluster {
namespace {

constexpr long long most_passes = 1 << 20;  // forward, of one strategy: some seconds of search each beyond

std::vector<int> divisors(std::int64_t n, std::int64_t most) {
  std::vector<int> out;
  for (std::int64_t d = 1; d <= std::min(n, most); ++d)
    if (n % d == 0) out.push_back(static_cast<int>(d));
  return out;
}

/// Widths that multiply to the devices and divide the network.
std::vector<Strategy> widths(const Network& t, const Cluster& c, const SearchSpace& space, int devices) {
  std::vector<Strategy> out;
  for (const int tensor : divisors(devices, c.devices_per_node)) {
    if (!t.shares(tensor)) continue;
    for (const int context :
         divisors(devices / tensor, std::max<std::int64_t>(1, t.divisible_tokens() / space.least_part_tokens))) {
      if (context > 1 && t.divisible_tokens() % (2LL * context)) continue;
      for (const int pipeline : divisors(devices / tensor / context, t.most_stages())) {
        const int data = devices / tensor / context / pipeline;
        if (space.batch % data) continue;
        for (const int expert : divisors(t.expert_copies(), 1LL * data * context))
          if (data * context % expert == 0) {
            Strategy s = space.training;
            s.data = data;
            s.tensor = tensor;
            s.pipeline = pipeline;
            s.context = context;
            s.expert = expert;
            s.batch = space.batch;
            for (const bool sequence : {false, true}) {
              if (sequence && (tensor == 1 || !t.spreads(tensor))) continue;
              s.sequence_parallel = sequence;
              out.push_back(s);
            }
          }
      }
    }
  }
  return out;
}

/// The pipeline's schedules that differ: without a pipeline all are the same.
std::vector<Pipeline> pipelines(const Network& t, const SearchSpace& space, int ranks, int micro_batches) {
  if (1LL * ranks * micro_batches > most_passes) return {};
  if (ranks == 1) return {{Schedule::one_f_one_b, 1, micro_batches, 1}};
  std::vector<Pipeline> out;
  for (const Schedule schedule : space.schedules) {
    const bool vee = schedule == Schedule::zb_v;
    if (schedule != Schedule::interleaved && !vee) {
      out.push_back({schedule, ranks, micro_batches, 1});
      continue;
    }
    for (int chunks = 2; chunks <= (vee ? 2 : space.most_chunks); ++chunks) {
      const long long stages = 1LL * chunks * ranks;
      if (stages > t.most_stages() || stages * micro_batches > most_passes) break;
      out.push_back({schedule, ranks, micro_batches, chunks});
    }
  }
  return out;
}

/// How many replicas may share what ZeRO does: all (0), or as many as fill whole nodes together.
std::vector<int> shards(const Strategy& s, const Cluster& c) {
  std::vector<int> out{0};
  if (s.expert > 1) return out;
  for (const int shard : divisors(s.replicas(), s.replicas() / 2))
    if (shard > 1 && 1LL * shard * s.tensor % c.devices_per_node == 0) out.push_back(shard);
  return out;
}

bool can_run(const Network& network, const Strategy& strategy) {
  try {
    network.check(strategy);
    return true;
  } catch (const UsageError&) {
    return false;
  }
}

/// The choices that leave the widths as they are.
void add_choices(std::vector<Strategy>& out, const Network& t, const Cluster& c, const SearchSpace& space, Strategy s) {
  const std::vector<int> all_shards = shards(s, c);
  for (const int micro_batch : divisors(space.batch / s.data, space.largest_micro_batch))
    for (const Pipeline& order : pipelines(t, space, s.pipeline, space.batch / s.data / micro_batch))
      for (const Recompute recompute : space.recomputes) {
        if (recompute == Recompute::selective && space.training.flash_attention) continue;  // keeps no less than none
        for (const int zero : space.zeros) {
          if ((zero > 0 && s.replicas() == 1) || (zero > 1 && s.expert > 1) || (zero == 2 && s.pipeline > 1)) continue;
          s.micro_batch = micro_batch;
          s.schedule = order.schedule;
          s.chunks = order.chunks;
          s.recompute = recompute;
          s.zero = zero;
          for (const int shard : all_shards) {
            s.shard = shard;
            if ((shard == 0 || zero > 0) && can_run(t, s)) out.push_back(s);
          }
        }
      }
}

}  // namespace

std::vector<Strategy> strategies(const Network& t, const Cluster& c, const SearchSpace& space) {
  std::vector<Strategy> out;
  for (const int nodes : divisors(c.nodes, c.nodes))
    if (nodes == c.nodes || space.objective == Objective::money)
      for (const Strategy& s : widths(t, c, space, nodes * c.devices_per_node)) add_choices(out, t, c, space, s);
  return out;
}

}  // namespace pare::cluster
