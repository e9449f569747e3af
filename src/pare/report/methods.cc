// Verb quantize: accuracy against bits for each method, and what fine-tuning did.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "pare/draw/canvas.h"
#include "pare/draw/chart.h"
#include "pare/draw/page.h"
#include "pare/draw/table.h"
#include "pare/report/section.h"
#include "pare/report/words.h"

namespace pare::report {
namespace {

using study::Candidate;
using study::Cost;
using study::Study;

/// Width of a candidate: what was asked for, or the average that came out.
std::optional<double> bits(const Candidate& c) {
  const auto asked = number(c.decision, "bits");
  if (asked && method(c) != "mixed") return asked;
  if (const Cost* cost = c.cost("weight_bits"); cost && std::isfinite(cost->value)) return cost->value;
  return asked;
}

/// The name without its width: "ant4" and "ant3" are "ant".
std::string family(const Candidate& c) {
  if (method(c) == "mixed") return "mixed";
  std::string name = c.name;
  const auto asked = number(c.decision, "bits");
  if (asked) {
    const std::string digits = fmt::format("{:g}", *asked);
    if (const auto at = name.rfind(digits); at != std::string::npos) name.erase(at, digits.size());
  }
  while (!name.empty() && std::string_view("-_ .").find(name.back()) != std::string_view::npos) name.pop_back();
  return name.empty() ? method(c) : name;
}

struct Entry {
  double bits;
  const Cost* cost;
};
struct Curve {
  std::string name;
  int style = 0;
  std::vector<Entry> entries;  // ascending bits
};

/// One curve a family, the styles distinct as far as they reach.
std::vector<Curve> curves(const Study& study, const std::string& cost_name) {
  std::vector<Curve> all;
  const Candidate* reference = baseline(study);
  for (const Candidate& c : study.candidates) {
    const auto b = bits(c);
    const Cost* cost = c.cost(cost_name);
    if (&c == reference || !b || !std::isfinite(*b) || !cost || !std::isfinite(cost->value)) continue;
    const std::string name = family(c);
    auto found = std::ranges::find(all, name, &Curve::name);
    if (found == all.end()) {
      int style = style_of(method(c));
      for (int tries = 0; tries < draw::styles && std::ranges::find(all, style, &Curve::style) != all.end(); ++tries)
        style = (style + 1) % draw::styles;
      found = all.insert(all.end(), {name, style, {}});
    }
    found->entries.push_back({*b, cost});
  }
  for (Curve& curve : all) std::ranges::stable_sort(curve.entries, {}, &Entry::bits);
  return all;
}

/// "+0.25", "−7.74": with a minus sign as wide as the plus.
std::string signed_figure(double value) { return fmt::format("{}{:.2f}", value < 0 ? "−" : "+", std::abs(value)); }

/// Methods down, widths across; the best of a width in bold.
std::string difference_table(const std::vector<Curve>& all, const std::vector<double>& widths, const Cost& before) {
  draw::Table table{.name = "Difference from the baseline", .columns = {{"method"}}, .rows = {}};
  const bool higher = before.better == study::Better::higher;
  const auto find = [](const Curve& curve, double width) -> const Cost* {
    const auto found = std::ranges::find(curve.entries, width, &Entry::bits);
    return found == curve.entries.end() ? nullptr : found->cost;
  };
  std::vector<double> best;
  for (double width : widths) {
    table.columns.push_back({fmt::format("{:.3g} bits", width), "", true});
    best.push_back(higher ? -INFINITY : INFINITY);
    for (const Curve& curve : all)
      if (const Cost* cost = find(curve, width))
        best.back() = higher ? std::max(best.back(), cost->value) : std::min(best.back(), cost->value);
  }
  for (const Curve& curve : all) {
    draw::Row row;
    row.cells.push_back({curve.name});
    for (std::size_t i = 0; i < widths.size(); ++i) {
      const Cost* cost = find(curve, widths[i]);
      if (!cost) {
        row.cells.push_back({"–"});
        continue;
      }
      row.cells.push_back({signed_figure(cost->value - before.value), "", cost->value == best[i]});
    }
    table.rows.push_back(std::move(row));
  }
  return draw::table(table);
}

std::string accuracy(const Study& study) {
  std::string name;
  for (const char* wanted : {"top1", "loss", "perplexity", "divergence"})
    if (name.empty() && !curves(study, wanted).empty()) name = wanted;
  if (name.empty()) return "";
  const auto all = curves(study, name);
  const Candidate* reference = baseline(study);
  const Cost* before = reference ? reference->cost(name) : nullptr;

  draw::Lines chart;
  chart.title = capitalised(fmt::format("{} against bits", words(name)));
  chart.x = {"bits", ""};
  chart.y = {words(name), all.front().entries.front().cost->unit};
  std::vector<double> widths;
  for (const Curve& curve : all) {
    draw::Line line{{curve.name, curve.style}, {}};
    for (const Entry& e : curve.entries) {
      line.points.push_back({e.bits, e.cost->value, e.cost->spread});
      if (e.bits == std::floor(e.bits)) widths.push_back(e.bits);
    }
    chart.lines.push_back(std::move(line));
  }
  std::ranges::sort(widths);
  widths.erase(std::unique(widths.begin(), widths.end()), widths.end());
  if (widths.size() <= 8) chart.x.at = widths;
  if (before && std::isfinite(before->value)) chart.references = {{before->value, reference->name}};
  chart.description = fmt::format("{} methods at {} widths.", all.size(), widths.size());
  std::string out = draw::figure(chart.title,
                                 "Marks at the same width stand a little beside each other; vertical lines are "
                                 "intervals. Mixed precision stands at its average width.",
                                 [&](double width) { return draw::lines(chart, width); });
  if (before && std::isfinite(before->value) && !widths.empty() && widths.size() <= 8) {
    out += draw::paragraph(fmt::format("Difference from {} ({}){}; the best of each width in bold.", reference->name,
                                       shown(*before), before->unit == "%" ? " in points" : ""));
    std::vector<Curve> uniform = all;
    std::erase_if(uniform, [](const Curve& c) { return c.name == "mixed"; });
    out += difference_table(uniform, widths, *before);
  }
  return out;
}

std::string tuning(const Candidate& c) {
  const auto& tune = object(c.details, "finetune");
  const auto epochs = numbers(tune, "epochs");
  std::vector<std::string> drawings;
  for (const char* what : {"loss", "accuracy"}) {
    const auto values = numbers(tune, what);
    const std::size_t n = std::min(epochs.size(), values.size());
    if (n == 0) continue;
    draw::Lines chart;
    chart.title = fmt::format("{} of {} over epochs", what, c.name);
    chart.description = fmt::format("{} epochs, from {:.4g} to {:.4g}.", n, values.front(), values[n - 1]);
    chart.x = {"epoch", ""};
    chart.y = {what, std::string_view(what) == "accuracy" ? "%" : ""};
    draw::Line line{{what, std::string_view(what) == "loss" ? 1 : 0}, {}};
    for (std::size_t i = 0; i < n; ++i) line.points.push_back({epochs[i], values[i]});
    chart.lines = {line};
    drawings.push_back(draw::small_figure("", "", [&](double width) { return draw::lines(chart, width); }));
  }
  return drawings.empty() ? "" : draw::heading(c.name) + draw::grid(drawings);
}

}  // namespace

std::string accuracy_by_bits(const Studies& studies) {
  return each(studies, [](const Study& study) { return study.verb == "quantize" ? accuracy(study) : ""; });
}

std::string fine_tuning(const Studies& studies) {
  return each(studies, [](const Study& study) {
    std::string out;
    if (study.verb == "quantize")
      for (const Candidate& c : study.candidates) out += tuning(c);
    return out;
  });
}

}  // namespace pare::report
