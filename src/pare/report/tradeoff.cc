// The main pair of costs of any study, with its Pareto front.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "pare/draw/chart.h"
#include "pare/draw/page.h"
#include "pare/report/section.h"
#include "pare/report/words.h"

namespace pare::report {
namespace {

using study::Better;
using study::Candidate;
using study::Cost;
using study::Study;

/// Names of the candidates that no other beats in both costs.
std::set<std::string> front(const Study& study, const Pair& pair) {
  Study two;
  for (const Candidate& c : study.candidates) {
    Candidate slim{.name = c.name};
    for (const auto& name : {pair.x, pair.y})
      if (const Cost* cost = c.cost(name); cost && std::isfinite(cost->value)) slim.costs.push_back(*cost);
    two.candidates.push_back(std::move(slim));
  }
  study::mark_front(two, {pair.x, pair.y});
  std::set<std::string> names;
  for (const Candidate& c : two.candidates)
    if (c.front) names.insert(c.name);
  return names;
}

draw::Axis axis(const Study& study, const std::string& name) {
  draw::Extent extent;
  draw::Axis axis{words(name), ""};
  for (const Candidate& c : study.candidates)
    if (const Cost* cost = c.cost(name)) {
      extent.include(cost->value);
      axis.unit = cost->unit;
    }
  axis.log = extent.low && *extent.low > 0 && *extent.high / *extent.low > 6;
  return axis;
}

Better better(const Study& study, const std::string& name) {
  for (const Candidate& c : study.candidates)
    if (const Cost* cost = c.cost(name)) return cost->better;
  return Better::lower;
}

constexpr double close = 3;  // points

/// The points near the baseline where a collapse elsewhere has pressed them together; none where all can be told apart.
std::vector<draw::Point> close_up(const draw::Scatter& chart, const Cost* before) {
  if (!before || !std::isfinite(before->value) || before->unit != "%") return {};
  std::vector<draw::Point> near;
  double farthest = 0;
  for (const draw::Point& p : chart.points) {
    if (!std::isfinite(p.y)) continue;
    farthest = std::max(farthest, std::abs(p.y - before->value));
    if (std::abs(p.y - before->value) <= close) near.push_back(p);
  }
  if (near.size() < 4 || farthest < 6 * close) near.clear();
  return near;
}

std::string pareto(const Study& study, const Pair& pair) {
  const auto on_front = front(study, pair);
  draw::Scatter chart;
  chart.x = axis(study, pair.x);
  chart.y = axis(study, pair.y);
  chart.lower_is_better_x = better(study, pair.x) == Better::lower;
  const bool lower_y = better(study, pair.y) == Better::lower;
  chart.title = capitalised(fmt::format("{} against {}", words(pair.y), words(pair.x)));

  std::vector<std::string> methods;
  for (const Candidate& c : study.candidates)
    if (const std::string m = method(c); std::ranges::find(methods, m) == methods.end()) methods.push_back(m);
  // beyond six, colours would repeat: then the methods are not told apart
  const bool apart = methods.size() > 1 && methods.size() <= 8;
  for (const auto& m : methods)
    if (apart) chart.series.push_back({m.empty() ? "other" : m, style_of(m)});

  std::size_t drawn = 0;
  for (const Candidate& c : study.candidates) {
    const Cost *x = c.cost(pair.x), *y = c.cost(pair.y);
    if (!x || !y) continue;
    draw::Point point{.x = x->value, .y = y->value, .spread = y->spread, .label = c.name};
    point.note =
        fmt::format("{}: {}, {}{}", c.name, shown(*x), shown(*y), y->spread ? fmt::format(" {}", interval(*y)) : "");
    point.front = on_front.contains(c.name);
    point.marked = c.name == study.chosen;
    if (apart) point.series = static_cast<std::size_t>(std::ranges::find(methods, method(c)) - methods.begin());
    chart.points.push_back(std::move(point));
    ++drawn;
  }
  std::string names;
  for (const auto& name : on_front) names += fmt::format("{}{}", names.empty() ? "" : ", ", name);
  chart.description = fmt::format("{} candidates; on the front: {}.", drawn, names.empty() ? "none" : names);
  const bool spreads = std::ranges::any_of(chart.points, [](const draw::Point& p) { return p.spread.has_value(); });
  const std::string note = fmt::format(
      "{} {} and {} {} are better. Filled marks on the dashed line are the Pareto front: no other candidate is at "
      "least as "
      "good in both.{}{}",
      chart.lower_is_better_x ? "Lower" : "Higher", words(pair.x), lower_y ? "lower" : "higher", words(pair.y),
      study.chosen.empty() ? "" : " The ring marks the chosen one.", spreads ? " Vertical lines are intervals." : "");
  std::string out = draw::figure(chart.title, note, [&](double width) { return draw::scatter(chart, width); });

  const Candidate* reference = baseline(study);
  const Cost* before = reference ? reference->cost(pair.y) : nullptr;
  if (const auto near = close_up(chart, before); !near.empty()) {
    chart.points = near;
    chart.title = fmt::format("The same within {} points of {}", close, reference->name);
    chart.description = fmt::format("{} candidates.", near.size());
    out += draw::figure(chart.title, "", [&](double width) { return draw::scatter(chart, width); });
  }
  return out;
}

/// One cost only: bars, in the study's order.
std::string single(const Study& study, const std::string& name) {
  draw::Bars chart;
  chart.value = {words(name), ""};
  chart.title = capitalised(words(name));
  chart.series = {{words(name), 0}};
  for (const Candidate& c : study.candidates) {
    const Cost* cost = c.cost(name);
    if (!cost || !std::isfinite(cost->value) || chart.groups.size() == 40) continue;
    chart.value.unit = cost->unit;
    chart.groups.push_back(c.name);
    chart.values.push_back({cost->value});
  }
  chart.description = fmt::format("{} of {} candidates.", words(name), chart.groups.size());
  if (chart.groups.size() < 2) return "";
  return draw::figure(chart.title, "", [&](double width) { return draw::bars(chart, width); });
}

}  // namespace

std::string trade_off(const Studies& studies) {
  return each(studies, [](const Study& study) -> std::string {
    if (const auto pair = main_pair(study)) return pareto(study, *pair);
    const auto names = cost_names(study);
    return names.empty() ? "" : single(study, names.front());
  });
}

}  // namespace pare::report
