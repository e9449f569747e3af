// Verb graph tune: how long each plan of kernels takes.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "pare/draw/chart.h"
#include "pare/draw/page.h"
#include "pare/report/section.h"
#include "pare/report/words.h"

namespace pare::report {
namespace {

using study::Candidate;
using study::Study;

constexpr std::size_t most_plans = 40;  // a study may hold anything

/// Plans of one width, the fastest first.
std::string plans(const std::vector<const Candidate*>& candidates, double width, const std::string& chosen) {
  draw::Bars chart;
  chart.title = std::isfinite(width) ? fmt::format("Kernels at {:.0f} features a vertex", width) : "Kernels";
  chart.value = {"time of one aggregation", "ms"};
  chart.series = {{"fastest run", 0}};
  for (const Candidate* c : candidates) {
    const auto* ms = c->cost("ms");
    if (!ms || !std::isfinite(ms->value) || chart.groups.size() == most_plans) continue;
    chart.groups.push_back(c->name + (c->name == chosen || c->details.contains("chosen") ? " *" : ""));
    chart.values.push_back({ms->value});
  }
  if (chart.groups.size() < 2) return "";
  chart.description = fmt::format("{} plans were measured.", chart.groups.size());
  return draw::figure(chart.title, "* is what runs from now on.",
                      [&](double pixels) { return draw::bars(chart, pixels); });
}

}  // namespace

std::string kernels(const Studies& studies) {
  return each(studies, [](const Study& study) -> std::string {
    if (study.verb != "graph tune") return "";
    std::map<double, std::vector<const Candidate*>> by_width;
    for (const Candidate& c : study.candidates) by_width[number(c.decision, "width").value_or(0)].push_back(&c);
    std::string html;
    for (auto& [width, candidates] : by_width) {
      std::ranges::stable_sort(candidates, {}, [](const Candidate* c) {
        const auto* ms = c->cost("ms");
        return ms && std::isfinite(ms->value) ? ms->value : 0;
      });
      html += plans(candidates, width > 0 ? width : NAN, study.chosen);
    }
    return html;
  });
}

}  // namespace pare::report
