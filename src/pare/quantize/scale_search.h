// The scale of least squared error, for a number format and a range of clipping points (ANT, MICRO 2022, section 4.4).
//
// Every clipping point cuts the values at the midpoints of a grid; between two cuts the error is a polynomial in the
// counts, sums and squares of the values there. So the values are sorted once, with running sums, and a clipping point
// costs a search for each of the format's 2^b midpoints instead of a pass over all values.
#pragma once
#include <cstddef>
#include <vector>

#include "pare/number/format.h"

namespace pare::quantize {

/// Clipping points tried: alpha = peak * i / 100 for i = low, low + step, ... up to and including high, where peak is
/// the largest magnitude; the scale is alpha over the format's largest value.
struct Window {
  int low = 75, high = 149, step = 1;

  /// The authors' code: 75 to 149 % of the peak, above six bits 95 to 149 %.
  static Window published(int bits) { return bits > 6 ? Window{95, 149, 1} : Window{75, 149, 1}; }
  /// From almost nothing to beyond the peak. The far end matters for sets dense near zero and sparse at the end.
  static Window free() { return {4, 200, 1}; }
};

struct Scale {
  float scale = 1;
  double squared_error = 0;  // summed over the values
};

/// Values whose quantisation error can be asked for many scales.
class SortedValues {
 public:
  /// Copies and sorts; all finite.
  SortedValues(const float* values, std::size_t count);

  std::size_t size() const { return values_.size(); }
  const std::vector<float>& values() const { return values_; }  // ascending
  float lowest() const { return values_.empty() ? 0 : values_.front(); }
  float highest() const { return values_.empty() ? 0 : values_.back(); }
  float peak() const;  // the largest magnitude
  double sum_of_squares() const { return squares_; }

  /// Sum of (x - nearest(x))^2 for the format at that scale; ties do not matter to it.
  double squared_error(const number::Format& format, float scale) const;

  /// The first clipping point of least error. Where all values are zero the scale is 1 and the error 0.
  Scale best_scale(const number::Format& format, const Window& window) const;

 private:
  std::vector<float> values_;
  std::vector<double> sums_;  // sums_[i]: of the first i values
  double squares_ = 0;
};

}  // namespace pare::quantize
