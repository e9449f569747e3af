// What the language means, on small pipelines whose results are known.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>

#include "pare/base/file.h"
#include "pare/imaging/interpret.h"
#include "pare/imaging/lexer.h"
#include "pare/imaging/parse.h"

namespace pare::imaging {
namespace {

using testing::ElementsAre;

/// The codes of `output o: TYPE = VALUE` on one row.
std::vector<std::int64_t> row(const std::string& type, const std::string& value, const std::vector<std::int64_t>& a,
                              const std::string& before = "input a: u8") {
  const Pipeline p = parse_pipeline(before + "\noutput o: " + type + " = " + value, "test", "test");
  return interpret(p, {Frame{static_cast<int>(a.size()), 1, 1, a}})[0].codes;
}

TEST(Language, OperatorsBindAsDocumented) {
  const auto same = [](const std::string& a, const std::string& b) {
    EXPECT_EQ(row("s40.8", a, {1, 7, 200}), row("s40.8", b, {1, 7, 200})) << a;
    EXPECT_NE(row("s40.8", a, {1, 7, 200}), row("s40.8", "a(x, y) * 5 + 77", {1, 7, 200}));
  };
  same("a(x, y) + 2 * 3 - 1", "a(x, y) + 5");
  same("a(x, y) - 2 - 3", "a(x, y) - 5");
  same("a(x, y) + 1 << 2", "(a(x, y) + 1) << 2");
  same("a(x, y) & 3 == 3", "(a(x, y) & 3) == 3");
  same("a(x, y) | 6 ^ 2 & 10", "a(x, y) | (6 ^ (2 & 10))");
  same("a(x, y) > 3 && a(x, y) < 9 || a(x, y) == 1", "((a(x, y) > 3) && (a(x, y) < 9)) || (a(x, y) == 1)");
  same("a(x, y) > 3 ? 1 : a(x, y) > 0 ? 2 : 3", "a(x, y) > 3 ? 1 : (a(x, y) > 0 ? 2 : 3)");
  same("-a(x, y) * 2", "0 - (a(x, y) << 1)");
  same("!a(x, y) + 1", "(a(x, y) == 0) + 1");
  same("a(x, y) / 2 * 4", "floor(a(x, y) * 0.5) * 4");
}

TEST(Language, NumbersAreRealUntilTheyMeetAPixel) {
  EXPECT_THAT(row("u8.8", "a(x, y) * (1 / 2)", {3}), ElementsAre(384));
  EXPECT_THAT(row("u8", "a(x, y) / 2", {3}), ElementsAre(1));
  EXPECT_THAT(row("u9", "a(x, y) + round(100 * sqrt(2) / pi)", {0}), ElementsAre(45));
  EXPECT_THAT(row("u8.3", "a(x, y) + round(0.7, 3)", {0}), ElementsAre(6));
  EXPECT_THAT(row("u12", "a(x, y) + 0xff + 1e2", {0}), ElementsAre(355));
  EXPECT_THAT(row("u9", "a(x, y) + (0 ? 1 / 0 : 7)", {0}), ElementsAre(7));
  EXPECT_THAT(row("s9", "a(x, y) * -7 % 4 + -7 % 4 + floor(-1.5) + ceil(1.5)", {1}), ElementsAre(1 + 1 - 2 + 2));
}

TEST(Language, FractionsAreDroppedByFloor) {
  EXPECT_THAT(row("s9", "a(x, y) * 0.75 - 2", {1, 2, 3}), ElementsAre(-2, -1, 0));
  EXPECT_THAT(row("s9", "round(a(x, y) * 0.75 - 2)", {1, 2, 3}), ElementsAre(-1, 0, 0));
  EXPECT_THAT(row("s9.1", "a(x, y) * -0.25", {1, 2, 3}), ElementsAre(-1, -1, -2));
  EXPECT_THAT(row("u8.4", "scale(a(x, y), -4)", {255}), ElementsAre(255));
  EXPECT_THAT(row("u8", "sat(a(x, y) * 2 - 100)", {10, 60, 250}), ElementsAre(0, 20, 255));
  EXPECT_THAT(row("s4", "wrap(a(x, y))", {7, 8, 31}), ElementsAre(7, -8, -1));
  EXPECT_THAT(row("u8", "wrap(a(x, y) * 2)", {200}), ElementsAre(144));
  EXPECT_THAT(row("u8", "sat(a(x, y), u4) + wrap(a(x, y), u2)", {200, 6}), ElementsAre(15, 8));
}

TEST(Language, BordersAndPlaces) {
  const auto shifted = [](const std::string& border) {
    return row("u16 border " + border, "a(x - 2, y) + 100 * a(x + 1, y)", {1, 2, 0, 3});
  };
  EXPECT_THAT(shifted("zero"), ElementsAre(200, 0, 301, 2));
  EXPECT_THAT(shifted("replicate"), ElementsAre(201, 1, 301, 302));
  EXPECT_THAT(row("u16 border mirror", "a(x - 2, y) + 100 * a(x + 1, y)", {1, 2, 3, 4, 5}),
              ElementsAre(203, 302, 401, 502, 403));
  EXPECT_THAT(row("u20", "a(x, y) * 0 + x * 10 + y + a(x, y)", {5, 5}), ElementsAre(5, 15));
  EXPECT_THAT(row("u8", "let_free(x, y)", {5, 6}, "border zero\ninput a: u8\nstage let_free: u8 = a(x + 1, y)"),
              ElementsAre(6, 0));
}

TEST(Language, ArraysTablesAndReductions) {
  const std::string before =
      "const K = [1, 2, 3; 4, 5, 6]\nconst L[3] = for i: i * i / 4\nconst M[2][2] = for i, j: 10 * i + j\nconst "
      "C[2][2][2] = [1, 2, 3, 4, 5, 6, 7, 8]\nconst n = 2 "
      "+ K[1][2]\n"
      "table t = [5, 0 - 7, 9]\ntable s[4] = for i: i == 0 ? 0 : round(8 / i)\ninput a: u8";
  const auto value = [&](const std::string& v) { return row("s20.4", v, {1}, before)[0] / 16.0; };
  EXPECT_EQ(value("K[0][2] * 10 + K[1][0] + a(x, y)"), 35);
  EXPECT_EQ(value("C[1][0][1] * a(x, y)"), 6);
  EXPECT_EQ(value("L[2] + L[1] * a(x, y)"), 1.25);
  EXPECT_EQ(value("M[1][0] + M[0][1] + n * a(x, y)"), 19);
  EXPECT_EQ(value("t[a(x, y) & 1] + t[0] + s[3 & a(x, y) + 1]"), -7 + 5 + 4);
  EXPECT_EQ(value("sum(i in 0..1, j in 0..2: K[i][j]) + a(x, y)"), 22);
  EXPECT_EQ(value("product(i in 1..4: i) * a(x, y) + min(3, 1, 2) + max(i in 0..2: L[i])"), 26);
  EXPECT_EQ(value("sum(i in 0..2, j in i..2: a(x, y))"), 6);
  EXPECT_EQ(value("min(i in 0..2: a(x, y) - i) + abs(-3) + clamp(a(x, y), 4, 9)"), 6);
}

TEST(Language, ChannelsGoSideBySide) {
  const Pipeline p = parse_pipeline(
      "input a: u8x3\nstage s: u9x3 { let twice = a(x, y) * 2; min(twice, a(x, y) + 10) }\n"
      "output o: s11x4 = (s(x, y), s(x, y)[2] - s(x, y)[0])\noutput s\n",
      "test", "test");
  const auto out = interpret(p, {Frame{1, 1, 3, {3, 20, 200}}});
  ASSERT_EQ(out.size(), 2u);
  EXPECT_THAT(out[0].codes, ElementsAre(6, 30, 210));
  EXPECT_THAT(out[1].codes, ElementsAre(6, 30, 210, 204));
}

TEST(Language, StagesMayComeInAnyOrder) {
  const Pipeline p = parse_pipeline("output o: u8 = s(x, y)\nstage s: u8 = r(x, y)\nstage r: u8 = a(x, y)\ninput a: u8",
                                    "test", "test");
  std::vector<std::string> names;
  for (const Stage& stage : p.stages) names.push_back(stage.name);
  EXPECT_THAT(names, ElementsAre("a", "r", "s", "o"));
}

/// reader, source, width and height of the window between them.
using Edges = std::vector<std::tuple<std::string, std::string, int, int>>;

TEST(Examples, TheSevenBenchmarksHaveTheirPublishedGraphs) {
  const Edges canny{{"il", "i", 1, 1},  {"is", "il", 5, 5},  {"sx", "is", 3, 3},  {"sy", "is", 3, 3},
                    {"G1", "sx", 1, 1}, {"G1", "sy", 1, 1},  {"G11", "G1", 1, 1}, {"G2", "sx", 1, 1},
                    {"G2", "sy", 1, 1}, {"dt", "G11", 3, 3}, {"dt", "G2", 1, 1},  {"et", "dt", 3, 3}};
  const Edges harris{{"il", "i", 1, 1},    {"c15", "il", 1, 5},   {"c51", "c15", 5, 1}, {"sox", "c51", 3, 3},
                     {"soy", "sox", 3, 3}, {"bool", "soy", 3, 3}, {"op", "bool", 1, 1}};
  const auto with = [](Edges edges, const Edges& more) {
    edges.insert(edges.end(), more.begin(), more.end());
    return edges;
  };
  const std::vector<std::pair<std::string, Edges>> expected{
      {"canny-s", canny},
      {"canny-m", with(canny, {{"o", "et", 1, 1}, {"o", "G11", 1, 1}})},
      {"harris-s", harris},
      {"harris-m", with(harris, {{"op", "soy", 1, 1}})},
      {"unsharp-m",
       {{"bx", "i", 3, 1},
        {"by", "bx", 1, 3},
        {"diff", "i", 1, 1},
        {"diff", "by", 1, 1},
        {"scaled", "diff", 1, 1},
        {"sharp", "i", 1, 1},
        {"sharp", "scaled", 1, 1}}},
      {"xcorr-m", {{"t1", "i", 18, 1}, {"t2", "t1", 1, 18}, {"o", "i", 1, 1}, {"o", "t2", 1, 1}}},
      {"denoise-m",
       {{"g1", "i", 3, 3},
        {"g", "g1", 1, 1},
        {"r0", "i", 1, 1},
        {"r0", "f", 1, 1},
        {"r1", "r0", 1, 1},
        {"o", "i", 3, 3},
        {"o", "g", 3, 3},
        {"o", "f", 1, 1},
        {"o", "r1", 1, 1}}},
  };
  for (const auto& [name, edges] : expected) {
    const Pipeline p = read_pipeline(std::filesystem::path(PARE_SOURCE_DIR) / "examples/imaging" / (name + ".pipe"));
    EXPECT_EQ(p.name, name);
    Edges found;
    for (const Stage& stage : p.stages)
      for (std::size_t s = 0; s < stage.sources.size(); ++s) {
        const Window w = window(stage, static_cast<int>(s));
        found.emplace_back(stage.name, p.stages[static_cast<std::size_t>(stage.sources[s].stage)].name, w.width(),
                           w.height());
        if (name == "xcorr-m" && w.width() == 18) {
          EXPECT_EQ(w, (Window{0, 0, 8, 9}));
        }
        if (name == "xcorr-m" && w.height() == 18) {
          EXPECT_EQ(w, (Window{8, 9, 0, 0}));
        }
      }
    EXPECT_THAT(found, testing::UnorderedElementsAreArray(edges)) << name;
  }
}

TEST(Examples, AllCanBeRun) {
  std::size_t count = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(std::filesystem::path(PARE_SOURCE_DIR) / "examples/imaging")) {
    if (entry.path().extension() != ".pipe") continue;
    const Pipeline p = read_pipeline(entry.path());
    const std::vector<int> step = steps(p);
    std::vector<Frame> inputs;
    for (std::size_t i = 0; i < step.size(); ++i) {
      if (!p.stages[i].is_input) continue;
      Frame f{64 / step[i], 64 / step[i], p.stages[i].type.channels, {}};
      f.codes.assign(static_cast<std::size_t>(f.width * f.height * f.channels), 100);
      inputs.push_back(f);
    }
    EXPECT_FALSE(interpret(p, inputs).empty()) << entry.path();
    ++count;
  }
  EXPECT_GE(count, 14u);
}

}  // namespace
}  // namespace pare::imaging
