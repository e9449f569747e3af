// The times of equal events, in short.
#pragma once
#include <cstddef>
#include <vector>

namespace pare::trace {

/// In seconds.
struct Times {
  std::size_t count = 0;
  double median = 0, least = 0, total = 0;
};

/// Sorts `seconds`, which must not be empty.
Times times_of(std::vector<double>& seconds);

}  // namespace pare::trace
