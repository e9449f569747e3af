#include "pare/draw/canvas.h"

#include <fmt/format.h>

#include <cmath>
#include <numbers>

#include "pare/draw/text.h"

namespace pare::draw {
namespace {

std::string noted(std::string_view element, std::string_view attributes, std::string_view note) {
  if (note.empty()) return fmt::format("<{}{}/>\n", element, attributes);
  return fmt::format("<{}{}><title>{}</title></{}>\n", element, attributes, escape(note), element);
}

int wrapped(int style) { return (style % (styles + 1) + styles + 1) % (styles + 1); }

std::string points(const std::vector<std::pair<double, double>>& list) {
  std::string d;
  for (const auto& [x, y] : list) d += fmt::format("{}{} {}", d.empty() ? 'M' : 'L', coordinate(x), coordinate(y));
  return d;
}

}  // namespace

Canvas::Canvas(double width, std::string title, std::string description)
    : width_(width), title_(std::move(title)), description_(std::move(description)) {}

void Canvas::line(double x1, double y1, double x2, double y2, std::string_view kind) {
  body_ += fmt::format("<line class=\"{}\" x1=\"{}\" y1=\"{}\" x2=\"{}\" y2=\"{}\"/>\n", kind, coordinate(x1),
                       coordinate(y1), coordinate(x2), coordinate(y2));
}

void Canvas::rect(double x, double y, double width, double height, std::string_view kind, std::string_view note) {
  if (!(width > 0 && height > 0)) return;
  body_ += noted("rect",
                 fmt::format(" class=\"{}\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"", kind, coordinate(x),
                             coordinate(y), coordinate(width), coordinate(height)),
                 note);
}

void Canvas::text(double x, double y, std::string_view text, std::string_view kind, Anchor anchor) {
  static constexpr const char* anchors[] = {"", " text-anchor=\"middle\"", " text-anchor=\"end\""};
  body_ += fmt::format("<text class=\"{}\" x=\"{}\" y=\"{}\"{}>{}</text>\n", kind, coordinate(x), coordinate(y),
                       anchors[static_cast<int>(anchor)], escape(text));
}

void Canvas::path(const std::vector<std::pair<double, double>>& list, std::string_view kind, bool closed) {
  if (list.empty()) return;
  body_ += fmt::format("<path class=\"{}\" d=\"{}{}\"/>\n", kind, points(list), closed ? "Z" : "");
}

void Canvas::marker(int style, double x, double y, double r, std::string_view kind, std::string_view note) {
  style = wrapped(style);
  if (style == 0) {
    body_ += noted(
        "circle",
        fmt::format(" class=\"{}\" cx=\"{}\" cy=\"{}\" r=\"{}\"", kind, coordinate(x), coordinate(y), coordinate(r)),
        note);
    return;
  }
  // corners of a regular polygon, the first at `turn` of a circle; sizes so that all have about the circle's area
  struct Shape {
    int corners;
    double turn, size;
  };
  static constexpr Shape shapes[] = {{},          {4, 0.125, 1.25}, {3, 0.75, 1.45}, {4, 0, 1.3}, {3, 0.25, 1.45},
                                     {0, 0, 1.3}, {0, 0.125, 1.3}};
  const Shape shape = shapes[style];
  std::vector<std::pair<double, double>> corners;
  if (shape.corners == 0) {  // a cross with thick arms, upright or turned
    const double a = r * shape.size, b = a * 0.36, turn = 2 * std::numbers::pi * shape.turn;
    const double cosine = std::cos(turn), sine = std::sin(turn);
    for (auto [dx, dy] : {std::pair{-b, -a},
                          {b, -a},
                          {b, -b},
                          {a, -b},
                          {a, b},
                          {b, b},
                          {b, a},
                          {-b, a},
                          {-b, b},
                          {-a, b},
                          {-a, -b},
                          {-b, -b}})
      corners.emplace_back(x + dx * cosine - dy * sine, y + dx * sine + dy * cosine);
  }
  for (int i = 0; i < shape.corners; ++i) {
    const double angle = 2 * std::numbers::pi * (shape.turn + static_cast<double>(i) / shape.corners);
    corners.emplace_back(x + r * shape.size * std::cos(angle), y + r * shape.size * std::sin(angle));
  }
  body_ += noted("path", fmt::format(" class=\"{}\" d=\"{}Z\"", kind, points(corners)), note);
}

std::string Canvas::finish(double height) const {
  return fmt::format(
      "<svg role=\"img\" viewBox=\"0 0 {} {}\" width=\"{}\" height=\"{}\" xmlns=\"http://www.w3.org/2000/svg\">"
      "<title>{}</title>\n<desc>{}</desc>\n{}</svg>\n",
      coordinate(width_), coordinate(height), coordinate(width_), coordinate(height), escape(title_),
      escape(description_), body_);
}

std::string series_class(int style) { return fmt::format("s{}", wrapped(style) + 1); }

}  // namespace pare::draw
