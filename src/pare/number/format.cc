#include "pare/number/format.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <set>

#include "pare/base/error.h"
#include "pare/number/grid.h"

namespace pare::number {
namespace {

constexpr const char* families[] = {"int", "pot", "float", "flint"};
constexpr const char* known =
    "int4, uint4, int4_full, pot4, float4_e2m1, flint4, ... of 3 to 8 bits, u before unsigned";

/// A name even of a format that does not exist, for messages.
std::string any_name(const Format& f) {
  std::string text = fmt::format("{}{}{}", f.is_signed ? "" : "u", families[static_cast<int>(f.family)], f.bits);
  if (f.family == Family::floating)
    text += fmt::format("_e{}m{}", f.exponent_bits, magnitude_bits(f) - f.exponent_bits);
  if (f.range == IntRange::full) text += "_full";
  return text;
}

/// Takes a number of at most three digits off the front.
bool take_number(std::string_view& text, int& number) {
  const char* last = text.data() + std::min<std::size_t>(text.size(), 3);
  const auto [end, error] = std::from_chars(text.data(), last, number);
  if (error != std::errc() || number < 0) return false;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return true;
}

bool take(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

/// Throws the reason why `f` does not exist.
void examine(const Format& f) {
  const auto refuse = [&f](const std::string& why, const std::string& mend) {
    throw UsageError(why, "number format " + any_name(f), mend);
  };
  if (f.bits < 3 || f.bits > 8) refuse(fmt::format("has {} bits", f.bits), "choose 3 to 8");
  const int k = magnitude_bits(f);
  if (f.family == Family::floating && (f.exponent_bits < 1 || f.exponent_bits > k))
    refuse(fmt::format("has {} exponent bits", f.exponent_bits), fmt::format("choose 1 to {}", k));
  if (f.family != Family::floating && f.exponent_bits != 0) refuse("has exponent bits", "only float formats have them");
  if (f.range == IntRange::full && (f.family != Family::integer || !f.is_signed))
    refuse("has a full range", "only signed integers have one");

  double least = INFINITY;
  for (std::uint32_t code = 1; code < 1u << k; ++code) least = std::min(least, magnitude(f, code));
  least = std::ldexp(least, normalisation(f));
  if (static_cast<double>(static_cast<float>(least)) != least)
    refuse(fmt::format("spans more than float32 holds: its smallest value is 2^{} of a largest in [1, 2)",
                       std::ilogb(least)),
           "take fewer bits, fewer exponent bits, or the signed format");
}

struct Entry {
  std::vector<float> by_code, ascending;  // empty where the format does not exist
  Grid grid;
};

Entry make_entry(const Format& f) {
  const int k = magnitude_bits(f), shift = normalisation(f);
  const bool full = f.range == IntRange::full;
  Entry entry;
  for (std::uint32_t code = 0; code < 1u << f.bits; ++code) {
    const std::uint32_t low = code & ((1u << k) - 1);
    const bool negative = code >> k != 0;
    double value = std::ldexp(magnitude(f, low), shift);
    if (negative) value = full ? value - (1 << k) : -value;
    entry.by_code.push_back(value == 0 ? 0.0f : static_cast<float>(value));
  }
  const std::set<float> distinct(entry.by_code.begin(), entry.by_code.end());
  entry.ascending.assign(distinct.begin(), distinct.end());
  entry.grid = make_grid(f, entry.ascending.front(), entry.ascending.back());
  return entry;
}

// Every format there is, some hundred and fifty, made together at the first question: the codec asks at every call,
// and calls may be as short as one channel.
constexpr std::size_t places = std::size_t{4} * 6 * 2 * 9 * 2;

bool in_table(const Format& f) { return f.bits >= 3 && f.bits <= 8 && f.exponent_bits >= 0 && f.exponent_bits <= 8; }

std::size_t place(const Format& f) {
  auto i = static_cast<std::size_t>(f.family);
  i = i * 6 + static_cast<std::size_t>(f.bits - 3);
  i = i * 2 + (f.is_signed ? 1 : 0);
  i = i * 9 + static_cast<std::size_t>(f.exponent_bits);
  return i * 2 + (f.range == IntRange::full ? 1 : 0);
}

std::vector<Entry> make_all() {
  std::vector<Entry> all(places);
  for (const Family family : {Family::integer, Family::power_of_two, Family::floating, Family::flint})
    for (int bits = 3; bits <= 8; ++bits)
      for (const bool is_signed : {true, false})
        for (int exponent_bits = 0; exponent_bits <= 8; ++exponent_bits)
          for (const IntRange range : {IntRange::symmetric, IntRange::full}) {
            const Format f{family, bits, is_signed, exponent_bits, range};
            try {
              examine(f);
              all[place(f)] = make_entry(f);
            } catch (const UsageError&) {
            }
          }
  return all;
}

const Entry& entry_of(const Format& f) {
  static const std::vector<Entry> all = make_all();
  if (!in_table(f) || all[place(f)].by_code.empty()) examine(f);
  return all[place(f)];
}

}  // namespace

std::string name(const Format& format) {
  check(format);
  return any_name(format);
}

Format parse_format(std::string_view text) {
  const auto refuse = [all = std::string(text)](const std::string& why) -> Format {
    throw UsageError(why, fmt::format("number format '{}'", printable(all)), fmt::format("formats are {}", known));
  };
  Format f;
  f.is_signed = !take(text, "u");
  int family = 0;
  while (family < 4 && !take(text, families[family])) ++family;
  if (family == 4) return refuse("is not known");
  f.family = static_cast<Family>(family);
  if (!take_number(text, f.bits)) return refuse("lacks its number of bits");
  if (f.bits < 3 || f.bits > 8) return refuse(fmt::format("has {} bits, not 3 to 8", f.bits));
  const int k = magnitude_bits(f);
  if (f.family == Family::floating) {
    f.exponent_bits = std::min(3, k);
    int mantissa = k - f.exponent_bits;
    if (!text.empty() &&
        !(take(text, "_e") && take_number(text, f.exponent_bits) && take(text, "m") && take_number(text, mantissa)))
      return refuse("has no split like _e2m1");
    if (f.exponent_bits + mantissa != k)
      return refuse(fmt::format("has {} + {} exponent and mantissa bits, not {}", f.exponent_bits, mantissa, k));
  }
  if (f.family == Family::integer && take(text, "_full")) f.range = IntRange::full;
  if (!text.empty()) return refuse(fmt::format("goes on with '{}'", printable(std::string(text))));
  check(f);
  return f;
}

void check(const Format& f) { entry_of(f); }

void check(const Format& f, Ties ties) {
  check(f);
  if (ties == Ties::even && f.family != Family::integer)
    throw UsageError("knows no even values, so ties cannot go to them", "number format " + any_name(f),
                     "ties go to even for integers only; choose away or published");
}

const std::vector<float>& code_values(const Format& format) { return entry_of(format).by_code; }

const std::vector<float>& values(const Format& format) { return entry_of(format).ascending; }

float largest(const Format& format) { return entry_of(format).grid.largest; }

const Grid& grid_of(const Format& format) { return entry_of(format).grid; }

}  // namespace pare::number
