#include "pare/graph/locality.h"

#include <cmath>
#include <cstdlib>

namespace pare::graph {

Locality locality_of(const Adjacency& a, const std::vector<std::int32_t>& new_of, std::int64_t block) {
  Locality out;
  if (a.nonzeros() == 0) return out;
  std::int64_t inside = 0;
  double logs = 0, gaps = 0;
  for (std::int64_t r = 0; r < a.rows(); ++r)
    for (std::int64_t e = a.begin[r]; e < a.begin[r + 1]; ++e) {
      const std::int64_t row = new_of[r], column = new_of[a.column[e]];
      inside += row / block == column / block;
      const auto gap = static_cast<double>(std::abs(row - column));
      gaps += gap;
      logs += std::log2(1 + gap);
    }
  const auto count = static_cast<double>(a.nonzeros());
  out.inside = static_cast<double>(inside) / count;
  out.log_gap = logs / count;
  out.mean_gap = gaps / count;
  return out;
}

}  // namespace pare::graph
