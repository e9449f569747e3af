// The main pair of costs of any study, with its Pareto front.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "pare/draw/canvas.h"
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
  axis.log = extent.low && *extent.low > 0 && *extent.high / *extent.low > 20;
  return axis;
}

Better better(const Study& study, const std::string& name) {
  for (const Candidate& c : study.candidates)
    if (const Cost* cost = c.cost(name)) return cost->better;
  return Better::lower;
}

std::string pareto(const Study& study, const Pair& pair) {
  const auto on_front = front(study, pair);
  draw::Scatter chart;
  chart.x = axis(study, pair.x);
  chart.y = axis(study, pair.y);
  chart.lower_is_better_x = better(study, pair.x) == Better::lower;
  chart.lower_is_better_y = better(study, pair.y) == Better::lower;
  chart.title = fmt::format("{} against {}", words(pair.y), words(pair.x));

  std::vector<std::string> methods;
  for (const Candidate& c : study.candidates)
    if (const std::string m = method(c); std::ranges::find(methods, m) == methods.end()) methods.push_back(m);
  // beyond six, colours would repeat: then the methods are not told apart
  const bool apart = methods.size() > 1 && methods.size() <= 8;
  for (const auto& m : methods)
    if (apart) chart.series.push_back({m.empty() ? "other" : m, m == "float32" ? draw::styles - 1 : style_of(m)});

  std::size_t drawn = 0;
  for (const Candidate& c : study.candidates) {
    const Cost *x = c.cost(pair.x), *y = c.cost(pair.y);
    if (!x || !y) continue;
    draw::Point point{.x = x->value, .y = y->value, .spread = y->spread, .label = c.name};
    point.note = fmt::format("{}: {}, {}{}", c.name, study::readable(*x), study::readable(*y),
                             y->spread ? fmt::format(" {}", interval(*y)) : "");
    point.front = on_front.contains(c.name);
    point.marked = c.name == study.chosen;
    if (apart) point.series = static_cast<std::size_t>(std::ranges::find(methods, method(c)) - methods.begin());
    chart.points.push_back(std::move(point));
    ++drawn;
  }
  std::string names;
  for (const auto& name : on_front) names += fmt::format("{}{}", names.empty() ? "" : ", ", name);
  chart.description = fmt::format("{} candidates; on the front: {}.", drawn, names.empty() ? "none" : names);
  const std::string note = fmt::format(
      "{} is {} better, {} {}. Filled: on the Pareto front of these two costs (dashed line), no other candidate is at least "
      "as good in both. {}Vertical lines: intervals.",
      words(pair.x), chart.lower_is_better_x ? "lower" : "higher", words(pair.y),
      chart.lower_is_better_y ? "lower" : "higher", study.chosen.empty() ? "" : "Ringed: the chosen one. ");
  return draw::figure(chart.title, note, [&](double width) { return draw::scatter(chart, width); });
}

/// One cost only: bars, in the study's order.
std::string single(const Study& study, const std::string& name) {
  draw::Bars chart;
  chart.value = {words(name), ""};
  chart.title = words(name);
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
  std::string out;
  for (const Study& study : studies) {
    std::string drawn;
    if (const auto pair = main_pair(study))
      drawn = pareto(study, *pair);
    else if (const auto names = cost_names(study); !names.empty())
      drawn = single(study, names.front());
    if (!drawn.empty()) out += heading_among(studies, study) + drawn;
  }
  return out;
}

}  // namespace pare::report
