#include <algorithm>
#include <cmath>

#include "pare/draw/canvas.h"
#include "pare/draw/chart.h"
#include "pare/draw/text.h"

namespace pare::draw {

std::string histogram(const Histogram& chart, double width) {
  Canvas canvas(width, chart.title, chart.description);
  const std::size_t bins = chart.counts.size();
  bool sound = bins > 0 && chart.edges.size() == bins + 1 && std::ranges::is_sorted(chart.edges) &&
               std::ranges::all_of(chart.edges, [](double e) { return std::isfinite(e) && std::abs(e) < 1e300; }) &&
               chart.edges.front() < chart.edges.back();
  double highest = 0;  // of the density: bins may differ in width
  std::vector<double> density(bins, 0.0);
  for (std::size_t i = 0; sound && i < bins; ++i) {
    const double span = chart.edges[i + 1] - chart.edges[i];
    if (std::isfinite(chart.counts[i]) && chart.counts[i] > 0 && span > 0) density[i] = chart.counts[i] / span;
    if (!std::isfinite(density[i])) density[i] = 0;
    highest = std::max(highest, density[i]);
  }
  if (!sound || highest <= 0) {
    canvas.text(0, 20, "There is no distribution to draw.", "muted");
    return canvas.finish(32);
  }
  std::vector<double> codes;
  for (double c : chart.code_points)
    if (std::isfinite(c)) codes.push_back(c);
  std::ranges::sort(codes);

  Extent xs;
  xs.include(chart.edges.front()), xs.include(chart.edges.back());
  for (double c : codes) xs.include(c);
  constexpr double rug = 12, tick_line = 22;
  const double bottom = std::clamp(width * 0.36, 130.0, 200.0), left = 4, right = width - 4;
  const int most = std::clamp(static_cast<int>(width / 38), 3, 14);
  const Scale x(chart.x, xs, most, left, right);
  // the ticks cover more than the data: use the data's own range, so that the distribution fills the drawing
  const double low = *xs.low, high = *xs.high;
  const auto at = [&](double v) { return left + (v / 2 - low / 2) / (high / 2 - low / 2) * (right - left); };

  if (!codes.empty()) {  // what saturates
    canvas.rect(left, 0, at(codes.front()) - left, bottom, "clipped");
    canvas.rect(at(codes.back()), 0, right - at(codes.back()), bottom, "clipped");
  }
  std::vector<std::pair<double, double>> outline{{at(chart.edges.front()), bottom}};
  for (std::size_t i = 0; i < bins; ++i) {
    const double y = bottom - density[i] / highest * (bottom - 6);
    outline.emplace_back(at(chart.edges[i]), y);
    outline.emplace_back(at(chart.edges[i + 1]), y);
  }
  outline.emplace_back(at(chart.edges.back()), bottom);
  canvas.path(outline, "area s1", true);
  for (double c : codes) canvas.line(at(c), 0, at(c), bottom + rug - 3, codes.size() > 40 ? "code thin" : "code");
  canvas.line(left, bottom, right, bottom, "axis");

  double last = -1e9;
  for (double t : x.ticks()) {
    if (t < low || t > high) continue;
    const double half = text_width(x.label(t), font) / 2;
    const double centre = std::clamp(at(t), half, width - half);
    if (centre - half < last + 8) continue;
    canvas.line(at(t), bottom + rug, at(t), bottom + rug + 4, "axis");
    canvas.text(centre, bottom + rug + tick_line - 4, x.label(t), "muted", Anchor::middle);
    last = centre + half;
  }
  if (!chart.x.label.empty())
    canvas.text(right, bottom + rug + tick_line + 14, fit(x.title(), right, font), "ink strong", Anchor::end);
  return canvas.finish(bottom + rug + tick_line + (chart.x.label.empty() ? 4 : 20));
}

}  // namespace pare::draw
