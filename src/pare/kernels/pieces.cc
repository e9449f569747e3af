#include <algorithm>

#include "pare/kernels/cuda.h"

namespace pare::kernels::cuda {

Pieces pieces_of(const std::int64_t* begin, std::int64_t rows) {
  Pieces out;
  for (std::int64_t place = 0; place < rows; ++place) {
    const std::int64_t first = begin[place], last = begin[place + 1];
    if (last - first <= longest_row) continue;
    for (std::int64_t e = first; e < last; e += longest_row)
      out.piece.push_back({place, e, std::min(e + longest_row, last)});
    out.first_piece.push_back(static_cast<std::int64_t>(out.piece.size()));
  }
  return out;
}

}  // namespace pare::kernels::cuda
