#include "pare/study/study.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <set>

namespace pare::study {

const Cost* Candidate::cost(const std::string& wanted) const {
  const auto found = std::ranges::find(costs, wanted, &Cost::name);
  return found == costs.end() ? nullptr : &*found;
}

namespace {

enum class Order { equal, better, worse, neither };

/// a against b over the costs `by`; both have them all.
Order compare(const Candidate& a, const Candidate& b, const std::vector<std::string>& by) {
  bool better = false, worse = false;
  for (const auto& name : by) {
    const Cost *x = a.cost(name), *y = b.cost(name);
    const double difference = x->better == Better::higher ? x->value - y->value : y->value - x->value;
    const double rounding = 1e-12 * std::max(std::abs(x->value), std::abs(y->value));
    better |= difference > rounding;
    worse |= difference < -rounding;
  }
  if (better && worse) return Order::neither;
  return better ? Order::better : worse ? Order::worse : Order::equal;
}

}  // namespace

void mark_front(Study& study, const std::vector<std::string>& by) {
  std::vector<std::string> names = by;
  if (names.empty()) {
    std::set<std::string> seen;
    for (const auto& candidate : study.candidates)
      for (const auto& cost : candidate.costs)
        if (seen.insert(cost.name).second) names.push_back(cost.name);
  }
  const auto comparable = [&](const Candidate& c) {
    return std::ranges::all_of(names, [&](const auto& name) {
      const Cost* cost = c.cost(name);
      return cost && !std::isnan(cost->value);
    });
  };
  std::vector<Candidate*> with;
  for (auto& candidate : study.candidates) {
    candidate.front = false;
    if (comparable(candidate)) with.push_back(&candidate);
  }
  for (Candidate* a : with)
    a->front = std::ranges::none_of(with, [&](Candidate* b) { return compare(*b, *a, names) == Order::better; });
}

std::string readable(const Cost& cost) {
  const double v = cost.value;
  if (!std::isfinite(v)) return fmt::format("{}", v);
  if (cost.unit == "%") return fmt::format("{:.2f} %", v);
  struct Step {
    double size;
    const char* prefix;
  };
  static constexpr std::array steps{Step{1e12, "T"}, Step{1e9, "G"}, Step{1e6, "M"}, Step{1e3, "k"}};
  const bool counts = cost.unit == "MACs" || cost.unit == "parameters" || cost.unit == "cycles" || cost.unit == "bits";
  const std::string unit = cost.unit == "bytes" ? "B" : counts ? " " + cost.unit : cost.unit;
  if (counts || cost.unit == "bytes")
    for (const auto& step : steps)
      if (std::abs(v) >= step.size) return fmt::format("{:.3g} {}{}", v / step.size, step.prefix, unit);
  if (cost.unit == "s" && v != 0 && std::abs(v) < 0.1) return fmt::format("{:.3g} ms", v * 1e3);
  return fmt::format("{:.4g}{}{}", v, cost.unit.empty() ? "" : " ", cost.unit);
}

}  // namespace pare::study
