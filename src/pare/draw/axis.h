// Axes: where ticks stand, what they say, and where a value lies in pixels.
#pragma once
#include <optional>
#include <string>
#include <vector>

namespace pare::draw {

/// Round numbers (1, 2 or 5 times a power of ten apart) that cover [low, high]: the first <= low, the last >= high,
/// ascending, at least 2 and at most `most` (>= 3) of them. Where low and high are equal the range is widened; what is
/// not finite counts as 0, what is beyond 1e300 is clamped.
std::vector<double> ticks(double low, double high, int most);

/// The same for a logarithmic axis: 1, 2, 5 a decade where they fit, else decades, else every k-th decade.
/// low and high > 0; clamped to [1e-300, 1e300].
std::vector<double> log_ticks(double low, double high, int most);

struct Axis {
  std::string label;
  std::string unit;  // "bytes", "s", "MACs", ...: shown with a fitting prefix; "%" and others as they are
  bool log = false;
  std::vector<double> at = {};  // where ticks must stand, ascending; empty: ticks() or log_ticks()
};

/// The range of the finite values it was shown.
struct Extent {
  std::optional<double> low, high;
  void include(double value);
  /// An interval of that half-width too, where there is one.
  void include(double value, const std::optional<double>& spread);
};

/// A value on an axis to pixels and back to words.
class Scale {
 public:
  /// Covers `extent` with at most `most` ticks; the lowest value lies at `from`, the highest at `to` (pixels, either
  /// may be larger). A logarithmic axis whose extent is not positive becomes linear.
  Scale(const Axis& axis, const Extent& extent, int most, double from, double to);

  /// Pixels; values outside are clamped to the ends, NaN lies at `from`.
  double operator()(double value) const;

  const std::vector<double>& ticks() const { return ticks_; }
  /// "2", "0.5", "10⁻⁴" in the unit that title() names, or, on a logarithmic axis with prefixes, "200 kB".
  std::string label(double tick) const;
  /// The axis' label with its unit: "weight size (MB)".
  std::string title() const;
  bool log() const { return log_; }

 private:
  std::string label_, unit_, tick_unit_;
  double factor_ = 1;  // what ticks are divided by to be in unit_
  bool log_ = false;
  double low_ = 0, high_ = 1, from_, to_;
  std::vector<double> ticks_;
};

/// A figure for people, with the prefix that fits its unit: quantity(1.2e6, "bytes") is "1.2 MB".
std::string quantity(double value, const std::string& unit);

}  // namespace pare::draw
