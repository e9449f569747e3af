// Verb quantize: the values of a tensor against the code points of its format.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "pare/draw/chart.h"
#include "pare/draw/page.h"
#include "pare/report/section.h"
#include "pare/report/words.h"

namespace pare::report {
namespace {

using study::Candidate;
using study::Json;
using study::Study;

constexpr std::size_t most = 12;  // drawings a study

std::string drawing(const Json& json, const std::string& candidate) {
  const Json& histogram = object(json, "histogram");
  draw::Histogram chart;
  chart.edges = numbers(histogram, "edges");
  chart.counts = numbers(histogram, "counts");
  chart.code_points = numbers(json, "code_points");
  if (chart.counts.empty() || chart.counts.size() > 4096 || chart.code_points.size() > 4096) return "";
  const std::string tensor = text(json, "tensor"), format = text(json, "format"), kind = text(json, "kind");
  const auto scale = number(json, "scale");
  chart.title = fmt::format("Distribution of {} against the code points of {}", tensor, format);
  double all = 0, outside = 0;
  for (std::size_t i = 0; i < chart.counts.size() && i + 1 < chart.edges.size(); ++i) {
    const double middle = (chart.edges[i] + chart.edges[i + 1]) / 2, count = chart.counts[i];
    if (!std::isfinite(count)) continue;
    all += count;
    if (!chart.code_points.empty() && (middle < chart.code_points.front() || middle > chart.code_points.back()))
      outside += count;
  }
  chart.description = fmt::format("{:.4g} values, {} code points.", all, chart.code_points.size());
  std::string note = fmt::format("{}{}{} in {}, {} code points", candidate, kind.empty() ? "" : ", ", kind, format,
                                 chart.code_points.size());
  if (scale) note += fmt::format(", scale {:.4g}", *scale);
  if (all > 0) note += fmt::format("; about {:.2g} % of the values saturate", 100 * outside / all);
  return draw::small_figure(tensor, note + ".", [&](double width) { return draw::histogram(chart, width); });
}

}  // namespace

std::string distributions(const Studies& studies) {
  return each(studies, [](const Study& study) -> std::string {
    if (study.verb != "quantize") return "";
    std::vector<const Candidate*> order;
    if (const Candidate* first = chosen(study)) order.push_back(first);
    for (const Candidate& c : study.candidates)
      if (c.name != study.chosen) order.push_back(&c);
    std::vector<std::string> drawings;
    for (const Candidate* c : order)
      for (const Json& json : list(c->details, "distribution"))
        if (drawings.size() < most)
          if (std::string one = drawing(json, c->name); !one.empty()) drawings.push_back(std::move(one));
    if (drawings.empty()) return "";
    return draw::paragraph(
               "The area is how often a value occurs; vertical lines are the values that a code can stand for, as many "
               "as the "
               "format has; shaded parts lie beyond the largest and saturate. A good format has its lines where the "
               "values are.") +
           draw::grid(drawings);
  });
}

}  // namespace pare::report
