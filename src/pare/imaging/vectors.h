// Frames that a design is tested with.
#pragma once
#include <string>
#include <vector>

#include "pare/imaging/graph.h"
#include "pare/imaging/interpret.h"

namespace pare::imaging {

/// `count` frames [count][inputs], all different. `images` is "noise", or files as read_frame knows them, one an input
/// in order or as NAME=FILE: they are cut to the graph's size or continued by mirroring, and every frame after the
/// first is moved, every second one negative. Throws UsageError for the wrong number of images, Error for those that do
/// not fit the input's type.
std::vector<std::vector<Frame>> test_frames(const Pipeline& pipeline, const Graph& graph,
                                            const std::vector<std::string>& images, int count = 3);

}  // namespace pare::imaging
