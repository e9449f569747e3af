// Verb graph train: how networks on graphs learnt.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "pare/draw/chart.h"
#include "pare/draw/page.h"
#include "pare/report/section.h"
#include "pare/report/words.h"

namespace pare::report {
namespace {

using study::Candidate;
using study::Json;
using study::Study;

constexpr std::size_t most_lines = 6, most_runs = 1000, most_points = 400;  // a study may hold anything

/// The mean of a curve over the runs that got so far, by epoch.
std::vector<draw::LinePoint> mean_curve(const Candidate& c, const char* key) {
  std::vector<double> sum;
  std::vector<int> count;
  const Json& runs = list(c.details, "runs");
  for (std::size_t i = 0; i < std::min(runs.size(), most_runs); ++i) {
    const auto values = numbers(object(runs[i], "curve"), key);
    if (values.size() > sum.size()) {
      sum.resize(values.size());
      count.resize(values.size());
    }
    for (std::size_t e = 0; e < values.size(); ++e)
      if (std::isfinite(values[e])) {
        sum[e] += values[e];
        ++count[e];
      }
  }
  std::vector<draw::LinePoint> points;
  const std::size_t step = sum.size() / most_points + 1;
  for (std::size_t e = 0; e < sum.size(); e += step)
    if (count[e] > 0) points.push_back({static_cast<double>(e + 1), sum[e] / count[e]});
  return points;
}

std::string figure_of(const draw::Lines& chart, const std::string& note) {
  if (chart.lines.empty()) return "";
  return draw::small_figure(chart.title, note, [&](double width) { return draw::lines(chart, width); });
}

}  // namespace

std::string graph_networks(const Studies& studies) {
  return each(studies, [](const Study& study) -> std::string {
    if (study.verb != "graph train") return "";
    draw::Lines accuracy, loss;
    accuracy.title = "Accuracy while learning";
    loss.title = "Loss while learning";
    accuracy.x = loss.x = {"epoch", ""};
    accuracy.y = {"accuracy", "%"};
    loss.y = {"cross-entropy", ""};
    int style = 0;
    for (const Candidate& c : study.candidates) {
      if (accuracy.lines.size() + 1 >= most_lines) break;
      const auto add = [&](draw::Lines& chart, const char* key, const char* what, int line_style) {
        auto points = mean_curve(c, key);
        if (!points.empty()) chart.lines.push_back({{c.name + ", " + what, line_style}, std::move(points)});
      };
      add(accuracy, "validation_accuracy", "validation", style);
      add(accuracy, "test_accuracy", "test folds", style + 1);
      // two lines a model, of which three can be told apart
      if (loss.lines.size() + 2 <= most_lines) {
        add(loss, "training_loss", "training", 2 * style);
        add(loss, "validation_loss", "validation", 2 * style + 1);
      }
      ++style;
    }
    accuracy.description = loss.description = "The mean over all runs that got so far, by epoch.";
    const std::string a = figure_of(accuracy, "The mean over all runs that got so far."), l = figure_of(loss, "");
    return a.empty() && l.empty() ? "" : draw::grid({a, l});
  });
}

}  // namespace pare::report
