#include "pare/text/unicode.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pare/base/random.h"

namespace pare::text {
namespace {

std::string encode(std::u32string_view characters) {
  std::string out;
  for (const char32_t character : characters) append_utf8(out, character);
  return out;
}

TEST(Unicode, ReadsWhatIsWellFormed) {
  EXPECT_EQ(decode_utf8("aé€𝄞"), U"aé€𝄞");
  EXPECT_EQ(decode_utf8(std::string_view("a\0b", 3)), std::u32string_view(U"a\0b", 3));
  EXPECT_EQ(decode_utf8(""), U"");
  EXPECT_EQ(first_malformed("aé€𝄞"), std::nullopt);
}

TEST(Unicode, EveryCharacterComesBack) {
  std::u32string all;
  for (char32_t c = 0; c < 0x110000; ++c)
    if (c < 0xd800 || c > 0xdfff) all += c;
  const std::string bytes = encode(all);
  EXPECT_EQ(decode_utf8(bytes), all);
  EXPECT_EQ(first_malformed(bytes), std::nullopt);
}

TEST(Unicode, EveryBadByteIsReplaced) {
  const std::vector<std::pair<std::string_view, std::u32string_view>> cases{
      {"a\xff", U"a\ufffd"},
      {"\x80z", U"\ufffdz"},
      {"\xc3", U"\ufffd"},                                // cut off
      {"\xe2\x82", U"\ufffd\ufffd"},                      // cut off
      {"\xc0\xaf", U"\ufffd\ufffd"},                      // overlong
      {"\xed\xa0\x80", U"\ufffd\ufffd\ufffd"},            // a surrogate
      {"\xf4\x90\x80\x80", U"\ufffd\ufffd\ufffd\ufffd"},  // beyond U+10FFFF
      {"\xc3\x28", U"\ufffd("},
      {"\xf0\x9d\x84\x9e\x9e", U"𝄞\ufffd"}};
  for (const auto& [bytes, characters] : cases) {
    EXPECT_EQ(decode_utf8(bytes), characters);
    EXPECT_TRUE(first_malformed(bytes));
  }
  EXPECT_EQ(first_malformed("ab\xff"), 2u);
}

TEST(Unicode, AnyBytesBecomeText) {
  Random random(3);
  for (int i = 0; i < 20000; ++i) {
    std::string bytes(random.below(12), '\0');
    for (char& byte : bytes)
      byte = static_cast<char>(random.below(4) == 0 ? random.below(128) : 128 + random.below(128));
    const std::u32string characters = decode_utf8(bytes);
    const bool replaced = characters.find(replacement) != std::u32string::npos;
    EXPECT_EQ(first_malformed(bytes).has_value(), replaced && encode(characters) != bytes);
    EXPECT_EQ(decode_utf8(encode(characters)), characters);
  }
}

TEST(Unicode, Kinds) {
  for (const char32_t c : std::u32string_view(U" \t\n\v\f\r\u0085\u00a0\u1680\u2003\u2028\u2029\u202f\u205f\u3000"))
    EXPECT_TRUE(is_space(c)) << static_cast<int>(c);
  EXPECT_FALSE(is_space(U'\u200b'));
  EXPECT_FALSE(is_space(U'\u180e'));
  for (const char32_t c : {U'\x1', U'\x7f', U'\u00ad', U'\u200d', U'\ufeff', U'\ue000', U'\v'})
    EXPECT_TRUE(is_control(c)) << static_cast<int>(c);
  for (const char32_t c : {U'\t', U'\n', U'\r', U' ', U'a', U'\u0378'}) EXPECT_FALSE(is_control(c));
  int ascii = 0;
  for (char32_t c = 0; c < 128; ++c) ascii += is_punctuation(c);
  EXPECT_EQ(ascii, 32);
  for (const char32_t c : std::u32string_view(U"$+<=>^`|~¡«—‘’…。「」"))
    EXPECT_TRUE(is_punctuation(c)) << static_cast<int>(c);
  for (const char32_t c : std::u32string_view(U"az09 é€£©×中")) EXPECT_FALSE(is_punctuation(c)) << static_cast<int>(c);
  EXPECT_TRUE(is_accent(U'\u0301'));
  EXPECT_FALSE(is_accent(U'\u0903'));  // a mark, but one that takes room
  EXPECT_TRUE(is_ideograph(U'中'));
  EXPECT_FALSE(is_ideograph(U'か'));
  EXPECT_FALSE(is_ideograph(U'한'));
}

TEST(Unicode, LowerCase) {
  std::u32string out;
  for (const char32_t c : std::u32string_view(U"AzÉΣЖß\u01c5İ中𐐀")) append_lower(out, c);
  EXPECT_EQ(out, U"azéσжß\u01c6i\u0307中𐐨");
}

TEST(Unicode, Decomposes) {
  EXPECT_EQ(decompose(U"é"), U"e\u0301");
  EXPECT_EQ(decompose(U"ǖ"), U"u\u0308\u0304");
  EXPECT_EQ(decompose(U"\u1f82"), U"\u03b1\u0313\u0300\u0345");
  EXPECT_EQ(decompose(U"한"), U"\u1112\u1161\u11ab");
  EXPECT_EQ(decompose(U"\u212b"), U"A\u030a");
  EXPECT_EQ(decompose(U"ﬁ"), U"ﬁ");  // only compatible, not the same
  // order by class: 230 behind 220; within one class as written
  EXPECT_EQ(decompose(U"q\u0307\u0323"), U"q\u0323\u0307");
  EXPECT_EQ(decompose(U"q\u0301\u0300\u0323x\u0301\u0323"), U"q\u0323\u0301\u0300x\u0323\u0301");
}

}  // namespace
}  // namespace pare::text
