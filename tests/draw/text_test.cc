#include "pare/draw/text.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace pare::draw {
namespace {

TEST(Escape, LeavesTextAndReplacesMarkup) {
  EXPECT_EQ(escape("layer1.0 — größe"), "layer1.0 — größe");
  EXPECT_EQ(escape("<a href=\"x\">'&amp;"), "&lt;a href=&quot;x&quot;&gt;&#39;&amp;amp;");
}

// the cases of the Unicode standard, table 3-7 (well-formed sequences), and of XML 1.0, section 2.2 (characters)
TEST(Escape, ReplacesWhatIsNoCharacter) {
  const std::string bad = "\xEF\xBF\xBD";
  EXPECT_EQ(escape(std::string("a\0b", 3)), "a" + bad + "b");
  EXPECT_EQ(escape("\x1b[31m"), bad + "[31m");
  EXPECT_EQ(escape("\xff"), bad);
  EXPECT_EQ(escape("\xc0\xbc"), bad + bad) << "an overlong '<'";
  EXPECT_EQ(escape("\xe0\x80\xbc"), bad + bad + bad) << "an overlong '<'";
  EXPECT_EQ(escape("\xed\xa0\x80"), bad) << "a surrogate";
  EXPECT_EQ(escape("\xef\xbf\xbe"), bad) << "U+FFFE";
  EXPECT_EQ(escape("\xf4\x90\x80\x80"), bad + bad + bad + bad) << "beyond U+10FFFF";
  EXPECT_EQ(escape("cut \xe2\x82"), "cut " + bad + bad);
  EXPECT_EQ(escape("\xf0\x9f\x98\x80"), "\xf0\x9f\x98\x80");
}

TEST(Coordinate, IsShortAndAlwaysANumber) {
  EXPECT_EQ(coordinate(12), "12");
  EXPECT_EQ(coordinate(12.5), "12.5");
  EXPECT_EQ(coordinate(-0.001), "0");
  EXPECT_EQ(coordinate(100), "100");
  EXPECT_EQ(coordinate(std::nan("")), "0");
  EXPECT_EQ(coordinate(std::numeric_limits<double>::infinity()), "0");
  EXPECT_EQ(coordinate(1e300), "1000000");
}

TEST(Shorten, CountsCharactersNotBytes) {
  EXPECT_EQ(shorten("größe", 5), "größe");
  EXPECT_EQ(shorten("größer", 5), "größ…");
  EXPECT_EQ(shorten_middle("layer1.0.conv1.weight", 9), "laye…ight");
  EXPECT_EQ(shorten_middle("short", 9), "short");
  EXPECT_EQ(fit("short", 100, 12), "short");
  const std::string cut = fit(std::string(2000, 'W'), 100, 12);
  EXPECT_LE(text_width(cut, 12), 100);
  EXPECT_GT(text_width(cut, 12), 70);
}

}  // namespace
}  // namespace pare::draw
