// Charts: data in, one <svg> out. Colours, fonts and line widths come from the page's style sheet (page.h).
//
// Every chart takes the width it is drawn for, in CSS pixels (>= 240), because type must not shrink with the drawing: a
// page holds one drawing for wide windows and one for phones (page.h, responsive). Values that are not finite are not
// drawn; a chart without anything to draw says so in one line. Text from outside is escaped.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "pare/draw/axis.h"

namespace pare::draw {

struct Point {
  double x = 0, y = 0;
  std::optional<double> spread = {};  // half-width of the interval of y
  std::string label = {};             // beside the point where there is room
  std::string note = {};              // shown when pointed at; empty: the label
  std::size_t series = 0;             // index into Scatter::series
  bool front = false;                 // on the Pareto front: filled, and joined by the front's line
  bool marked = false;                // the one that was chosen: ringed
};

struct Series {
  std::string name;
  int style = 0;  // canvas.h: colour, marker and dash
};

struct Scatter {
  std::string title, description;
  Axis x, y;
  bool lower_is_better_x = true;  // which way the front's steps turn
  std::vector<Series> series;     // empty: all points alike
  std::vector<Point> points;
};
std::string scatter(const Scatter& chart, double width);

struct LinePoint {
  double x = 0, y = 0;
  std::optional<double> spread = {};
};
struct Line {
  Series series;
  std::vector<LinePoint> points;  // ascending x; a single one is drawn as a marker
};
struct Reference {
  double y = 0;
  std::string name;
};
struct Lines {
  std::string title, description;
  Axis x, y;
  std::vector<Line> lines;
  std::vector<Reference> references = {};  // horizontal lines to compare with
};
std::string lines(const Lines& chart, double width);

struct Bars {
  std::string title, description;
  Axis value;                               // from 0
  std::vector<Series> series;               // one bar each in every group
  std::vector<std::string> groups;          // from top to bottom
  std::vector<std::vector<double>> values;  // [groups][series]; negative ones are drawn as 0
};
std::string bars(const Bars& chart, double width);

struct Histogram {
  std::string title, description;
  Axis x;
  std::vector<double> edges;        // [bins + 1], ascending
  std::vector<double> counts;       // [bins], >= 0
  std::vector<double> code_points;  // in units of x, ascending: vertical lines; beyond the outermost is shaded
};
std::string histogram(const Histogram& chart, double width);

struct Segment {
  double from = 0, to = 0;
  std::size_t series = 0;  // index into Timeline::series
  std::string label = {};  // inside, where there is room
  bool beside = false;     // runs beside the others of its row: drawn below them, thinner
};
struct TimelineRow {
  std::string name;
  std::vector<Segment> segments;
};
/// Rows of segments along one axis from 0: what happens when, or what a whole is made of.
struct Timeline {
  std::string title, description;
  Axis x;
  std::vector<Series> series;
  std::vector<TimelineRow> rows;               // from top to bottom
  double end = 0;                              // of the rows, which are shaded where nothing happens; 0: no shade
  std::optional<double> limit = std::nullopt;  // a line across the rows
  std::string limit_name = {};
};
std::string timeline(const Timeline& chart, double width);

}  // namespace pare::draw
