#include "pare/text/table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "hostile.h"

namespace pare::text {
namespace {

using io::error_of;
using testing::ElementsAre;
using testing::HasSubstr;

Table parse(const std::string& bytes) { return parse_table(bytes, "t.tsv"); }

TEST(Table, TextsAndLabels) {
  const Table table = parse("a fine film\t1\nnot , at all\t0\n\t-1\n dünn \t2147483647");
  EXPECT_THAT(table.texts, ElementsAre("a fine film", "not , at all", "", " dünn "));
  EXPECT_THAT(table.labels, ElementsAre(1, 0, -1, 2147483647));
}

TEST(Table, LineEndsAndMark) {
  const Table table = parse(
      "\xef\xbb\xbf"
      "a\t1\r\nb\rc\t2\r\n");
  EXPECT_THAT(table.texts, ElementsAre("a", "b\rc"));
  EXPECT_THAT(table.labels, ElementsAre(1, 2));
}

TEST(Table, RefusesWithTheLinesNumber) {
  const auto message = [](const std::string& bytes) { return error_of([&] { parse(bytes); }); };
  EXPECT_THAT(message("a\t1\nb\n"), HasSubstr("t.tsv: line 2 has no tab, so no label (a line is text, a tab"));
  EXPECT_THAT(message("a\t1\n\nb\t1\n"), HasSubstr("line 2 has no tab"));
  EXPECT_THAT(message("a\t\n"), HasSubstr("line 1 has no label behind its tab"));
  EXPECT_THAT(message("a\tb\t1\n"), HasSubstr("line 1 has 2 tabs, one is expected"));
  EXPECT_THAT(message("sentence\tlabel\na\t1\n"), HasSubstr("line 1 has the label 'label', which is no integer"));
  for (const char* label : {"1.0", " 1", "1 ", "+1", "0x1", "2147483648", "-2147483649", "1\x01"})
    EXPECT_THAT(message(std::string("a\t") + label), HasSubstr("no integer of 32 bits")) << label;
  EXPECT_THAT(message("a\t1\n\xff\t1\n"), HasSubstr("line 2 is not UTF-8"));
  EXPECT_THAT(message(""), HasSubstr("has no lines"));
  EXPECT_THAT(message("\xef\xbb\xbf"), HasSubstr("has no lines"));
  EXPECT_THAT(message(std::string((1 << 20) + 1, 'a') + "\t1"), HasSubstr("line 1 has a text longer than 1 MiB"));
  EXPECT_EQ(parse(std::string(1 << 20, 'a') + "\t1").texts[0].size(), std::size_t{1} << 20);
  EXPECT_THAT(error_of([] { read_table("/nonexistent.tsv"); }), HasSubstr("cannot be read"));
}

TEST(Table, DamagedFilesAreRefusedOrRead) {
  Random random(1);
  for (int i = 0; i < 5000; ++i) {
    std::string damaged = "a fine film\t1\r\nnot so\t0\nünd\t-12\n";
    for (std::uint64_t flips = 1 + random.below(3); flips-- > 0;)
      damaged[random.below(damaged.size())] =
          static_cast<char>(random.below(2) ? random.below(256) : "\t\r\n-9"[random.below(5)]);
    io::survives(
        [](const std::string& bytes) {
          const Table table = parse(bytes);
          EXPECT_EQ(table.texts.size(), table.labels.size());
        },
        damaged);
  }
}

// What is written as the format says comes back.
TEST(Table, RoundTrips) {
  Random random(2);
  Table table;
  std::string bytes;
  for (int i = 0; i < 2000; ++i) {
    std::string text;
    for (std::uint64_t n = random.below(30); n-- > 0;)
      text += random.below(5) ? static_cast<char>(' ' + random.below(95)) : '\x01';
    if (random.below(3) == 0) text += "é中";
    table.texts.push_back(text);
    table.labels.push_back(static_cast<std::int64_t>(random.below(100)) - 50);
    bytes += text + '\t' + std::to_string(table.labels.back()) + (random.below(2) ? "\n" : "\r\n");
  }
  const Table back = parse(bytes);
  EXPECT_EQ(back.texts, table.texts);
  EXPECT_EQ(back.labels, table.labels);
}

}  // namespace
}  // namespace pare::text
