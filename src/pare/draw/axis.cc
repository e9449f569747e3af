#include "pare/draw/axis.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <cmath>

#include "pare/draw/text.h"

namespace pare::draw {
namespace {

constexpr double beyond = 1e300;  // sums and differences of what is left stay finite

double tame(double value) { return std::isfinite(value) ? std::clamp(value, -beyond, beyond) : 0; }

/// m * 10^e, rounded once: 3 * 10^-1 is the double 0.3.
double decimal(double m, int e) { return e < 0 ? m / std::pow(10.0, -e) : m * std::pow(10.0, e); }

struct Prefix {
  double factor;
  const char* text;
};
constexpr std::array large{Prefix{1e12, "T"}, Prefix{1e9, "G"}, Prefix{1e6, "M"}, Prefix{1e3, "k"}, Prefix{1, ""}};
constexpr std::array small{Prefix{1, ""}, Prefix{1e-3, "m"}, Prefix{1e-6, "µ"}, Prefix{1e-9, "n"}};

/// The prefix for figures up to `magnitude` in that unit; {1, ""} where the unit takes none.
Prefix prefix(const std::string& unit, double magnitude) {
  static constexpr std::array counted{"bytes", "B", "MACs", "parameters", "cycles", "FLOPs", "samples", "bits"};
  const auto fitting = [&](const auto& list) {
    const auto found = std::ranges::find_if(list, [&](const Prefix& p) { return magnitude >= p.factor; });
    return found == list.end() ? list.back() : *found;
  };
  if (std::ranges::find(counted, unit) != counted.end()) return fitting(large);
  if (unit == "s" && magnitude > 0) return fitting(small);
  return {1, ""};
}

std::string with_prefix(const Prefix& p, const std::string& whole) {
  const std::string unit = shorten(whole, 14);
  const bool bytes = unit == "bytes" || unit == "B";
  if (unit.size() > 2 && !bytes && p.factor != 1) return std::string(p.text) + " " + unit;  // "M parameters"
  return std::string(p.text) + (bytes ? (p.factor == 1 ? "bytes" : "B") : unit);
}

std::string power_of_ten(double value) {
  const int e = static_cast<int>(std::floor(std::log10(std::abs(value)) + 1e-9));
  const double m = value / std::pow(10.0, e);
  static constexpr std::array digits{"⁰", "¹", "²", "³", "⁴", "⁵", "⁶", "⁷", "⁸", "⁹"};
  std::string power = "10";
  if (e < 0) power += "⁻";
  for (char c : std::to_string(std::abs(e))) power += digits[static_cast<std::size_t>(c - '0')];
  if (std::abs(m - 1) < 1e-6) return power;
  return fmt::format("{:.3g}·{}", m, power);
}

/// Up to `digits` significant digits, powers of ten where zeros would be many.
std::string plain(double value, int digits) {
  const double magnitude = std::abs(value);
  if (value == 0 || !std::isfinite(value)) return value == 0 ? "0" : fmt::format("{}", value);
  if (magnitude < 1e-3 || magnitude >= 1e7) return power_of_ten(value);
  const int decimals = std::max(0, digits - 1 - static_cast<int>(std::floor(std::log10(magnitude))));
  std::string out = fmt::format("{:.{}f}", value, decimals);
  if (out.find('.') != std::string::npos) {
    while (out.back() == '0') out.pop_back();
    if (out.back() == '.') out.pop_back();
  }
  return out;
}

}  // namespace

std::vector<double> ticks(double low, double high, int most) {
  assert(most >= 3);
  low = tame(low), high = tame(high);
  if (low > high) std::swap(low, high);
  const double magnitude = std::max(std::abs(low), std::abs(high));
  if (magnitude < 1e-290)
    low = 0, high = 1;  // below it a tenth of a step is no longer a normal number
  else if (high - low < 1e-9 * magnitude)
    low -= 0.05 * magnitude, high += 0.05 * magnitude;

  int e = static_cast<int>(std::floor(std::log10((high - low) / (most - 1))));
  for (;; ++e)
    for (double m : {1.0, 2.0, 5.0}) {
      const double step = decimal(m, e);
      double first = std::floor(low / step), last = std::ceil(high / step);
      if (decimal(first * m, e) > low) --first;  // the quotient was rounded
      if (decimal(last * m, e) < high) ++last;
      if (last - first + 1 > most) continue;
      std::vector<double> out;
      for (double i = first; i <= last; ++i) out.push_back(decimal(i * m, e));
      return out;
    }
}

std::vector<double> log_ticks(double low, double high, int most) {
  assert(most >= 3 && low > 0 && high > 0);
  low = std::clamp(low, 1 / beyond, beyond), high = std::clamp(high, 1 / beyond, beyond);
  if (low > high) std::swap(low, high);
  if (high < low * 1.001) low = std::max(low / 1.5, 1 / beyond), high = std::min(high * 1.5, beyond);

  // candidates: mantissas of a decade, from the one at or below low to the one at or above high
  const auto collect = [&](const std::vector<double>& mantissas, int decades) {
    std::vector<double> out;
    const int begin = static_cast<int>(std::floor(std::log10(low) / decades)) * decades - decades;
    for (int e = begin; e <= 400; e += decades)
      for (double m : mantissas) {
        const double value = decimal(m, e);
        if (value <= low) out.clear();
        out.push_back(value);
        if (value >= high) return out;
      }
    return out;
  };
  const auto fits = [&](const std::vector<double>& out) { return static_cast<int>(out.size()) <= most; };
  const std::vector<std::vector<double>> dense{{1, 2, 3, 4, 5, 6, 7, 8, 9}, {1, 2, 5}, {1, 3}};
  for (const auto& mantissas : dense)
    if (auto out = collect(mantissas, 1); fits(out) && out.size() >= 2) return out;
  for (int decades = 1; decades < 300; ++decades)
    if (auto out = collect({1}, decades); fits(out)) return out;
  return {1 / beyond, 1, beyond};
}

void Extent::include(double value) {
  if (!std::isfinite(value)) return;
  low = low ? std::min(*low, value) : value;
  high = high ? std::max(*high, value) : value;
}

void Extent::include(double value, const std::optional<double>& spread) {
  include(value);
  if (!spread) return;
  include(value - *spread);
  include(value + *spread);
}

Scale::Scale(const Axis& axis, const Extent& extent, int most, double from, double to)
    : label_(axis.label), from_(from), to_(to) {
  const double low = extent.low.value_or(0), high = extent.high.value_or(low + 1);
  log_ = axis.log && low > 0;
  ticks_ = !axis.at.empty() ? axis.at : log_ ? log_ticks(low, high, most) : draw::ticks(low, high, most);
  std::erase_if(ticks_, [&](double t) { return !std::isfinite(t) || (log_ && t <= 0); });
  if (ticks_.empty()) ticks_ = {low};
  low_ = axis.at.empty() ? ticks_.front() : std::min(ticks_.front(), tame(low));
  high_ = axis.at.empty() ? ticks_.back() : std::max(ticks_.back(), tame(high));
  if (!(high_ > low_)) high_ = low_ + std::max(1.0, std::abs(low_));
  // on a logarithmic axis every tick has a prefix of its own
  const Prefix p = log_ ? Prefix{1, ""} : prefix(axis.unit, std::max(std::abs(low_), std::abs(high_)));
  factor_ = p.factor;
  tick_unit_ = log_ && prefix(axis.unit, 1e-3).factor != prefix(axis.unit, 1e3).factor ? axis.unit : "";
  unit_ = tick_unit_.empty() ? with_prefix(p, axis.unit) : "";
}

double Scale::operator()(double value) const {
  if (std::isnan(value)) return from_;
  value = std::clamp(value, low_, high_);
  const double share = log_ ? (std::log(value) - std::log(low_)) / (std::log(high_) - std::log(low_))
                            : (value / 2 - low_ / 2) / (high_ / 2 - low_ / 2);
  return from_ + share * (to_ - from_);
}

std::string Scale::label(double tick) const {
  if (tick_unit_.empty()) return plain(tick / factor_, 5);
  const Prefix p = prefix(tick_unit_, tick);
  return fmt::format("{} {}", plain(tick / p.factor, 5), with_prefix(p, tick_unit_));
}

std::string Scale::title() const { return unit_.empty() ? label_ : label_ + " (" + unit_ + ")"; }

std::string quantity(double value, const std::string& unit) {
  const Prefix p = prefix(unit, std::abs(value));
  const std::string text = with_prefix(p, unit);
  return plain(value / p.factor, 3) + (text.empty() ? "" : " " + text);
}

}  // namespace pare::draw
