#include "pare/number/format.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <map>
#include <mutex>
#include <tuple>

#include "pare/base/error.h"

namespace pare::number {
namespace {

/// Value of a magnitude code c in [0, 2^k), in the family's own grid units.
double magnitude(const Format& f, unsigned c) {
  const int k = magnitude_bits(f);
  switch (f.family) {
    case Family::integer: return c;
    case Family::power_of_two: return c == 0 ? 0 : std::ldexp(1.0, static_cast<int>(c) - 1);
    case Family::floating: {
      const int m = k - f.exponent_bits;
      const auto exponent = static_cast<int>(c >> m);
      const double fraction = std::ldexp(static_cast<double>(c & ((1u << m) - 1)), -m);
      return exponent == 0 ? fraction : std::ldexp(1 + fraction, exponent - 1);
    }
    case Family::flint: {
      const unsigned top = 1u << (k - 1), r = c & (top - 1);
      if (!(c & top)) return r;
      if (r == 0) return std::ldexp(1.0, 2 * k - 2);
      const int leading_zeros = k - 1 - std::bit_width(r);
      return std::ldexp(static_cast<double>(r), 2 * leading_zeros + 1);
    }
  }
  return 0;
}

/// The power of two that brings a wide set into float32's range; 0 for most.
int normaliser(const Format& f) {
  double most = 0;
  for (unsigned c = 0; c < 1u << magnitude_bits(f); ++c) most = std::max(most, magnitude(f, c));
  return most > 0x1p64 ? -std::ilogb(most) : 0;
}

double value(const Format& f, unsigned code, int shift) {
  const int k = magnitude_bits(f);
  if (f.is_signed && f.range == IntRange::full) return code < 1u << k ? code : static_cast<double>(code) - (1 << f.bits);
  const double size = std::ldexp(magnitude(f, code & ((1u << k) - 1)), shift);
  const bool negative = f.is_signed && code >> k;
  return negative && size != 0 ? -size : size;
}

struct Tables {
  std::vector<float> by_code, ascending;
};

const Tables& tables(const Format& f) {
  static std::mutex mutex;
  static std::map<std::tuple<int, int, bool, int, int>, Tables> made;
  const std::lock_guard lock(mutex);
  const std::tuple key{static_cast<int>(f.family), f.bits, f.is_signed, f.exponent_bits, static_cast<int>(f.range)};
  if (const auto found = made.find(key); found != made.end()) return found->second;
  Tables t;
  const int shift = normaliser(f);
  for (unsigned code = 0; code < 1u << f.bits; ++code) t.by_code.push_back(static_cast<float>(value(f, code, shift)));
  t.ascending = t.by_code;
  std::ranges::sort(t.ascending);
  const auto repeated = std::ranges::unique(t.ascending);
  t.ascending.erase(repeated.begin(), repeated.end());
  return made.emplace(key, std::move(t)).first->second;
}

constexpr const char* family_names[] = {"int", "pot", "float", "flint"};

}  // namespace

std::string name(const Format& f) {
  std::string text = fmt::format("{}{}{}", f.is_signed ? "" : "u", family_names[static_cast<int>(f.family)], f.bits);
  if (f.family == Family::floating)
    text += fmt::format("_e{}m{}", f.exponent_bits, magnitude_bits(f) - f.exponent_bits);
  if (f.range == IntRange::full) text += "_full";
  return text;
}

Format parse_format(std::string_view text) {
  for (int family = 0; family < 4; ++family)
    for (int bits = 3; bits <= 8; ++bits)
      for (const bool is_signed : {true, false}) {
        Format f{static_cast<Family>(family), bits, is_signed};
        if (f.family == Family::floating) {
          f.exponent_bits = std::min(3, magnitude_bits(f));
          if (text == name(f).substr(0, name(f).find('_'))) return check(f), f;
          for (f.exponent_bits = 1; f.exponent_bits <= magnitude_bits(f); ++f.exponent_bits)
            if (text == name(f)) return check(f), f;
          continue;
        }
        if (text == name(f)) return check(f), f;
        f.range = IntRange::full;
        if (f.family == Family::integer && is_signed && text == name(f)) return f;
      }
  throw UsageError(fmt::format("'{}' is no number format", printable(std::string(text))), "format",
                   "write int4, uint4, int4_full, pot4, float4_e2m1, flint4, uflint4, 3 to 8 bits");
}

void check(const Format& f) {
  if (f.bits < 3 || f.bits > 8) throw UsageError(fmt::format("{} bits are not possible", f.bits), "format", "choose 3 to 8");
  const int k = magnitude_bits(f);
  if (f.family == Family::floating && (f.exponent_bits < 1 || f.exponent_bits > k))
    throw UsageError(fmt::format("{} exponent bits do not fit into {} magnitude bits", f.exponent_bits, k), name(f));
  if (f.range == IntRange::full && (f.family != Family::integer || !f.is_signed))
    throw UsageError("only signed integers have a full range", name(f));
  const bool too_wide = (f.family == Family::power_of_two && k == 8) || (f.family == Family::floating && f.exponent_bits == 8);
  if (too_wide)
    throw UsageError("spans 2^254, more than float32 can hold", name(f), "choose fewer bits or another format");
}

const std::vector<float>& code_values(const Format& format) { return tables(format).by_code; }

const std::vector<float>& values(const Format& format) { return tables(format).ascending; }

float largest(const Format& format) { return values(format).back(); }

}  // namespace pare::number
