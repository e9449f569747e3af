// What surrounds a plot: its legend, grid, ticks and titles.
#include <algorithm>
#include <cmath>

#include "pare/draw/canvas.h"
#include "pare/draw/text.h"

namespace pare::draw {

double legend(Canvas& canvas, const std::vector<LegendEntry>& entries, double left, double top) {
  if (entries.size() < 2) return top;
  constexpr double sample = 24, gap = 18;
  double x = left, y = top;
  for (const auto& entry : entries) {
    const std::string name = fit(entry.name, std::min(280.0, canvas.width() - sample - 6), font);
    const double width = sample + 6 + text_width(name, font);
    if (x > left && x + width > canvas.width()) x = left, y += leading;
    const double middle = y + leading / 2 - 1, centre = x + sample / 2;
    const std::string style = series_class(entry.style);
    switch (entry.look) {
      case LegendEntry::Look::line: canvas.line(x, middle, x + sample, middle, "series " + style); [[fallthrough]];
      case LegendEntry::Look::marker: canvas.marker(entry.style, centre, middle, 4.2, "mark " + style); break;
      case LegendEntry::Look::swatch: canvas.rect(centre - 6, middle - 6, 12, 12, "bar " + style); break;
      case LegendEntry::Look::rule: canvas.line(x, middle, x + sample, middle, "rule"); break;
    }
    canvas.text(x + sample + 6, middle + 4.5, name, "ink");
    x += width + gap;
  }
  return y + leading + 8;
}

Frame frame(Canvas& canvas, const Axis& x, const Extent& xs, const Axis& y, const Extent& ys, double top, double height,
            double pad) {
  const double title_line = 22, tick_line = 20;
  const double plot_top = top + title_line, plot_bottom = plot_top + height;
  const Scale vertical(y, ys, std::clamp(static_cast<int>(height / 38), 3, 12), plot_bottom, plot_top);
  double widest = 0;
  for (double t : vertical.ticks()) widest = std::max(widest, text_width(vertical.label(t), font));
  const Box box{widest + 10, plot_top, canvas.width() - 6, plot_bottom};

  // as many ticks as have room beside each other; labels at the ends may stand out by half their width
  const double low = box.left + pad, high = box.right - std::max(pad, 14.0);
  int most = std::clamp(static_cast<int>((high - low) / 44), 3, 14);
  const auto fits = [](const Scale& scale) {
    double last = -1e9;
    for (double t : scale.ticks()) {
      const double half = text_width(scale.label(t), font) / 2;
      if (scale(t) - half < last + 8) return false;
      last = scale(t) + half;
    }
    return true;
  };
  Scale horizontal(x, xs, most, low, high);
  while (most > 3 && !fits(horizontal)) horizontal = Scale(x, xs, --most, low, high);

  canvas.text(0, top + 13, fit(vertical.title(), canvas.width(), font), "ink strong");
  for (double t : vertical.ticks()) {
    canvas.line(box.left, vertical(t), box.right, vertical(t), "gridline");
    canvas.text(box.left - 8, vertical(t) + 4.5, vertical.label(t), "muted", Anchor::end);
  }
  canvas.line(box.left, box.bottom, box.right, box.bottom, "axis");
  double last = -1e9;
  for (double t : horizontal.ticks()) {
    const double at = horizontal(t), half = text_width(horizontal.label(t), font) / 2;
    canvas.line(at, box.bottom, at, box.bottom + 4, "axis");
    if (at - half < last + 6) continue;  // ticks asked for by the caller may be too many
    const double centre = std::min(at, canvas.width() - half);
    canvas.text(centre, box.bottom + tick_line - 3, horizontal.label(t), "muted", Anchor::middle);
    last = centre + half;
  }
  canvas.text(box.right, box.bottom + tick_line + 17, fit(horizontal.title(), box.right, font), "ink strong",
              Anchor::end);
  return {box, horizontal, vertical};
}

}  // namespace pare::draw
