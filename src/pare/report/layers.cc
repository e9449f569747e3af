// Verb inspect: which layers hold the operations and the parameters.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "pare/draw/axis.h"
#include "pare/draw/chart.h"
#include "pare/draw/page.h"
#include "pare/draw/table.h"
#include "pare/report/section.h"
#include "pare/report/words.h"

namespace pare::report {
namespace {

using study::Candidate;
using study::Json;
using study::Study;

struct Layer {
  std::string name, op;
  double macs = 0, parameters = 0;
};

std::vector<Layer> read(const Candidate& c) {
  std::vector<Layer> out;
  for (const Json& json : list(c.details, "layers")) {
    const auto positive = [&](const char* key) {
      const double v = number(json, key).value_or(0);
      return std::isfinite(v) && v > 0 ? v : 0;
    };
    out.push_back({text(json, "name"), text(json, "op"), positive("macs"), positive("parameters")});
  }
  return out;
}

std::string drawn(const Candidate& c) {
  constexpr std::size_t most = 12;
  const auto all = read(c);
  double macs = 0, parameters = 0;
  for (const Layer& layer : all) macs += layer.macs, parameters += layer.parameters;
  if (!(macs > 0) && !(parameters > 0)) return "";
  const auto share = [](double part, double whole) { return whole > 0 ? 100 * part / whole : 0; };

  std::vector<Layer> largest = all;
  std::ranges::stable_sort(largest, std::greater<>{}, [&](const Layer& l) {
    return std::max(share(l.macs, macs), share(l.parameters, parameters));
  });
  if (largest.size() > most) largest.resize(most);
  draw::Bars chart;
  chart.title = "The largest layers";
  chart.value = {"share", "%"};
  chart.series = {{"share of multiply–accumulates", 0}, {"share of parameters", 1}};
  for (const Layer& layer : largest) {
    chart.groups.push_back(layer.name);
    chart.values.push_back({share(layer.macs, macs), share(layer.parameters, parameters)});
  }
  chart.description = fmt::format("The {} largest of {} layers.", largest.size(), all.size());
  std::string out = draw::figure(
      chart.title,
      fmt::format("The {} largest of {} layers by either share; the figure is the larger of the two. In all {} and {}.",
                  largest.size(), all.size(), draw::quantity(macs, "MACs"), draw::quantity(parameters, "parameters")),
      [&](double width) { return draw::bars(chart, width); });

  draw::Table table{.name = "Layers",
                    .columns = {{"layer"},
                                {"operator"},
                                {"MACs", "", true},
                                {"share", "", true},
                                {"parameters", "", true},
                                {"share", "", true}},
                    .rows = {},
                    .most_rows = 1000};
  for (const Layer& l : all) {
    const double m = share(l.macs, macs), p = share(l.parameters, parameters);
    table.rows.push_back({.cells = {{l.name},
                                    {l.op},
                                    {l.macs > 0 ? draw::quantity(l.macs, "MACs") : "–"},
                                    {fmt::format("{:.1f} %", m), "", false, m / 100},
                                    {l.parameters > 0 ? fmt::format("{:.0f}", l.parameters) : "–"},
                                    {fmt::format("{:.1f} %", p), "", false, p / 100}}});
  }
  return out + draw::details(fmt::format("All {} layers", all.size()), draw::table(table));
}

}  // namespace

std::string layers(const Studies& studies) {
  return each(studies, [](const Study& study) {
    return study.verb == "inspect" && !study.candidates.empty() ? drawn(study.candidates.front()) : "";
  });
}

}  // namespace pare::report
