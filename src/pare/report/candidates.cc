// Every figure of every candidate with where it comes from, and under which conditions.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "pare/draw/page.h"
#include "pare/draw/table.h"
#include "pare/report/section.h"
#include "pare/report/words.h"

namespace pare::report {
namespace {

using study::Candidate;
using study::Cost;
using study::Study;

/// A cost's column: how to read it, and whether all its figures come from the same place.
struct About {
  std::optional<study::Provenance> provenance;  // none where they differ
  draw::Column column;
};

About about(const Study& study, const std::string& name) {
  About out;
  out.column = {words(name), "", true};
  const Cost* first = nullptr;
  bool same = true;
  for (const Candidate& c : study.candidates)
    if (const Cost* cost = c.cost(name)) {
      if (!first) first = cost;
      same &= cost->provenance == first->provenance;
    }
  if (!first) return out;
  if (same) out.provenance = first->provenance;
  out.column.note = fmt::format("{}{}", same ? fmt::format("{} ", words(first->provenance)) : "",
                                first->better == study::Better::higher ? "↑" : "↓");
  return out;
}

std::string table_of(const Study& study) {
  draw::Table table{.name = "Candidates of " + title(study), .columns = {{"candidate"}}, .rows = {}, .most_rows = 300};
  const auto names = cost_names(study);
  std::vector<About> abouts;
  for (const auto& name : names) {
    abouts.push_back(about(study, name));
    table.columns.push_back(abouts.back().column);
  }
  const Candidate* reference = baseline(study);
  for (const Candidate& c : study.candidates) {
    draw::Row row;
    row.marked = !study.chosen.empty() && c.name == study.chosen;
    std::string note;
    const auto say = [&](bool is, const char* word) {
      if (is) note += (note.empty() ? "" : ", ") + std::string(word);
    };
    say(row.marked, "chosen");
    say(&c == reference && study.candidates.size() > 1, "baseline");
    say(c.front && study.candidates.size() > 1, "front");
    row.cells.push_back({c.name, note, row.marked});
    for (std::size_t i = 0; i < names.size(); ++i) {
      const Cost* cost = c.cost(names[i]);
      draw::Cell cell{cost && std::isfinite(cost->value) ? shown(*cost) : "–"};
      if (cost) {
        cell.note = interval(*cost);
        if (!abouts[i].provenance) cell.note += (cell.note.empty() ? "" : ", ") + std::string(words(cost->provenance));
      }
      row.cells.push_back(std::move(cell));
    }
    table.rows.push_back(std::move(row));
  }
  return draw::table(table);
}

std::string spread_words(const Study& study) {
  const std::string is = text(study.conditions, "spread_is");
  return is.empty() ? "half-widths of 95 % intervals" : is;
}

}  // namespace

std::string all_candidates(const Studies& studies) {
  const std::string out = each(studies, [](const Study& study) {
    if (study.candidates.empty()) return draw::paragraph("This study has no candidates.", draw::Tone::muted);
    std::string table = table_of(study);
    const bool spreads = std::ranges::any_of(study.candidates, [](const Candidate& c) {
      return std::ranges::any_of(c.costs, [](const Cost& cost) { return cost.spread.has_value(); });
    });
    if (spreads)
      table += draw::paragraph(fmt::format("Figures after ± are {}.", spread_words(study)), draw::Tone::muted);
    return table;
  });
  return out + draw::paragraph(
                   "↑ higher is better, ↓ lower is better. Measured: a real run on the machine named under conditions. "
                   "Simulated: by a simulator of cycles or "
                   "events. Estimated: from a model or a published constant. Counted: exact by construction. Front: no "
                   "other candidate is at least as good in the costs that the study compares.",
                   draw::Tone::muted);
}

std::string conditions(const Studies& studies) {
  return each(studies, [](const Study& study) {
    std::vector<std::pair<std::string, std::string>> list;
    list.emplace_back("workload", study.workload.kind + " " + study.workload.name);
    if (!study.workload.hash.empty()) list.emplace_back("content hash", study.workload.hash);
    list.emplace_back("written by", fmt::format("pare {} {}", study.version, study.verb));
    if (study.conditions.is_object())
      for (const auto& [name, value] : study.conditions.items()) list.emplace_back(words(name), one_line(value, 400));
    return draw::definitions(list);
  });
}

}  // namespace pare::report
