// The middle of measurements, which one disturbed run does not move.
#pragma once
#include <algorithm>
#include <cassert>
#include <vector>

namespace pare {

/// The middle one, of an even number the upper of the two. `values` must not be empty.
inline double median(std::vector<double> values) {
  assert(!values.empty());
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::ranges::nth_element(values, middle);
  return *middle;
}

}  // namespace pare
