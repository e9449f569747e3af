#include "pare/cluster/balance.h"

#include <algorithm>
#include <cassert>
#include <numeric>

namespace pare::cluster {
namespace {

/// Every stage takes parts as long as it stays within `most` and leaves one for each stage behind it. The last stage
/// takes what is left.
std::vector<std::size_t> fill(const std::vector<double>& times, std::size_t stages, double most) {
  std::vector<std::size_t> starts{0};
  double own = times[0];
  for (std::size_t i = 1; i < times.size() && starts.size() < stages; ++i) {
    const bool needed = times.size() - i == stages - starts.size();
    if (needed || own + times[i] > most) {
      starts.push_back(i);
      own = 0;
    }
    own += times[i];
  }
  return starts;
}

double longest(const std::vector<double>& times, const std::vector<std::size_t>& starts) {
  double most = 0;
  for (std::size_t s = 0; s < starts.size(); ++s) {
    const std::size_t end = s + 1 < starts.size() ? starts[s + 1] : times.size();
    most = std::max(most, std::accumulate(times.begin() + static_cast<std::ptrdiff_t>(starts[s]),
                                          times.begin() + static_cast<std::ptrdiff_t>(end), 0.0));
  }
  return most;
}

}  // namespace

std::vector<std::size_t> balanced_starts(const std::vector<double>& times, int stages) {
  const auto count = static_cast<std::size_t>(stages);
  assert(times.size() >= count);
  std::vector<std::size_t> best = fill(times, count, 0);
  double low = 0, high = longest(times, best);
  for (int halving = 0; halving < 50; ++halving) {
    const double most = (low + high) / 2;
    auto starts = fill(times, count, most);
    const double reached = longest(times, starts);
    if (reached > most) {
      low = most;
    } else {
      best = std::move(starts);
      high = reached;
    }
  }
  return best;
}

}  // namespace pare::cluster
