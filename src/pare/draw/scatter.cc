#include <algorithm>
#include <cmath>

#include "pare/draw/canvas.h"
#include "pare/draw/chart.h"
#include "pare/draw/labels.h"
#include "pare/draw/text.h"

namespace pare::draw {
namespace {

bool drawable(const Scatter& chart, const Point& p) {
  return std::isfinite(p.x) && std::isfinite(p.y) && !(chart.x.log && p.x <= 0) && !(chart.y.log && p.y <= 0);
}

/// The border of what the front dominates: steps from point to point.
std::vector<std::pair<double, double>> staircase(const Scatter& chart, const std::vector<const Point*>& points,
                                                 const Frame& f) {
  std::vector<const Point*> front;
  for (const Point* p : points)
    if (p->front) front.push_back(p);
  std::ranges::sort(front, {}, [](const Point* p) { return p->x; });
  std::vector<std::pair<double, double>> steps;
  for (const Point* p : front) {
    // with a low x good, a point's y holds to its right; with a high x good, to its left
    if (!steps.empty())
      steps.push_back(chart.lower_is_better_x ? std::pair{f.x(p->x), steps.back().second}
                                              : std::pair{steps.back().first, f.y(p->y)});
    steps.emplace_back(f.x(p->x), f.y(p->y));
  }
  if (steps.size() < 2) steps.clear();
  return steps;
}

}  // namespace

std::string scatter(const Scatter& chart, double width) {
  constexpr double radius = 5;
  // in a crowd only those that matter have names
  const std::size_t most_labels = width < 500 ? 10 : 40;
  Canvas canvas(width, chart.title, chart.description);
  std::vector<const Point*> points;
  Extent xs, ys;
  for (const Point& p : chart.points)
    if (drawable(chart, p)) {
      points.push_back(&p);
      xs.include(p.x);
      chart.y.log ? ys.include(p.y) : ys.include(p.y, p.spread);
    }
  if (points.empty()) {
    canvas.text(0, 20, "No candidate has both figures.", "muted");
    return canvas.finish(32);
  }
  std::vector<LegendEntry> entries;
  for (const Series& s : chart.series) entries.push_back({s.name, s.style});
  const double top = legend(canvas, entries, 0, 0), height = std::clamp(width * 0.5, 260.0, 400.0);
  const Frame f = frame(canvas, chart.x, xs, chart.y, ys, top, height, 16);
  const auto style = [&](const Point& p) { return p.series < chart.series.size() ? chart.series[p.series].style : 0; };

  canvas.path(staircase(chart, points, f), "front");
  std::vector<Box> obstacles;
  for (const Point* p : points) {
    const double x = f.x(p->x), y = f.y(p->y), r = radius + (p->marked ? 6 : 2);
    obstacles.push_back({x - r, y - r, x + r, y + r});
    if (p->spread && std::isfinite(*p->spread) && *p->spread > 0)
      canvas.line(x, f.y(p->y - *p->spread), x, f.y(p->y + *p->spread), "interval faint " + series_class(style(*p)));
  }
  // what lies on the front is drawn last, over the rest
  std::ranges::stable_sort(points, {}, [](const Point* p) { return p->front + 2 * p->marked; });
  std::vector<Label> labels;
  for (const Point* p : points) {
    const double x = f.x(p->x), y = f.y(p->y);
    if (p->marked) canvas.marker(0, x, y, radius + 5, "ring");
    canvas.marker(style(*p), x, y, radius, (p->front ? "mark " : "mark hollow ") + series_class(style(*p)),
                  p->note.empty() ? p->label : p->note);
    labels.push_back({x, y, shorten_middle(p->label, width < 500 ? 18 : 32), p->front + 2 * p->marked});
  }
  if (labels.size() > most_labels) std::erase_if(labels, [](const Label& label) { return label.urgency == 0; });
  if (labels.size() > most_labels)
    labels.erase(labels.begin(), labels.end() - static_cast<std::ptrdiff_t>(most_labels));
  const Box area{f.box.left + 2, f.box.top - 4, width, f.box.bottom - 2};
  const auto placed = place_labels(labels, area, obstacles);
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (!placed[i]) continue;
    const PlacedLabel& at = *placed[i];
    if (at.far)
      canvas.line(labels[i].x, labels[i].y, std::clamp(labels[i].x, at.box.left, at.box.right),
                  std::clamp(labels[i].y, at.box.top, at.box.bottom), "leader");
    canvas.text(at.x, at.y, labels[i].text, labels[i].urgency >= 2 ? "ink halo strong" : "ink halo", at.anchor);
  }
  return canvas.finish(f.box.bottom + 44);
}

}  // namespace pare::draw
