// The reference: what a pipeline computes, bit by bit, on whole images.
#pragma once
#include <cstdint>
#include <vector>

#include "pare/imaging/pipeline.h"

namespace pare::imaging {

/// The codes of a stage's pixels, rows from the top.
struct Frame {
  int width = 0, height = 0, channels = 1;
  std::vector<std::int64_t> codes;  // [height, width, channels]

  std::int64_t at(int x, int y, int channel = 0) const {
    return codes[(static_cast<std::size_t>(y) * static_cast<std::size_t>(width) + static_cast<std::size_t>(x)) *
                     static_cast<std::size_t>(channels) +
                 static_cast<std::size_t>(channel)];
  }
  bool operator==(const Frame&) const = default;
};

/// One frame for each stage marked as output, in the order of stages, from one for each input stage in that order.
/// Throws Error for the wrong number of inputs, sizes that do not go together (check_size, steps), and codes that the
/// input's type does not have.
std::vector<Frame> interpret(const Pipeline& pipeline, const std::vector<Frame>& inputs);

}  // namespace pare::imaging
