// Labels beside points, so that they cover neither each other nor the points.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "pare/draw/canvas.h"

namespace pare::draw {

struct Label {
  double x, y;  // the point, pixels
  std::string text;
  int urgency = 0;  // the most urgent are placed first; those of 0 only right beside their point
};

struct PlacedLabel {
  double x, y;  // the text's baseline
  Anchor anchor;
  Box box;   // what the text covers
  bool far;  // not right beside its point: draw a line to it
};

/// A place for every label inside `area`, or none where there is no room: the boxes overlap neither each other nor the
/// `obstacles`. In the order of `labels`.
std::vector<std::optional<PlacedLabel>> place_labels(const std::vector<Label>& labels, const Box& area,
                                                     const std::vector<Box>& obstacles);

}  // namespace pare::draw
