#include "pare/cli/context.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "pare/base/error.h"

namespace pare::cli {

CLI::App* add_verb(CLI::App& app, const std::string& name, const std::string& group, const std::string& description,
                   const std::vector<std::string>& examples) {
  CLI::App* verb = app.add_subcommand(name, description);
  verb->group(group.empty() && app.get_parent() != nullptr ? "Verbs" : group);
  verb->fallthrough();
  std::string footer = "Examples:";
  for (const auto& example : examples) footer += "\n  " + example;
  verb->footer(footer);
  return verb;
}

std::string to_table(const study::Study& study) {
  std::vector<std::vector<std::string>> rows;
  std::vector<std::string> header{"candidate"};
  for (const auto& candidate : study.candidates)
    for (const auto& cost : candidate.costs)
      if (std::ranges::find(header, cost.name) == header.end()) header.push_back(cost.name);
  rows.push_back(header);
  for (const auto& candidate : study.candidates) {
    std::vector<std::string> row{(candidate.front ? "* " : "  ") + candidate.name};
    for (std::size_t i = 1; i < header.size(); ++i) {
      const study::Cost* cost = candidate.cost(header[i]);
      std::string cell = cost ? study::readable(*cost) : "-";
      if (cost && cost->spread) cell += fmt::format(" ± {:.2g}", *cost->spread);
      row.push_back(cell);
    }
    rows.push_back(row);
  }
  rows[0][0] = "  " + rows[0][0];
  const auto width_of = [](const std::string& text) {  // in characters, not bytes
    return static_cast<std::size_t>(std::ranges::count_if(text, [](char c) { return (c & 0xc0) != 0x80; }));
  };
  std::vector<std::size_t> widths(header.size(), 0);
  for (const auto& row : rows)
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width_of(row[i]));
  std::string text = fmt::format("{} of {}\n", study.verb, study.workload.name);
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      const std::string padding(widths[i] - width_of(row[i]), ' ');
      text += i == 0 ? row[i] + padding : "  " + padding + row[i];
    }
    text += "\n";
  }
  std::string chosen = study.chosen;
  for (const auto& c : study.candidates)  // one a width
    if (c.details.contains("chosen") && c.name != study.chosen) chosen += ", " + c.name;
  if (study.candidates.size() > 1)
    text += fmt::format("* on the Pareto front{}{}\n", chosen.empty() ? "" : "; chosen: ", chosen);
  return text;
}

void finish(const study::Study& study, const Global& global) {
  if (!global.output.empty()) study::write_study(global.output / "study.json", study);
  if (global.json)
    fmt::print("{}\n", study::to_json(study).dump(1));
  else if (!global.quiet)
    fmt::print("{}", to_table(study));
  if (std::fflush(stdout) != 0) throw Error("cannot be written to", "standard output");
}

}  // namespace pare::cli
