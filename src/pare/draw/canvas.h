// A drawing that grows element by element, and the looks that the charts share.
#pragma once
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pare/draw/axis.h"

namespace pare::draw {

/// Series have six styles: a colour, a marker and a dash each, so that no two differ by colour alone. A seventh, in the
/// colour of text, is for what the others are compared with.
constexpr int styles = 6;
constexpr int reference_style = styles;

enum class Anchor { start, middle, end };

struct Box {
  double left, top, right, bottom;
  bool overlaps(const Box& other) const {
    return left < other.right && other.left < right && top < other.bottom && other.top < bottom;
  }
  bool inside(const Box& other) const {
    return left >= other.left && right <= other.right && top >= other.top && bottom <= other.bottom;
  }
};

/// One <svg>, in CSS pixels. `kind` arguments are class names of the page's style sheet and are never outside text.
class Canvas {
 public:
  /// `title` names the drawing for screen readers, `description` says what it shows.
  Canvas(double width, std::string title, std::string description);

  void line(double x1, double y1, double x2, double y2, std::string_view kind);
  void rect(double x, double y, double width, double height, std::string_view kind, std::string_view note = {});
  void text(double x, double y, std::string_view text, std::string_view kind, Anchor anchor = Anchor::start);
  void path(const std::vector<std::pair<double, double>>& points, std::string_view kind, bool closed = false);
  /// The marker of a style (0 .. reference_style), about 2 `radius` wide; `note` is shown when pointed at.
  void marker(int style, double x, double y, double radius, std::string_view kind, std::string_view note = {});

  double width() const { return width_; }
  /// The whole element.
  std::string finish(double height) const;

 private:
  double width_;
  std::string title_, description_, body_;
};

/// Class of a series: "s1" .. "s7"; what is beyond wraps around.
std::string series_class(int style);

constexpr double font = 12.5;   // pixels: tick labels, legends; the style sheet says the same
constexpr double leading = 20;  // of a line of legend

/// A row of markers and names, wrapped to the width, from `top` down; returns the y below it. Draws nothing for fewer
/// than two names.
struct LegendEntry {
  std::string name;
  int style = 0;
  enum class Look { marker, line, swatch, rule } look = Look::marker;
};
double legend(Canvas& canvas, const std::vector<LegendEntry>& entries, double left, double top);

/// The plot's frame: its box and both scales, with grid, ticks and titles drawn.
struct Frame {
  Box box;
  Scale x, y;
};
/// `pad` pixels are left free between the box and the extreme ticks of x.
Frame frame(Canvas& canvas, const Axis& x, const Extent& xs, const Axis& y, const Extent& ys, double top, double height,
            double pad);

}  // namespace pare::draw
