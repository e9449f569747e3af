#include "pare/graph/select.h"

#include <algorithm>
#include <cassert>
#include <limits>

#include "pare/base/progress.h"
#include "pare/base/stopwatch.h"

namespace pare::graph {
namespace {

// Sizes below which something cannot pay; generous, as what is tried in vain costs a few runs.
constexpr std::int64_t near_cache = 256 << 10;  // bytes that stay beside a core whatever the order
constexpr std::int64_t all_caches = 8 << 20;    // bytes that caches may not keep until they are read again
constexpr double least_tile_density = 0.2;      // dense tiles break even at 0.35 to 0.55
constexpr double least_inside = 0.3;

}  // namespace

std::vector<KernelPlan> layouts_to_try(const Shape& shape, const TuneOptions& options,
                                       const std::function<double(Order, int)>& inside) {
  const double degree = shape.rows > 0 ? static_cast<double>(shape.nonzeros) / static_cast<double>(shape.rows) : 0;
  const int prefetch = kernels::usual_prefetch(shape.row_bytes);
  std::vector<KernelPlan> plans;
  for (const Order order : options.orders) {
    if (order != Order::natural && (shape.rows != shape.columns || shape.columns * shape.row_bytes < near_cache))
      continue;
    KernelPlan plan{.order = order, .prefetch = prefetch};
    plans.push_back(plan);
    if (degree < 32) {
      plan.window = 256;
      plans.push_back(plan);
      plan.window = 0;
    }
    if (order != Order::natural && shape.copies && degree > 4) {
      plan.copied = true;
      plans.push_back(plan);
      plan.copied = false;
    }
    if (order == Order::natural && !options.same_sums && shape.tiles_columns &&
        shape.columns * shape.row_bytes > 4 * all_caches && degree > 16) {
      plan.column_tiles = 4;
      plans.push_back(plan);
      plan.column_tiles = 1;
    }
    if (!options.subgraphs || options.same_sums || !shape.split_fits || shape.nonzeros == 0) continue;
    for (const int block : {16, 128}) {
      const double share = inside(order, block);
      const double density = share * degree / block;
      plan.block = block;
      for (const Intra intra : {Intra::tile, Intra::local}) {
        if (intra == Intra::tile ? !shape.tile_fits || density < least_tile_density || block > 32
                                 : share < least_inside)
          continue;
        plan.intra = intra;
        plan.inter = Inter::rows;
        plans.push_back(plan);
        plan.inter = Inter::coordinates;
        if (degree * (1 - share) < 1) plans.push_back(plan);
      }
    }
  }
  return plans;
}

std::vector<KernelPlan> tactics_to_try(const Shape& shape, const KernelPlan& plan) {
  std::vector<KernelPlan> plans{plan};
  const int usual = std::max(plan.prefetch, 1);
  for (const int ahead : {0, usual / 2, usual * 2, usual * 4}) {
    KernelPlan other = plan;
    other.prefetch = ahead;
    if (std::ranges::find(plans, other) == plans.end()) plans.push_back(other);
  }
  if (shape.rows * shape.out_bytes > all_caches) {
    const std::size_t plain = plans.size();
    for (std::size_t i = 0; i < plain; ++i) {
      plans.push_back(plans[i]);
      plans.back().stream = true;
    }
  }
  return plans;
}

std::vector<Trial> race(const std::vector<KernelPlan>& plans, const std::function<void(const KernelPlan&)>& run,
                        bool thorough) {
  // enough rounds that a disturbed run does not decide; the shortest runs are the most disturbed
  constexpr int least_rounds = 3, most_rounds = 60;
  constexpr double enough_s = 0.01, hopeless = 1.15;
  std::vector<Trial> trials;
  for (const KernelPlan& plan : plans) {
    run(plan);  // warms caches, and makes the layout
    trials.push_back({plan, std::numeric_limits<double>::infinity(), 0});
  }
  double best = std::numeric_limits<double>::infinity();
  for (int round = 0; round < most_rounds; ++round) {
    for (Trial& t : trials) {
      if (!thorough && round >= least_rounds && t.seconds > hopeless * best) continue;
      t.seconds = std::min(t.seconds, seconds_of([&] { run(t.plan); }));
      ++t.runs;
      best = std::min(best, t.seconds);
    }
    stop_if_interrupted();
    if (round + 1 >= (thorough ? 4 : 1) * least_rounds && best * round > (thorough ? 4 : 1) * enough_s) break;
  }
  return trials;
}

const Trial& fastest(const std::vector<Trial>& trials, double tolerance) {
  assert(!trials.empty());
  const double best = std::ranges::min(trials, {}, &Trial::seconds).seconds;
  return *std::ranges::find_if(trials, [&](const Trial& t) { return t.seconds <= best * (1 + tolerance); });
}

}  // namespace pare::graph
