#include <algorithm>
#include <cmath>

#include "pare/draw/canvas.h"
#include "pare/draw/chart.h"
#include "pare/draw/text.h"

namespace pare::draw {
namespace {

constexpr double row_height = 20, strip_height = 6, gap = 6;

bool drawable(const Timeline& chart, const Segment& s) {
  return std::isfinite(s.from) && std::isfinite(s.to) && s.from >= 0 && s.to > s.from && s.series < chart.series.size();
}

}  // namespace

std::string timeline(const Timeline& chart, double width) {
  Canvas canvas(width, chart.title, chart.description);
  Extent extent;
  extent.include(0);
  double names = 0;
  std::vector<bool> used(chart.series.size());
  bool strips = false;
  for (const TimelineRow& row : chart.rows) {
    names = std::max(names, text_width(fit(row.name, width * 0.3, font), font));
    for (const Segment& s : row.segments)
      if (drawable(chart, s)) {
        used[s.series] = true;
        strips |= s.beside;
        extent.include(s.to);
      }
  }
  if (std::ranges::find(used, true) == used.end()) {
    canvas.text(0, 20, "There is nothing to draw.", "muted");
    return canvas.finish(32);
  }
  extent.include(chart.end);
  if (chart.limit) extent.include(*chart.limit);

  std::vector<LegendEntry> entries;
  for (std::size_t i = 0; i < used.size(); ++i)
    if (used[i]) entries.push_back({chart.series[i].name, chart.series[i].style, LegendEntry::Look::swatch});
  if (chart.limit) entries.push_back({chart.limit_name, reference_style, LegendEntry::Look::rule});
  const double top = legend(canvas, entries, 0, 0), left = names + 10;
  const double pitch = row_height + (strips ? strip_height : 0) + gap;
  const double bottom = top + pitch * static_cast<double>(chart.rows.size());
  const Scale x(chart.x, extent, std::clamp(static_cast<int>((width - left) / 90), 3, 9), left, width - 14);
  double y = top;
  for (const TimelineRow& row : chart.rows) {
    canvas.text(left - 10, y + row_height / 2 + 4.5, fit(row.name, names + 1, font), "ink", Anchor::end);
    if (chart.end > 0) canvas.rect(left, y, x(chart.end) - left, row_height, "idle");
    for (const Segment& s : row.segments) {
      if (!drawable(chart, s)) continue;
      const double from = x(s.from), length = std::max(0.3, x(s.to) - from);
      const std::string look = "bar segment " + series_class(chart.series[s.series].style);
      if (s.beside) {
        canvas.rect(from, y + row_height, length, strip_height, look);
        continue;
      }
      canvas.rect(from, y, length, row_height, look);
      if (!s.label.empty() && text_width(s.label, font) + 4 <= length)
        canvas.text(from + length / 2, y + row_height / 2 + 4.5, s.label, "inside", Anchor::middle);
    }
    y += pitch;
  }
  if (chart.limit) canvas.line(x(*chart.limit), top - 4, x(*chart.limit), bottom, "rule");
  canvas.line(left, bottom, width - 14, bottom, "axis");
  double last = -1e9;
  for (const double t : x.ticks()) {
    const double half = text_width(x.label(t), font) / 2, centre = std::min(x(t), width - half);
    canvas.line(x(t), bottom, x(t), bottom + 4, "axis");
    if (centre - half < last + 8) continue;
    canvas.text(centre, bottom + 17, x.label(t), "muted", Anchor::middle);
    last = centre + half;
  }
  canvas.text(width - 14, bottom + 36, fit(x.title(), width - 14, font), "ink strong", Anchor::end);
  return canvas.finish(bottom + 44);
}

}  // namespace pare::draw
