// Charts of good, empty and hostile data. Whether they are well-formed is for Python's parser to say.
#include "pare/draw/chart.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <limits>

#include "pare/base/file.h"
#include "pare/draw/page.h"
#include "pare/draw/table.h"

namespace pare::draw {
namespace {

const std::string hostile = "</text><script>x</script>\"'&]]>\x01\xff";
constexpr double infinity = std::numeric_limits<double>::infinity();

std::size_t count(const std::string& text, const std::string& what) {
  std::size_t n = 0;
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++n;
  return n;
}

/// Every list of values with which a chart may be called.
std::vector<std::vector<double>> lists() {
  return {{},
          {1},
          {0, 0, 0},
          {5, 5, 5, 5},
          {1, 2, 3, 4, 5},
          {-1e308, 1e308},
          {1e-300, 1e300},
          {5e-324, 0},
          {std::nan(""), infinity, -infinity},
          {1, std::nan(""), 3, infinity}};
}

std::vector<std::string> drawings() {
  std::vector<std::string> out;
  for (const auto& xs : lists())
    for (const auto& ys : lists())
      for (bool log : {false, true}) {
        const std::size_t n = std::min(xs.size(), ys.size());
        Scatter cloud{.title = hostile, .description = hostile, .x = {hostile, "bytes", log}, .y = {"y", hostile, log}};
        cloud.series = {{hostile, 0}, {"b", 9}};
        Line line{{hostile, -2}, {}};
        for (std::size_t i = 0; i < n; ++i) {
          cloud.points.push_back({xs[i], ys[i], ys[n - 1 - i], hostile, hostile, i, i % 2 == 0, i == 0});
          line.points.push_back({xs[i], ys[i], xs[n - 1 - i]});
        }
        const double width = log ? 350 : 880;
        out.push_back(scatter(cloud, width));
        out.push_back(lines(
            {hostile, "", {"x", "", log}, {"y", "%", log}, {line, line}, {{xs.empty() ? 0 : xs[0], hostile}}}, width));
        out.push_back(bars({hostile, "", {"", "s"}, {{hostile, 1}, {"b", 2}}, {hostile, "b"}, {xs, ys}}, width));
        out.push_back(histogram({hostile, "", {hostile, ""}, xs, ys, ys}, width));
        Timeline rows{hostile, "", {hostile, "s"}, {{hostile, 1}, {"b", 2}}, {{hostile, {}}}};
        if (n > 0) rows.end = xs[0], rows.limit = ys[0], rows.limit_name = hostile;
        for (std::size_t i = 0; i < n; ++i) rows.rows[0].segments.push_back({xs[i], ys[i], i % 3, hostile, i % 2 == 1});
        out.push_back(timeline(rows, width));
      }
  return out;
}

TEST(Charts, AreWellFormedWhateverTheyAreGiven) {
  const auto all = drawings();
  std::string html = strip({{hostile, hostile, hostile, 3}}) + key_figures({{hostile, hostile, hostile}}) +
                     definitions({{hostile, hostile}}) + details(hostile, paragraph(hostile)) +
                     table({hostile, {{hostile, hostile, true}}, {{{{hostile, hostile, true, infinity}}, true}, {}}});
  for (const auto& drawing : all) html += drawing;
  const auto path = std::filesystem::temp_directory_path() / fmt::format("pare_draw_{}.html", ::getpid());
  write_file(path, page(hostile, hostile, {{hostile, hostile, html}, {"b", "b", ""}, {"c", "c", ""}}));
  const std::string check = fmt::format("\"{}\" \"{}/tests/draw/check_svg.py\" \"{}\" {}", PARE_PYTHON, PARE_SOURCE_DIR,
                                        path.string(), all.size());
  EXPECT_EQ(std::system(check.c_str()), 0) << check;
  std::filesystem::remove(path);
}

TEST(Charts, SayWhenThereIsNothingToDraw) {
  EXPECT_NE(scatter({}, 400).find("No candidate"), std::string::npos);
  EXPECT_NE(lines({}, 400).find("nothing to draw"), std::string::npos);
  EXPECT_NE(bars({}, 400).find("nothing to draw"), std::string::npos);
  EXPECT_NE(histogram({}, 400).find("no distribution"), std::string::npos);
  EXPECT_NE(timeline({}, 400).find("nothing to draw"), std::string::npos);
}

TEST(Scatter, DrawsEveryPointAndTheFrontAsSteps) {
  Scatter chart{.title = "t", .description = "d", .x = {"x", ""}, .y = {"y", ""}};
  chart.points = {{.x = 0, .y = 0, .front = true}, {.x = 10, .y = 10, .front = true}, {.x = 5, .y = 2}};
  const std::string svg = scatter(chart, 600);
  EXPECT_EQ(count(svg, "class=\"mark"), 3u);
  EXPECT_EQ(count(svg, "hollow"), 1u);
  // the front of (0, 0) and (10, 10), low x better: right at y = 0, then up at x = 10
  const auto at = svg.find("class=\"front\" d=\"M");
  ASSERT_NE(at, std::string::npos);
  double x1 = 0, y1 = 0, x2 = 0, y2 = 0, x3 = 0, y3 = 0;
  ASSERT_EQ(std::sscanf(svg.c_str() + at, "class=\"front\" d=\"M%lf %lfL%lf %lfL%lf %lf", &x1, &y1, &x2, &y2, &x3, &y3),
            6);
  EXPECT_EQ(y2, y1);
  EXPECT_EQ(x2, x3);
  EXPECT_LT(x1, x2);
  EXPECT_GT(y1, y3) << "up is smaller in SVG";
}

TEST(Bars, AreAsLongAsTheirValues) {
  const std::string svg = bars({"t", "d", {"", ""}, {{"v", 0}}, {"a", "b", "c"}, {{2}, {4}, {-3}}}, 600);
  std::vector<double> lengths;
  for (auto at = svg.find("<rect"); at != std::string::npos; at = svg.find("<rect", at + 1))
    lengths.push_back(std::atof(svg.c_str() + svg.find("width=\"", at) + 7));
  ASSERT_EQ(lengths.size(), 3u);
  EXPECT_NEAR(lengths[1], 2 * lengths[0], 0.02);
  EXPECT_LE(lengths[2], 1);
}

TEST(Timeline, DrawsSegmentsWhereTheyAre) {
  const Timeline chart{
      "t", "d", {"", "s"}, {{"v", 0}, {"w", 1}}, {{"a", {{0, 2, 0, "1"}, {2, 6}, {5, 7, 1, "", true}}}}, 8, {}, ""};
  const std::string svg = timeline(chart, 600);
  EXPECT_EQ(count(svg, "class=\"idle\""), 1u);
  EXPECT_EQ(count(svg, "class=\"inside\""), 1u);
  std::vector<double> from, length;
  for (auto at = svg.find("bar segment"); at != std::string::npos; at = svg.find("bar segment", at + 1)) {
    from.push_back(std::atof(svg.c_str() + svg.find("x=\"", at) + 3));
    length.push_back(std::atof(svg.c_str() + svg.find("width=\"", at) + 7));
  }
  ASSERT_EQ(length.size(), 3u);
  EXPECT_NEAR(from[1], from[0] + length[0], 0.02);
  EXPECT_NEAR(length[1], 2 * length[0], 0.02);
  EXPECT_NEAR(length[2], length[0], 0.02);
}

TEST(Histogram, DrawsOneLineACodePointAndShadesWhatSaturates) {
  const std::string svg = histogram({"t", "d", {"", ""}, {-4, -2, 0, 2, 4}, {1, 5, 4, 1}, {-2, -1, 0, 1, 2}}, 400);
  EXPECT_EQ(count(svg, "class=\"code\""), 5u);
  EXPECT_EQ(count(svg, "class=\"clipped\""), 2u);
  const std::string whole = histogram({"t", "d", {"", ""}, {0, 1, 2}, {1, 5}, {0, 1, 2}}, 400);
  EXPECT_EQ(count(whole, "class=\"clipped\""), 0u);
}

TEST(Table, LeavesOutRowsAndSaysSo) {
  Table t{.name = "t", .columns = {{"a"}}, .rows = std::vector<Row>(7, {{{"cell"}}}), .most_rows = 5};
  EXPECT_EQ(count(table(t), "cell"), 5u);
  EXPECT_NE(table(t).find("first 5 of 7"), std::string::npos);
}

}  // namespace
}  // namespace pare::draw
