#include "pare/cluster/search.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <optional>
#include <tuple>

#include "pare/base/error.h"
#include "pare/base/parallel.h"
#include "pare/base/progress.h"
#include "pare/cluster/bounds.h"
#include "pare/cluster/names.h"
#include "pare/cluster/profile.h"

namespace pare::cluster {
namespace {

constexpr std::array<std::string_view, 3> objectives{"time", "money", "memory"};
constexpr std::size_t most_plans = 10;
constexpr std::size_t block = 64;  // strategies between two looks at what is left, whatever the threads
constexpr double rounding = 1e-9;  // of sums over a million passes
constexpr double gib = 1024.0 * 1024 * 1024;

/// What a plan is judged by, the lower the better, what tells equal ones apart, and at last their place in the space.
using Score = std::tuple<double, double, std::size_t>;

struct Trial {
  double peak_bytes = 0;
  Score least, most;           // that running it can give
  std::optional<Score> score;  // once it was run
  std::optional<NotProfiled> missing;
};

class Searcher {
 public:
  Searcher(const Network& t, const Cluster& c, const SearchSpace& space, const Costs& costs)
      : t_(t), c_(c), space_(space), costs_(costs), all_(strategies(t, c, space)), trials_(all_.size()) {}

  Search search();

 private:
  Score score(std::size_t i, double time_s) const {
    const double peak = trials_[i].peak_bytes;
    switch (space_.objective) {
      case Objective::time: return {time_s, peak, i};
      case Objective::money: return {time_s * all_[i].devices(), peak, i};
      case Objective::memory: return {peak, time_s, i};
    }
    return {};
  }
  void bound(std::size_t i);
  std::vector<std::size_t> feasible() const;
  template <typename Enough>
  void run(const std::vector<std::size_t>& order, Enough enough);
  Plan plan(std::size_t i, Keep keep) const { return {all_[i], predict(outline(t_, all_[i], c_, costs_), keep)}; }

  const Network& t_;
  const Cluster& c_;
  const SearchSpace& space_;
  const Costs& costs_;
  std::vector<Strategy> all_;
  std::vector<Trial> trials_;  // [strategy]
};

/// Memory is known without running the pipeline, time between bounds.
void Searcher::bound(std::size_t i) {
  Trial& trial = trials_[i];
  Outline o;
  try {
    o = outline(t_, all_[i], c_, costs_);
  } catch (const NotProfiled& e) {
    trial.missing = e;
    return;
  }
  trial.peak_bytes = o.peak_bytes();
  const double least = o.batch_time_s(least_ends(o.pipeline, o.times, o.transfer_s));
  const double most = o.latest_batch_time_s(latest_end(o.pipeline, o.times, o.transfer_s));
  trial.least = score(i, least * (1 - rounding));
  trial.most = score(i, most * (1 + rounding));
}

std::vector<std::size_t> Searcher::feasible() const {
  std::vector<std::size_t> out;
  for (std::size_t i = 0; i < trials_.size(); ++i)
    if (!trials_[i].missing && trials_[i].peak_bytes <= c_.device.memory_bytes) out.push_back(i);
  return out;
}

/// Runs the strategies in this order until `enough` of the next one.
template <typename Enough>
void Searcher::run(const std::vector<std::size_t>& order, Enough enough) {
  Progress progress("pipelines", order.size());
  for (std::size_t first = 0; first < order.size() && !enough(order[first]); first += block) {
    const std::size_t count = std::min(block, order.size() - first);
    parallel_for(count, [&](std::size_t k) {
      const std::size_t i = order[first + k];
      if (!trials_[i].score) trials_[i].score = score(i, plan(i, Keep::spans).prediction.batch_time_s);
    });
    progress.step(count);
  }
}

Search Searcher::search() {
  if (all_.empty())
    throw UsageError(
        fmt::format("no widths of data, tensor and pipeline parallelism divide {} devices, {} samples and {} layers",
                    c_.devices(), space_.batch, t_.depth()),
        "cluster plan", "change --batch or the cluster's nodes");
  {
    Progress progress("strategies", all_.size());
    for (std::size_t first = 0; first < all_.size(); first += block) {
      const std::size_t count = std::min(block, all_.size() - first);
      parallel_for(count, [&](std::size_t k) { bound(first + k); });
      progress.step(count);
    }
  }
  std::vector<std::size_t> order = feasible();
  const auto unknown = std::ranges::count_if(trials_, [](const Trial& t) { return t.missing.has_value(); });
  if (unknown == std::ssize(trials_))
    throw NotProfiled(
        fmt::format("holds the events of none of {} strategies; the first, {}, {}", all_.size(), all_[0].label(),
                    trials_[0].missing->problem()),
        trials_[0].missing->where(),
        fmt::format(
            "give the options it was measured with, as --precision, --no-dropout or --sequence, and where it has "
            "larger micro-batches than {} --largest-micro-batch; or measure more by pare cluster profile",
            space_.largest_micro_batch));
  if (order.empty()) {
    const auto least =
        std::ranges::min_element(trials_, {}, [](const Trial& t) { return t.missing ? INFINITY : t.peak_bytes; });
    throw Error(fmt::format("no strategy fits: the smallest, {}, needs {:.1f} GiB a device of {:.1f}",
                            all_[static_cast<std::size_t>(least - trials_.begin())].label(), least->peak_bytes / gib,
                            c_.device.memory_bytes / gib),
                c_.name.empty() ? "cluster plan" : c_.name, "take more or larger devices, or a smaller network");
  }

  std::vector<Score> best;  // sorted
  std::optional<Score> worst;
  const auto take_in = [&] {
    best.clear();
    for (const std::size_t i : order)
      if (trials_[i].score) best.push_back(*trials_[i].score);
    std::ranges::sort(best);
    if (!best.empty()) worst = best.back();
    if (best.size() > most_plans) best.resize(most_plans);
  };
  std::ranges::sort(order, {}, [&](std::size_t i) { return trials_[i].least; });
  run(order, [&](std::size_t next) {
    take_in();
    return best.size() == most_plans && best.back() < trials_[next].least;
  });
  std::ranges::sort(order, std::greater<>{}, [&](std::size_t i) { return trials_[i].most; });
  run(order, [&](std::size_t next) {
    take_in();
    return trials_[next].most < *worst;
  });
  take_in();

  Search out{.tried = all_.size(), .unknown = static_cast<std::size_t>(unknown), .feasible = order.size()};
  for (const std::size_t i : order) out.run += trials_[i].score.has_value();
  for (const Score& s : best)
    out.best.push_back(plan(std::get<std::size_t>(s), s == best[0] ? Keep::passes : Keep::spans));
  out.worst = plan(std::get<std::size_t>(*worst), Keep::spans);
  return out;
}

}  // namespace

std::string_view name(Objective objective) { return objectives[static_cast<std::size_t>(objective)]; }

Objective parse_objective(const std::string& name) { return parse_name<Objective>(objectives, name, "--objective"); }

Search search(const Network& t, const Cluster& c, const SearchSpace& space, const Costs& costs) {
  return Searcher(t, c, space, costs).search();
}

}  // namespace pare::cluster
