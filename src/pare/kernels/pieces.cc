#include <algorithm>
#include <bit>

#include "pare/kernels/cuda.h"

namespace pare::kernels::cuda {

int lanes_of(std::int64_t width, int features_at_once) {
  int lanes = 1;
  while (lanes < warp && lanes * features_at_once < width) lanes *= 2;
  return lanes;
}

std::int64_t panels(std::int64_t width) {
  const int lanes = lanes_of(width, 1);
  return (width + lanes - 1) / lanes;
}

std::int64_t longest_row(int lanes) { return std::int64_t{edges_a_step} * steps_a_row * (warp / lanes); }

int row_slots(double edges_a_row, int lanes) {
  const auto steps = static_cast<unsigned>(std::clamp(edges_a_row / edges_a_step, 1.0, double{warp}));
  return std::min(static_cast<int>(std::bit_ceil(steps)), warp / lanes);
}

Pieces pieces_of(const std::int64_t* begin, std::int64_t rows, std::int64_t longest) {
  Pieces out;
  for (std::int64_t place = 0; place < rows; ++place) {
    const std::int64_t first = begin[place], last = begin[place + 1];
    if (last - first <= longest) continue;
    const auto row = static_cast<std::int32_t>(out.first_piece.size() - 1);
    for (std::int64_t e = first; e < last; e += longest) {
      out.piece.push_back({place, e, std::min(e + longest, last)});
      out.row_of.push_back(row);
    }
    out.first_piece.push_back(static_cast<std::int64_t>(out.piece.size()));
  }
  return out;
}

}  // namespace pare::kernels::cuda
