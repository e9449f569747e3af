#include "pare/trace/times.h"

#include <algorithm>

namespace pare::trace {

Times times_of(std::vector<double>& seconds) {
  std::ranges::sort(seconds);
  const std::size_t half = seconds.size() / 2;
  Times times{.count = seconds.size(), .median = seconds[half], .least = seconds[0]};
  if (seconds.size() % 2 == 0) times.median = (seconds[half - 1] + seconds[half]) / 2;
  for (const double one : seconds) times.total += one;
  return times;
}

}  // namespace pare::trace
