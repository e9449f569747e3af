#include "pare/graph/select.h"

#include <algorithm>
#include <cassert>
#include <iterator>
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
  const auto pays = [&](Order order) {
    return order == Order::natural || (shape.rows == shape.columns && shape.columns * shape.row_bytes >= near_cache);
  };
  std::vector<Order> orders;
  std::ranges::copy_if(options.orders, std::back_inserter(orders), pays);
  if (orders.empty()) orders.push_back(Order::natural);  // which is as fast as any that was asked for
  for (const Order order : orders) {
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

std::vector<KernelPlan> distances_to_try(const Shape& shape, KernelPlan plan) {
  const int usual = kernels::usual_prefetch(shape.row_bytes);
  const bool near = shape.columns * shape.row_bytes < near_cache;
  std::vector<KernelPlan> plans;
  for (const int ahead :
       near ? std::vector{0, usual} : std::vector{usual * 2, usual * 4, usual, usual * 8, usual / 2, 0}) {
    plan.prefetch = ahead;
    plans.push_back(plan);
  }
  return plans;
}

std::vector<KernelPlan> stores_to_try(const Shape& shape, const KernelPlan& plan) {
  std::vector<KernelPlan> plans{plan};
  if (shape.rows * shape.out_bytes > all_caches) {
    plans.push_back(plan);
    plans.back().stream = true;
  }
  return plans;
}

std::vector<KernelPlan> all_stores(const Shape& shape, const std::vector<KernelPlan>& plans) {
  std::vector<KernelPlan> out;
  for (const KernelPlan& plan : plans)
    for (const KernelPlan& other : stores_to_try(shape, plan)) out.push_back(other);
  return out;
}

std::vector<KernelPlan> leaders(const std::vector<Trial>& trials, std::size_t most, double near) {
  std::vector<const Trial*> found;
  found.reserve(trials.size());
  for (const Trial& t : trials) found.push_back(&t);
  std::ranges::stable_sort(found, {}, &Trial::seconds);
  found.resize(std::min(found.size(), most));
  std::erase_if(found, [&](const Trial* t) { return t->seconds > near * found.front()->seconds; });
  std::ranges::sort(found);
  std::vector<KernelPlan> plans;
  plans.reserve(found.size());
  for (const Trial* t : found) plans.push_back(t->plan);
  return plans;
}

std::vector<KernelPlan> finals(const Shape& shape, const std::vector<Trial>& layouts) {
  std::vector<Trial> faster;  // of the ways to store
  for (Trial t : layouts) {
    t.plan.stream = false;
    const auto twin = std::ranges::find(faster, t.plan, &Trial::plan);
    if (twin == faster.end())
      faster.push_back(t);
    else
      twin->seconds = std::min(twin->seconds, t.seconds);
  }
  return all_plans(shape, leaders(faster, 3, 1.15));  // distance makes up for no more
}

std::vector<KernelPlan> all_plans(const Shape& shape, const std::vector<KernelPlan>& layouts) {
  std::vector<KernelPlan> plans;
  for (const KernelPlan& layout : layouts)
    for (const KernelPlan& other : all_stores(shape, distances_to_try(shape, layout))) plans.push_back(other);
  return plans;
}

namespace {

/// Adds what runs take when they follow runs of their own, as they will: caches and the foresight of branches are
/// theirs by then, not those of the plan before. Long runs count at once.
void measure(const std::function<void()>& run, std::vector<double>& seconds) {
  constexpr double long_s = 5e-3, settle_s = 1e-3, measured_s = 5e-4, clock_s = 2e-5;
  constexpr int settling_runs = 3;
  double once = seconds_of(run), spent_settling = once;
  if (once > long_s) return seconds.push_back(once);
  for (int k = 1; k < settling_runs || spent_settling < settle_s; ++k) spent_settling += once = seconds_of(run);
  const int group = std::max(1, static_cast<int>(clock_s / once));  // runs too short for the clock
  for (double spent = 0; spent < measured_s; spent += seconds.back() * group)
    seconds.push_back(seconds_of([&] {
                        for (int k = 0; k < group; ++k) run();
                      }) /
                      group);
}

/// What a quarter of the runs do not reach: other programs disturb more than half of them at times, and a plan that is
/// fast by luck now and then is not taken for it.
double lower_quartile(std::vector<double> seconds) {
  const auto at = seconds.begin() + static_cast<std::ptrdiff_t>(seconds.size() / 4);
  std::nth_element(seconds.begin(), at, seconds.end());
  return *at;
}

}  // namespace

void wake(const std::function<void()>& run) {
  constexpr double awake_s = 0.02;
  for (const Stopwatch watch; watch.seconds() < awake_s;) run();
}

std::vector<Trial> race(const std::vector<KernelPlan>& plans, const std::function<void(const KernelPlan&)>& run,
                        Effort effort) {
  const bool thorough = effort == Effort::thorough;
  const int least_rounds = thorough ? 12 : 3, most_rounds = thorough ? 24 : effort == Effort::usual ? 12 : 3;
  constexpr double enough_s = 0.02, slower = 1.15, hopeless = 1.5;
  std::vector<Trial> trials;
  std::vector<std::vector<double>> runs(plans.size());
  for (const KernelPlan& plan : plans) {
    run(plan);  // makes the layout
    trials.push_back({plan, std::numeric_limits<double>::infinity(), 0});
  }
  double best = std::numeric_limits<double>::infinity(), spent = 0;
  for (int round = 0; round < least_rounds || (round < most_rounds && spent < enough_s * trials.size()); ++round) {
    const Stopwatch watch;
    for (std::size_t i = 0; i < trials.size(); ++i) {
      Trial& t = trials[i];
      if (!thorough && round > 0 && t.seconds > (round < least_rounds ? hopeless : slower) * best) continue;
      measure([&] { run(t.plan); }, runs[i]);
      t.seconds = lower_quartile(runs[i]);
      t.runs = static_cast<int>(runs[i].size());
    }
    spent += watch.seconds();
    best = std::ranges::min(trials, {}, &Trial::seconds).seconds;
    stop_if_interrupted();
  }
  return trials;
}

void add(std::vector<Trial>& trials, const std::vector<Trial>& later) {
  for (const Trial& t : later) {
    const auto before = std::ranges::find(trials, t.plan, &Trial::plan);
    if (before == trials.end())
      trials.push_back(t);
    else
      *before = {t.plan, t.seconds, before->runs + t.runs};
  }
}

Judgement judge(const KernelPlan& choice, const std::vector<Trial>& all,
                const std::function<void(const KernelPlan&)>& run) {
  const KernelPlan best_before = fastest(all, 0).plan;
  std::vector<KernelPlan> plans = leaders(all);
  if (std::ranges::find(plans, choice) == plans.end()) plans.push_back(choice);
  const std::vector<Trial> again = race(plans, run, Effort::thorough);
  const Trial& best = fastest(again, 0);
  const auto regret = [&](const KernelPlan& plan) {
    return std::ranges::find(again, plan, &Trial::plan)->seconds / best.seconds - 1;
  };
  return {best.plan, best_before, regret(choice), regret(best_before)};
}

const Trial& fastest(const std::vector<Trial>& trials, double tolerance) {
  assert(!trials.empty());
  const double best = std::ranges::min(trials, {}, &Trial::seconds).seconds;
  return *std::ranges::find_if(trials, [&](const Trial& t) { return t.seconds <= best * (1 + tolerance); });
}

}  // namespace pare::graph
