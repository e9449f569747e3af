#include <algorithm>
#include <cmath>

#include "pare/draw/canvas.h"
#include "pare/draw/chart.h"
#include "pare/draw/text.h"

namespace pare::draw {

std::string lines(const Lines& chart, double width) {
  Canvas canvas(width, chart.title, chart.description);
  const auto drawable = [&](double x, double y) {
    return std::isfinite(x) && std::isfinite(y) && !(chart.x.log && x <= 0) && !(chart.y.log && y <= 0);
  };
  Extent xs, ys;
  std::vector<LegendEntry> entries;
  for (const Line& line : chart.lines) {
    entries.push_back({line.series.name, line.series.style, LegendEntry::Look::line});
    for (const LinePoint& p : line.points)
      if (drawable(p.x, p.y)) xs.include(p.x), chart.y.log ? ys.include(p.y) : ys.include(p.y, p.spread);
  }
  if (!xs.low) {
    canvas.text(0, 20, "There is nothing to draw.", "muted");
    return canvas.finish(32);
  }
  for (const Reference& r : chart.references)
    if (drawable(*xs.low, r.y)) {
      ys.include(r.y);
      entries.push_back({r.name, 0, LegendEntry::Look::rule});
    }
  const double top = legend(canvas, entries, 0, 0), height = std::clamp(width * 0.45, 220.0, 360.0);
  const Frame f = frame(canvas, chart.x, xs, chart.y, ys, top, height, 22);
  for (const Reference& r : chart.references)
    if (drawable(*xs.low, r.y)) canvas.line(f.box.left, f.y(r.y), f.box.right, f.y(r.y), "rule");

  // series stand a little beside each other, so that intervals at the same x can be told apart
  const bool intervals = std::ranges::any_of(chart.lines, [](const Line& line) {
    return std::ranges::any_of(line.points, [](const LinePoint& p) { return p.spread.has_value(); });
  });
  const double step = intervals ? std::min(5.0, 24.0 / static_cast<double>(chart.lines.size())) : 0;
  for (std::size_t i = 0; i < chart.lines.size(); ++i) {
    const Line& line = chart.lines[i];
    const std::string style = series_class(line.series.style);
    const double beside = step * (static_cast<double>(i) - static_cast<double>(chart.lines.size() - 1) / 2);
    std::vector<std::pair<double, double>> path;
    for (const LinePoint& p : line.points)
      if (drawable(p.x, p.y)) path.emplace_back(f.x(p.x) + beside, f.y(p.y));
    if (path.size() > 1) canvas.path(path, "series " + style);
    const bool crowded = path.size() > 40;
    for (const LinePoint& p : line.points) {
      if (!drawable(p.x, p.y) || crowded) continue;
      const double x = f.x(p.x) + beside;
      std::string note = line.series.name + ", " + quantity(p.x, chart.x.unit) + ": " + quantity(p.y, chart.y.unit);
      if (p.spread && std::isfinite(*p.spread) && *p.spread > 0) {
        const double up = f.y(p.y + *p.spread), down = f.y(p.y - *p.spread);
        canvas.line(x, up, x, down, "interval " + style);
        canvas.line(x - 2.5, up, x + 2.5, up, "interval " + style);
        canvas.line(x - 2.5, down, x + 2.5, down, "interval " + style);
        note += " ± " + quantity(*p.spread, chart.y.unit);
      }
      canvas.marker(line.series.style, x, f.y(p.y), 4.2, "mark " + style, note);
    }
  }
  return canvas.finish(f.box.bottom + 44);
}

}  // namespace pare::draw
