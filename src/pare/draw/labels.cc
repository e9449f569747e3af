#include "pare/draw/labels.h"

#include <algorithm>
#include <numeric>

#include "pare/draw/text.h"

namespace pare::draw {

std::vector<std::optional<PlacedLabel>> place_labels(const std::vector<Label>& labels, const Box& area,
                                                     const std::vector<Box>& obstacles) {
  struct Place {
    double dx, dy;  // from the point to the text's edge and middle
    Anchor anchor;
    bool far;
  };
  static const std::vector<Place> places = [] {
    std::vector<Place> all;
    for (double reach : {9.0, 22.0, 36.0}) {
      const bool far = reach > 9;
      for (const Place& p :
           {Place{1, 0, Anchor::start, far}, Place{-1, 0, Anchor::end, far}, Place{0, -1.4, Anchor::middle, far},
            Place{0, 1.4, Anchor::middle, far}, Place{0.7, -1, Anchor::start, far}, Place{0.7, 1, Anchor::start, far},
            Place{-0.7, -1, Anchor::end, far}, Place{-0.7, 1, Anchor::end, far}})
        all.push_back({p.dx * reach, p.dy * reach, p.anchor, p.far});
    }
    return all;
  }();

  std::vector<std::size_t> order(labels.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, [&](std::size_t a, std::size_t b) { return labels[a].urgency > labels[b].urgency; });

  std::vector<Box> taken = obstacles;
  std::vector<std::optional<PlacedLabel>> out(labels.size());
  for (std::size_t i : order) {
    const Label& label = labels[i];
    const double width = text_width(label.text, font);
    for (const Place& place : places) {
      if (place.far && label.urgency == 0) break;
      const double x = label.x + place.dx, middle = label.y + place.dy;
      const double left = place.anchor == Anchor::start ? x : place.anchor == Anchor::end ? x - width : x - width / 2;
      const Box box{left, middle - font * 0.6, left + width, middle + font * 0.6};
      if (!box.inside(area) || std::ranges::any_of(taken, [&](const Box& b) { return b.overlaps(box); })) continue;
      out[i] = PlacedLabel{x, middle + font * 0.35, place.anchor, box, place.far};
      taken.push_back(box);
      break;
    }
  }
  return out;
}

}  // namespace pare::draw
