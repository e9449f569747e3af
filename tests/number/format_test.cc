// Names, refusals, and value tables typed from the specification.
#include "pare/number/format.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <set>
#include <sstream>
#include <string>

#include "all_formats.h"

namespace pare::number {
namespace {

using Values = std::vector<float>;

Values of(const std::string& text) { return code_values(parse_format(text)); }

/// A sign-and-magnitude code has the negative values in its second half, and +0 where minus zero would be.
Values with_sign(const Values& magnitudes) {
  Values all = magnitudes;
  for (const float v : magnitudes) all.push_back(v == 0 ? 0 : -v);
  return all;
}

TEST(CodeTable, Flint) {
  const Values k2{0, 1, 4, 2};
  const Values k3{0, 1, 2, 3, 16, 8, 4, 6};
  const Values k4{0, 1, 2, 3, 4, 5, 6, 7, 64, 32, 16, 24, 8, 10, 12, 14};
  const Values k5{0,   1,   2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15,
                  256, 128, 64, 96, 32, 40, 48, 56, 16, 18, 20, 22, 24, 26, 28, 30};
  EXPECT_EQ(of("uflint3"), (Values{0, 1, 2, 3, 16, 8, 4, 6}));
  EXPECT_EQ(of("flint3"), with_sign(k2));
  EXPECT_EQ(of("flint4"), with_sign(k3));
  EXPECT_EQ(of("uflint4"), k4);
  EXPECT_EQ(of("flint5"), with_sign(k4));
  EXPECT_EQ(of("uflint5"), k5);
  EXPECT_EQ(of("flint6"), with_sign(k5));
}

TEST(CodeTable, WideFlintHasTheValuesOfItsBinades) {
  Values k6, k7;
  for (int i = 0; i < 32; ++i) k6.push_back(static_cast<float>(i));
  for (const float v : {32, 34, 36, 38, 40, 42,  44,  46,  48,  50,  52,  54,  56,  58,  60,  62,
                        64, 72, 80, 88, 96, 104, 112, 120, 128, 160, 192, 224, 256, 384, 512, 1024})
    k6.push_back(v);
  for (int i = 0; i < 64; ++i) k7.push_back(static_cast<float>(i));
  for (const float v :
       {64,  66,  68,  70,  72,  74,  76,  78,  80,  82,  84,  86,  88,  90,  92,  94,  96,   98,   100,  102, 104, 106,
        108, 110, 112, 114, 116, 118, 120, 122, 124, 126, 128, 136, 144, 152, 160, 168, 176,  184,  192,  200, 208, 216,
        224, 232, 240, 248, 256, 288, 320, 352, 384, 416, 448, 480, 512, 640, 768, 896, 1024, 1536, 2048, 4096})
    k7.push_back(v);
  EXPECT_EQ(values(parse_format("uflint6")), k6);
  EXPECT_EQ(values(parse_format("uflint7")), k7);
  // k = 8 by the binade rule of the specification
  const Values& k8 = values(parse_format("uflint8"));
  EXPECT_THAT(Values(k8.begin() + 127, k8.begin() + 131), testing::ElementsAre(127, 128, 130, 132));
  EXPECT_THAT(Values(k8.end() - 9, k8.end()),
              testing::ElementsAre(1920, 2048, 2560, 3072, 3584, 4096, 6144, 8192, 16384));
}

TEST(CodeTable, IntegerOfFourBits) {
  EXPECT_EQ(of("int4"), (Values{0, 1, 2, 3, 4, 5, 6, 7, 0, -1, -2, -3, -4, -5, -6, -7}));
  EXPECT_EQ(of("int4_full"), (Values{0, 1, 2, 3, 4, 5, 6, 7, -8, -7, -6, -5, -4, -3, -2, -1}));
  EXPECT_EQ(of("uint4"), (Values{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}));
}

TEST(CodeTable, PowerOfTwoOfFourBits) {
  EXPECT_EQ(of("pot4"), with_sign({0, 1, 2, 4, 8, 16, 32, 64}));
  EXPECT_EQ(of("upot4"), (Values{0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384}));
}

TEST(CodeTable, FloatOfFourBits) {
  EXPECT_EQ(of("float4_e3m0"), of("pot4"));
  EXPECT_EQ(of("float4"), of("float4_e3m0"));
  EXPECT_EQ(of("float4_e2m1"), with_sign({0, .5, 1, 1.5, 2, 3, 4, 6}));
  EXPECT_EQ(of("float4_e1m2"), with_sign({0, .25, .5, .75, 1, 1.25, 1.5, 1.75}));
  EXPECT_EQ(of("ufloat4"), of("ufloat4_e3m1"));
  EXPECT_EQ(of("ufloat4_e3m1"), (Values{0, .5, 1, 1.5, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96}));
  EXPECT_EQ(of("ufloat4_e4m0"), of("upot4"));
  EXPECT_EQ(of("ufloat4_e2m2"), (Values{0, .25, .5, .75, 1, 1.25, 1.5, 1.75, 2, 2.5, 3, 3.5, 4, 5, 6, 7}));
  EXPECT_EQ(of("ufloat4_e1m3"),
            (Values{0, .125, .25, .375, .5, .625, .75, .875, 1, 1.125, 1.25, 1.375, 1.5, 1.625, 1.75, 1.875}));
}

TEST(Values, AreAscendingAndDistinctAndEndWhereTheyShould) {
  for (const Format& f : all_formats()) {
    const Values& v = values(f);
    const std::size_t codes = std::size_t{1} << f.bits;
    const bool full = f.range == IntRange::full;
    EXPECT_EQ(v.size(), f.is_signed && !full ? codes - 1 : codes) << name(f);
    for (std::size_t i = 1; i < v.size(); ++i) EXPECT_LT(v[i - 1], v[i]) << name(f);
    EXPECT_EQ(v.back(), largest(f)) << name(f);
    EXPECT_EQ(v.front(), f.is_signed ? -largest(f) - (full ? 1 : 0) : 0) << name(f);
    EXPECT_EQ(std::set<float>(code_values(f).begin(), code_values(f).end()), std::set<float>(v.begin(), v.end()));
    for (const float value : code_values(f)) EXPECT_FALSE(value == 0 && std::signbit(value)) << name(f);
  }
}

TEST(Values, WideSetsAreNormalised) {
  EXPECT_EQ(largest(parse_format("pot8")), 1.0f);
  EXPECT_EQ(values(parse_format("upot7"))[1], 0x1p-126f);
  EXPECT_EQ(largest(parse_format("upot6")), 0x1p62f);
  EXPECT_EQ(largest(parse_format("ufloat8_e7m1")), 1.5f);
  EXPECT_EQ(values(parse_format("ufloat8_e7m1"))[1], 0x1p-127f);
}

/// Cells between bars, without spaces around them.
std::vector<std::string> cells_of(const std::string& line) {
  std::vector<std::string> cells;
  std::istringstream in(line.substr(1));
  for (std::string cell; std::getline(in, cell, '|');) {
    const auto first = cell.find_first_not_of(' '), last = cell.find_last_not_of(' ');
    cells.push_back(first == std::string::npos ? "" : cell.substr(first, last - first + 1));
  }
  return cells;
}

TEST(Docs, TablesHoldTheMagnitudesOfFourBits) {
  std::ifstream in(PARE_SOURCE_DIR "/docs/formats.md");
  std::set<std::string> seen;
  for (std::string line; std::getline(in, line);) {
    if (!line.starts_with("| `")) continue;
    const std::vector<std::string> cells = cells_of(line);
    if (cells.size() != 18) continue;
    std::istringstream names(cells[0]);
    for (std::string name; names >> name;) {
      std::erase_if(name, [](char c) { return c == '`' || c == ','; });
      const Format f = parse_format(name);
      const int k = magnitude_bits(f);
      EXPECT_EQ(cells[1], std::to_string(k)) << name;
      for (std::size_t c = 0; c < 16; ++c)
        EXPECT_EQ(cells[2 + c].empty() ? -1 : std::stof(cells[2 + c]), c >> k == 0 ? code_values(f)[c] : -1)
            << name << " code " << c;
      seen.insert(name);
    }
  }
  for (const Format& f : all_formats())
    EXPECT_TRUE(f.bits != 4 || f.range == IntRange::full || seen.contains(name(f))) << name(f) << " is not described";
}

TEST(Name, RoundTripsForEveryFormat) {
  std::set<std::string> names;
  for (const Format& f : all_formats()) {
    EXPECT_EQ(parse_format(name(f)), f) << name(f);
    EXPECT_TRUE(names.insert(name(f)).second) << name(f) << " names two formats";
  }
  // 3 integers, 2 flints at each width; power-of-two, and a float for every k, but for those beyond float32
  EXPECT_EQ(names.size(), 6u * (3 + 2) + (2 * 6 - 1) + (2 + 3 + 4 + 5 + 6 + 7) + (3 + 4 + 5 + 6 + 7 + 8 - 1));
  EXPECT_EQ(name({.family = Family::floating, .bits = 4, .is_signed = false, .exponent_bits = 3}), "ufloat4_e3m1");
  EXPECT_EQ(name({.bits = 4, .range = IntRange::full}), "int4_full");
}

void expect_refused(const std::string& text, const std::string& reason) {
  try {
    parse_format(text);
    ADD_FAILURE() << text << " was taken";
  } catch (const UsageError& e) {
    EXPECT_THAT(e.what(), testing::HasSubstr(reason)) << text;
    EXPECT_FALSE(e.mend().empty());
  }
}

TEST(Refusal, SaysWhy) {
  expect_refused("", "is not known");
  expect_refused("nf4", "is not known");
  expect_refused("Int4", "is not known");
  expect_refused("int", "lacks its number of bits");
  expect_refused("int2", "has 2 bits");
  expect_refused("int9", "has 9 bits");
  expect_refused("int-4", "lacks its number of bits");
  expect_refused("int99999999999", "has 999 bits");
  expect_refused("int4_fuller", "goes on with 'er'");
  expect_refused("uint4_full", "only signed integers");
  expect_refused("flint4_full", "goes on with '_full'");
  expect_refused("float4_e2", "has no split like _e2m1");
  expect_refused("float4_e2m2", "has 2 + 2 exponent and mantissa bits, not 3");
  expect_refused("float4_e0m3", "has 0 exponent bits");
  expect_refused("upot8", "spans more than float32 holds: its smallest value is 2^-254");
  expect_refused("ufloat8_e8m0", "spans more than float32 holds");
  expect_refused("int4\n", "goes on with '?'");
}

TEST(Refusal, OfFormatsThatNoNameSays) {
  EXPECT_THROW(check({.family = Family::flint, .bits = 4, .exponent_bits = 2}), UsageError);
  EXPECT_THROW(check({.family = Family::flint, .bits = 4, .range = IntRange::full}), UsageError);
  EXPECT_THROW(check({.bits = -1}), UsageError);
  EXPECT_THROW(check({.family = Family::floating, .bits = 8, .exponent_bits = 99}), UsageError);
  EXPECT_THROW(check({.family = Family::flint, .bits = 4}, Ties::even), UsageError);
  EXPECT_NO_THROW(check({.bits = 4}, Ties::even));
}

}  // namespace
}  // namespace pare::number
