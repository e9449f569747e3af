#include "pare/draw/labels.h"

#include <gtest/gtest.h>

#include "pare/base/random.h"

namespace pare::draw {
namespace {

TEST(Labels, CoverNeitherEachOtherNorPointsNorLeaveTheArea) {
  Random random(11);
  for (int trial = 0; trial < 30; ++trial) {
    const Box area{20, 10, 340, 260};
    std::vector<Label> labels;
    std::vector<Box> points;
    for (int i = 0; i < 40; ++i) {
      labels.push_back({random.uniform(20, 340), random.uniform(10, 260), "candidate" + std::to_string(i), i % 3});
      points.push_back({labels.back().x - 5, labels.back().y - 5, labels.back().x + 5, labels.back().y + 5});
    }
    const auto placed = place_labels(labels, area, points);
    ASSERT_EQ(placed.size(), labels.size());
    int count = 0;
    for (std::size_t i = 0; i < placed.size(); ++i) {
      if (!placed[i]) continue;
      ++count;
      EXPECT_TRUE(placed[i]->box.inside(area));
      for (const Box& point : points) EXPECT_FALSE(placed[i]->box.overlaps(point));
      for (std::size_t k = 0; k < i; ++k) {
        const bool overlap = placed[k] && placed[i]->box.overlaps(placed[k]->box);
        EXPECT_FALSE(overlap) << i << " and " << k;
      }
    }
    EXPECT_GE(count, 8) << "there is room for some";
  }
}

TEST(Labels, TheUrgentOneGetsThePlace) {
  // two points at one spot, between walls that leave room for a single label on the right
  const Box area{0, 0, 120, 40};
  const std::vector<Box> walls{{0, 0, 14, 40}, {14, 0, 120, 11}, {14, 29, 120, 40}};
  const auto placed = place_labels({{20, 20, "first", 0}, {20, 20, "urgent", 1}}, area, walls);
  EXPECT_FALSE(placed[0]);
  ASSERT_TRUE(placed[1]);
  EXPECT_GT(placed[1]->box.left, 20);
}

}  // namespace
}  // namespace pare::draw
