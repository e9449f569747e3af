// Every refusal of the language: what it says and where it points. And what hostile files cost.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

#include "pare/base/error.h"
#include "pare/imaging/lexer.h"
#include "pare/imaging/parse.h"

namespace pare::imaging {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

std::string message(const std::string& text) {
  try {
    parse_pipeline(text, "f.pipe", "f");
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}

TEST(Messages, ALineThenTheSourceUnderlined) {
  EXPECT_EQ(message("input image: u8\noutput o: u8 = image(x, y) +\timge(x, y)  # more\n"),
            "f.pipe:2:30: 'imge' is not known (did you mean 'image'?)\n"
            "    2 | output o: u8 = image(x, y) + imge(x, y)  # more\n"
            "      |                              ^^^^");
  EXPECT_EQ(message("input a: u8\nstage b: u8 = 4 * a(x, y)\noutput b"),
            "f.pipe:2:10: 'b' reaches 1020, beyond u8's 255 (widen the type, or use clamp, sat or wrap)\n"
            "    2 | stage b: u8 = 4 * a(x, y)\n"
            "      |          ^^");
  const std::string far = message("input a: u8\noutput o: u8 = a(x, y) * (" + std::string(300, ' ') + "b)");
  EXPECT_THAT(far, StartsWith("f.pipe:2:327: 'b' is not known"));
  EXPECT_LT(far.size(), 300u);
  EXPECT_THAT(message("input a: u8\noutput o: u8 = a(x, y) +"),
              HasSubstr("a value is expected, not the end of the file"));
}

TEST(Messages, EveryRefusal) {
  struct Case {
    const char* text;  // behind a line `input a: u8`, unless it starts with one
    const char* expected;
  };
  const std::vector<Case> cases{
      // words
      {"output o: u8 = a(x, y) $ 2", "2:24: has a character that is not known: $"},
      {"output o: u8 = 12abc", "2:16: is no number"},
      {"output o: u8 = 0x", "2:16: is no number"},
      {"output o: u8 = 1e999", "2:16: is too large or too small a number"},
      {"output o: u8 = 9007199254740993", "2:16: is beyond 2^53"},
      {"stage aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa: u8 = 1",
       "2:7: is a name of more than 64"},
      // declarations
      {"stag b: u8 = 1", "2:1: a declaration is expected, not 'stag'"},
      {"border odd", "2:8: 'odd' is no border rule (they are zero, replicate and mirror)"},
      {"input b", "3:1: ':' is expected behind the name, not 'output'"},
      {"input b: v8", "2:10: 'v8' is no type"},
      {"input b: u", "2:10: 'u' is no type"},
      {"input b: u8y", "2:10: 'u8y' is no type"},
      {"input b: u0", "2:10: 'u0' has 0 bits, of 1 to 48"},
      {"input b: u40.9", "2:10: 'u40.9' has 49 bits, of 1 to 48"},
      {"input b: u8x257", "2:10: 'u8x257' has 257 channels, of 1 to 256"},
      {"input sum: u8", "2:7: 'sum' is a word of the language (choose another name)"},
      {"input a: u8", "2:7: 'a' is already a stage, of line 1 (rename one of them)"},
      {"const a = 1", "1:7: 'a' is already a constant, of line 2"},
      {"stage 3: u8 = 1", "2:7: a name of a stage is expected, not '3'"},
      {"output o: u8 a(x, y)", "2:14: '=' is expected before the stage's value, not 'a'"},
      {"output o: u8 { let b = 1 a(x, y) }", "2:26: ';' is expected behind the value, not 'a'"},
      {"output o: u8 { a(x, y)", "2:23: '}' is expected"},
      {"output o: u8 = (a(x, y)", "2:24: ')' is expected behind the expression"},
      {"output o: u8 = a(x, y)[0", "2:25: ']' is expected behind the index"},
      {"output o: u8 = a(x, y) ? 1", "2:27: ':' is expected between the two values of '?'"},
      {"output o: u8 = * 2", "2:16: a value is expected, not '*'"},
      {"output o: u8 = 1 < a(x, y) < 3", "2:28: compares a comparison"},
      {"output o: u8 = clamp(i in 0..1: 2)", "2:16: 'clamp' does not run over ranges"},
      {"output p", "2:8: 'p' is no stage"},
      {"output a", "2:8: 'a' is an input and cannot be an output"},
      {"const K = 1\noutput K", "3:8: 'K' is no stage"},
      {"stage b: u8 = a(x, y)\noutput c: u8 = a(x, y)", "2:7: 'b' is read by no stage and is no output"},
      {"input b: u8\noutput c: u8 = a(x, y)", "2:7: 'b' is read by no stage"},
      {"stage b: u8 = a(x, y) + b(x, y)\noutput b", "2:7: stages form a cycle: b reads b"},
      {"stage b: u8 = a(x, y) + d(x, y)\nstage c: u8 = b(x, y)\nstage d: u8 = c(x, y)\noutput d",
       "2:7: stages form a cycle: b reads d reads c reads b"},
      // constants and tables
      {"const K = L\nconst L = 2", "2:11: 'L' is declared further down (move it up)"},
      {"const K = [1, 2; 3]", "2:18: a row has 1 entries, the first has 2"},
      {"const K[3] = [1, 2]", "2:7: 'K' has 2 entries, not as many as its sizes say"},
      {"const K[3] = 1", "2:7: 'K' has 1 sizes, its value has another number"},
      {"const K = for i: 1", "2:15: 1 variables run over 0 sizes"},
      {"const K[70000] = for i: 1", "2:9: the number of entries must be a whole number from 1 to 65536, not 70000"},
      {"const K[60000][2] = for i, j: 1", "2:7: 'K' has more than 65536 entries"},
      {"const K = [1, 2]\noutput o: u8 = K + a(x, y)", "3:16: 'K' has 2 entries: say which"},
      {"const K = [1, 2]\noutput o: u8 = K[2] + a(x, y)", "3:18: an index must be a whole number from 0 to 1, not 2"},
      {"const K = [1, 2]\noutput o: u8 = K[0][0] + a(x, y)", "3:16: 'K' takes 1 indices, not 2"},
      {"const K = [1, 2]\noutput o: u8 = K[a(x, y)]",
       "3:18: must be a number that is known when the pipeline is compiled"},
      {"const K = a(x, y)", "2:11: pixels are not known here"},
      {"const K = x", "2:11: 'x' has no value here"},
      {"const K = 1 / 0", "2:13: divides by 0"},
      {"const K = log(0)", "2:11: gives no finite number"},
      {"const K = 1 | 0.5", "2:13: bits must be a whole number"},
      {"table t = [1, 2.5]", "2:7: entry 1 of 't' is 2.5, no whole number (round it)"},
      {"table t = 4", "2:7: 't' has 0 sizes"},
      {"table t[2] = for i: 1\noutput o: u8 = t(x, y)", "3:16: 't' is a table: its entries are t[i]"},
      {"table t[255] = for i: i\noutput o: u8 = t[a(x, y)]",
       "3:16: the index lies between 0 and 255, outside the table's 0 to 254 (clamp it, or make the table longer)"},
      {"table t[5] = for i: i\noutput o: u8 = t[7] + a(x, y)",
       "3:18: an index must be a whole number from 0 to 4, not 7"},
      // values
      {"output o: u8 = a", "2:16: 'a' is an image: say which pixel, as in a(x, y)"},
      {"output o: u8 = a(x)", "2:16: a pixel has a column and a row, as in a(x, y)"},
      {"output o: u8 = a(y, x)", "2:18: the column is not x plus a whole number"},
      {"output o: u8 = a(x, 3)", "2:21: the row is not y plus a whole number"},
      {"output o: u8 = a(x + a(x, y), y)", "2:20: the column is not x plus a whole number"},
      {"output o: u8 = a((x + 1) / 2, y / 2)", "2:26: the column is not x plus"},
      {"output o: u8 = a(2 * x, y)", "2:16: samples columns and rows differently"},
      {"output o: u9 = a(2 * x, 2 * y) + a(x, y)", "2:34: reads 'a' at two rates"},
      {"output o: u8 = a(65 * x, 65 * y)", "2:16: samples 'a' by 65 / 1 (one of them is 1, the other 1 to 64)"},
      {"output o: u8 = a(x + 1025, y)", "2:16: reads 'a' (1025, 0) pixels away (at most 1024)"},
      {"output o: u8 = a(x, y)[1]", "2:24: a channel must be a whole number from 0 to 0, not 1"},
      {"input b: u8x3\noutput o: u8 = b(x, y)", "3:11: 'o' gives 3 channels, its type u8 has 1"},
      {"input b: u8x3\noutput o: u8x3 = b(x, y) + (a(x, y), 1)", "3:26: 3 channels meet 2"},
      {"output o: u8 = abz(a(x, y))", "2:16: 'abz' is not known (did you mean 'abs'?)"},
      {"output o: u8 = abs(a(x, y), 1)", "2:16: 'abs' takes 1 arguments, not 2"},
      {"output o: u8 = clamp(a(x, y), 1)", "2:16: 'clamp' takes 3 arguments, not 2"},
      {"output o: u8 = sqrt(a(x, y))", "2:16: must be a number that is known when the pipeline is compiled"},
      {"output o: u8 = a(x, y) << a(x, y)", "2:24: must be a number that is known"},
      {"output o: u8 = a(x, y) << 63", "2:24: a shift must be a whole number from 0 to 62, not 63"},
      {"output o: u8 = a(x, y) * 0.1", "2:24: 0.1 is no multiple of 2^-32 (round it"},
      {"output o: u8 = a(x, y) / a(x + 1, y)", "2:24: the divisor can be 0: it lies between 0 and 255"},
      {"output o: u8 = a(x, y) % (a(x, y) - 3)", "2:24: the divisor of a remainder must be above 0, it can be -3"},
      {"output o: u8 = (a(x, y) << 40) * a(x, y) << 20", "2:42: a value reaches 7."},
      {"output o: u8 = sum(i in 3..1: a(x + i, y))", "2:20: 'i' has no value from 3 to 1"},
      {"output o: u8 = sum(a in 0..1: 1)", "2:20: 'a' is already a stage"},
      {"output o: u8 = sum(i in 0..1: sum(i in 0..1: a(x, y)))", "2:35: 'i' is there twice"},
      {"output o: u8 { let v = 1; let v = 2; a(x, y) }", "2:31: 'v' is there twice"},
      {"const c = sat(300)", "2:11: has no type here (name one, as in sat(a, u8))"},
      {"output o: u8 = 5", "2:11: 'o' depends on no image"},
      {"output o: u8 = a(x, y) * 0", "2:11: 'o' depends on no image"},
      {"output o: u8 = a(x, y) - 1", "2:11: 'o' falls to -1, below u8's 0"},
      {"output o: u4.4 = a(x, y) * 0.125", "2:11: 'o' reaches 31.875, beyond u4.4's 15.9375"},
      {"stage h: u8 = a(2 * x, 2 * y)\noutput o: u9 = h(x, y) + a(x, y)", "f.pipe: stage '"},
      {"", "f.pipe: has no output (mark one stage: output NAME)"},
  };
  for (const Case& c : cases) {
    // those that need no output get one, so that what is refused is the case
    const std::string text = std::string("input a: u8\n") + c.text;
    const bool has_output = text.find("output") != std::string::npos || !*c.text;
    const std::string got = message(text + (has_output ? "" : "\noutput last: u8 = a(x, y)"));
    EXPECT_THAT(got.substr(0, got.find('\n')), HasSubstr(c.expected)) << c.text;
  }
}

TEST(Messages, HostileFilesAreRefusedInMoments) {
  const auto start = std::chrono::steady_clock::now();
  const auto repeated = [](const std::string& piece, int count) {
    std::string out;
    for (int i = 0; i < count; ++i) out += piece;
    return out;
  };
  const std::string head = "input a: u8\noutput o: u48 = ";
  EXPECT_THAT(message(head + repeated("(", 100000)), HasSubstr("nests deeper than 100 levels"));
  EXPECT_THAT(message(head + repeated("-", 100000)), HasSubstr("nests deeper than 100 levels"));
  EXPECT_THAT(message(head + repeated("a(x, y) ? 1 : ", 50000)), HasSubstr("nests deeper than 100 levels"));
  EXPECT_THAT(message(head + "a" + repeated("[0]", 50000)), HasSubstr("nests deeper than 100 levels"));
  EXPECT_EQ(message(head + "a(x, y)" + repeated(" + 1", 50000)), "");
  EXPECT_THAT(message(head + "sum(i in 0..2000000000: 1) + a(x, y)"), HasSubstr("steps to expand"));
  EXPECT_THAT(message(head + "sum(i in 0..9999, j in 0..9999: a(x, y))"), HasSubstr("steps to expand"));
  EXPECT_THAT(message(head + "max(i in -200..200, j in -200..200: a(x + i, y + j))"),
              HasSubstr("has more than 65536 operations"));
  EXPECT_THAT(message(head + repeated("#", 2 << 20)), HasSubstr("bytes, of at most"));
  EXPECT_THAT(message(repeated("input a: u8 ", 2000)), HasSubstr("more than 1024 stages"));
  EXPECT_THAT(message(head + "a(x + 1e300, y)"), HasSubstr("1e+300 is beyond 2^53"));
  EXPECT_THAT(message("input a: u8\noutput o: u48 {" + repeated("let b = 1; ", 2000)),
              HasSubstr("more than 1000 values"));
  EXPECT_THAT(message(head + std::string("a(x, \0 y)", 9)), HasSubstr("a character that is not known: ?\n"));
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  EXPECT_LT(took.count(), 30);  // seconds; mere guard against what never ends
}

}  // namespace
}  // namespace pare::imaging
