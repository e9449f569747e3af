#include <algorithm>
#include <cmath>

#include "pare/draw/canvas.h"
#include "pare/draw/chart.h"
#include "pare/draw/text.h"

namespace pare::draw {

std::string bars(const Bars& chart, double width) {
  Canvas canvas(width, chart.title, chart.description);
  const std::size_t groups = std::min(chart.groups.size(), chart.values.size()), each = chart.series.size();
  if (groups == 0 || each == 0) {
    canvas.text(0, 20, "There is nothing to draw.", "muted");
    return canvas.finish(32);
  }
  const auto value = [&](std::size_t group, std::size_t s) {
    const double v = s < chart.values[group].size() ? chart.values[group][s] : 0;
    return std::isfinite(v) ? std::max(v, 0.0) : 0;
  };
  Extent extent;
  extent.include(0);
  for (std::size_t g = 0; g < groups; ++g)
    for (std::size_t s = 0; s < each; ++s) extent.include(value(g, s));

  // names stand beside the bars where there is room, above them on a phone
  double names = 0;
  for (const auto& name : chart.groups) names = std::max(names, text_width(fit(name, width * 0.35, font), font));
  const bool above = width < 500 && names > width * 0.3;
  const double bar = each > 1 ? 9 : 13, group_height = (above ? 17 : 0) + static_cast<double>(each) * (bar + 1) + 9;

  std::vector<LegendEntry> entries;
  for (const Series& s : chart.series) entries.push_back({s.name, s.style, LegendEntry::Look::swatch});
  const double top = legend(canvas, entries, 0, 0), figures = text_width("00.00 MB", font) + 8;
  const double left = above ? 0 : names + 10, bottom = top + group_height * static_cast<double>(groups);
  const Scale scale({chart.value.label, chart.value.unit}, extent, 3, left, std::max(left + 40, width - figures));
  for (std::size_t g = 0; g < groups; ++g) {
    double y = top + group_height * static_cast<double>(g);
    const std::string name = fit(chart.groups[g], above ? width : names + 1, font);
    if (above)
      canvas.text(left, y + 12, name, "ink"), y += 17;
    else
      canvas.text(left - 10, y + (group_height - 9) / 2 + 4.5, name, "ink", Anchor::end);
    for (std::size_t s = 0; s < each; ++s, y += bar + 1) {
      const double v = value(g, s);
      const std::string figure = quantity(v, chart.value.unit);
      canvas.rect(left, y, std::max(1.0, scale(v) - left), bar, "bar " + series_class(chart.series[s].style),
                  chart.groups[g] + ", " + chart.series[s].name + ": " + figure);
      if (each == 1) canvas.text(scale(v) + 6, y + bar / 2 + 4.5, figure, "muted");
    }
    if (each > 1) {  // one line of figures for the group, in the order of the legend
      double longest = 0;
      for (std::size_t s = 0; s < each; ++s) longest = std::max(longest, value(g, s));
      canvas.text(scale(longest) + 6, y - static_cast<double>(each) * (bar + 1) / 2 + 4,
                  quantity(longest, chart.value.unit), "muted");
    }
  }
  canvas.line(left, top - 4, left, bottom - 4, "axis");
  return canvas.finish(bottom + 2);
}

}  // namespace pare::draw
