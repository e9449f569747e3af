#include "pare/cluster/search.h"

#include <fmt/format.h>

#include <algorithm>

#include "pare/base/error.h"
#include "pare/base/parallel.h"
#include "pare/base/progress.h"

namespace pare::cluster {
namespace {

constexpr long long most_passes = 1 << 20;  // forward, of one strategy: some seconds of search each beyond
constexpr double gib = 1024.0 * 1024 * 1024;

std::vector<int> divisors(std::int64_t n, std::int64_t most) {
  std::vector<int> out;
  for (std::int64_t d = 1; d <= std::min(n, most); ++d)
    if (n % d == 0) out.push_back(static_cast<int>(d));
  return out;
}

/// The pipeline's schedules that differ: without a pipeline all are the same.
std::vector<Pipeline> pipelines(const Network& t, const SearchSpace& space, int ranks, int micro_batches) {
  if (1LL * ranks * space.most_chunks * micro_batches > most_passes) return {};
  if (ranks == 1) return {{Schedule::one_f_one_b, 1, micro_batches, 1}};
  std::vector<Pipeline> out;
  for (const Schedule schedule : space.schedules) {
    if (schedule != Schedule::interleaved) {
      out.push_back({schedule, ranks, micro_batches, 1});
      continue;
    }
    if (micro_batches % ranks) continue;
    for (int chunks = 2; chunks <= space.most_chunks && 1LL * chunks * ranks <= t.depth(); ++chunks)
      if (t.depth() % (1LL * chunks * ranks) == 0) out.push_back({schedule, ranks, micro_batches, chunks});
  }
  return out;
}

}  // namespace

std::vector<Strategy> strategies(const Network& t, const Cluster& c, const SearchSpace& space) {
  std::vector<Strategy> out;
  const int devices = c.devices();
  for (const int tensor : divisors(devices, c.devices_per_node)) {
    if (!t.shares(tensor)) continue;
    for (const int pipeline : divisors(devices / tensor, t.depth())) {
      const int data = devices / tensor / pipeline;
      if (space.batch % data) continue;
      for (const int micro_batch : divisors(space.batch / data, space.largest_micro_batch))
        for (const Pipeline& order : pipelines(t, space, pipeline, space.batch / data / micro_batch))
          for (const Recompute recompute : space.recomputes) {
            if (recompute == Recompute::selective && space.flash_attention) continue;  // the same as none
            for (const bool distributed : {false, true}) {
              if (distributed && data == 1) continue;
              out.push_back({.data = data,
                             .tensor = tensor,
                             .pipeline = pipeline,
                             .micro_batch = micro_batch,
                             .batch = space.batch,
                             .schedule = order.schedule,
                             .chunks = order.chunks,
                             .recompute = recompute,
                             .sequence_parallel = tensor > 1,
                             .zero = distributed ? 1 : 0,
                             .flash_attention = space.flash_attention});
            }
          }
    }
  }
  return out;
}

std::vector<Plan> search(const Network& t, const Cluster& c, const SearchSpace& space, std::size_t& tried) {
  const std::vector<Strategy> all = strategies(t, c, space);
  tried = all.size();
  if (all.empty())
    throw UsageError(
        fmt::format("no widths of data, tensor and pipeline parallelism divide {} devices, {} samples and {} layers",
                    c.devices(), space.batch, t.depth()),
        "cluster plan", "change --batch or the cluster's nodes");
  std::vector<Plan> plans(all.size());
  Progress progress("strategies", all.size());
  constexpr std::size_t block = 256;
  for (std::size_t first = 0; first < all.size(); first += block) {
    const std::size_t count = std::min(block, all.size() - first);
    parallel_for(count, [&](std::size_t i) {
      Plan& plan = plans[first + i];
      plan.strategy = all[first + i];
      plan.prediction = predict(t, plan.strategy, c);
      plan.prediction.timeline = {};  // thousands of them would fill the memory
      plan.fits = plan.prediction.peak_bytes() <= c.device.memory_bytes;
    });
    progress.step(count);
  }
  const auto least = std::ranges::min_element(plans, {}, [](const Plan& plan) { return plan.prediction.peak_bytes(); });
  if (!least->fits)
    throw Error(fmt::format("no strategy fits: the smallest, {}, needs {:.1f} GiB a device of {:.1f}",
                            least->strategy.label(), least->prediction.peak_bytes() / gib, c.device.memory_bytes / gib),
                c.name.empty() ? "cluster plan" : c.name, "take more or larger devices, or a smaller network");
  std::erase_if(plans, [](const Plan& plan) { return !plan.fits; });
  std::ranges::stable_sort(plans, {}, [](const Plan& plan) { return plan.prediction.batch_time_s; });
  return plans;
}

}  // namespace pare::cluster
