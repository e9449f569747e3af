#include "pare/quantize/scale_search.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace pare::quantize {

SortedValues::SortedValues(const float* values, std::size_t count) : values_(values, values + count) {
  std::ranges::sort(values_);
  sums_.reserve(count + 1);
  sums_.push_back(0);
  for (const float x : values_) {
    sums_.push_back(sums_.back() + x);
    squares_ += static_cast<double>(x) * x;
  }
}

float SortedValues::peak() const { return std::max(std::abs(lowest()), std::abs(highest())); }

double SortedValues::squared_error(const number::Format& format, float scale) const {
  // sum over the cells of sum (x - v)^2 = sum x^2 - 2 v sum x + n v^2; the first term does not depend on the cell
  const auto& grid = number::values(format);
  double error = squares_;
  std::size_t begin = 0;
  for (std::size_t i = 0; i < grid.size() && begin < values_.size(); ++i) {
    std::size_t end = values_.size();
    if (i + 1 < grid.size()) {
      const auto cut = static_cast<float>(0.5 * (static_cast<double>(grid[i]) + grid[i + 1]) * scale);
      end = static_cast<std::size_t>(
          std::lower_bound(values_.begin() + static_cast<std::ptrdiff_t>(begin), values_.end(), cut) - values_.begin());
    }
    if (end == begin) continue;
    const double v = static_cast<double>(grid[i]) * scale;
    error += v * (v * static_cast<double>(end - begin) - 2 * (sums_[end] - sums_[begin]));
    begin = end;
  }
  return std::max(error, 0.0);
}

Scale SortedValues::best_scale(const number::Format& format, const Window& window) const {
  if (peak() == 0) return {1, 0};
  Scale best{1, std::numeric_limits<double>::infinity()};
  for (int i = window.low; i <= window.high; i += window.step) {
    const auto scale = static_cast<float>(static_cast<double>(peak()) * i / 100 / number::largest(format));
    if (scale < std::numeric_limits<float>::min()) continue;  // x / scale would lose its digits
    const double error = squared_error(format, scale);
    if (error < best.squared_error) best = {scale, error};
  }
  if (std::isinf(best.squared_error)) best = {std::numeric_limits<float>::min(), squares_};
  return best;
}

}  // namespace pare::quantize
