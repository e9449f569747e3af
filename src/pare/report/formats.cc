// Verb quantize: which number format every tensor got.
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>

#include "pare/draw/page.h"
#include "pare/draw/table.h"
#include "pare/report/section.h"
#include "pare/report/words.h"

namespace pare::report {
namespace {

using study::Candidate;
using study::Json;
using study::Study;

/// "flint" of "uflint4": an unsigned format belongs to the same family.
std::string family(const std::string& format) {
  const bool is_unsigned = format.size() > 1 && format[0] == 'u';
  std::string out;
  for (char c : format.substr(is_unsigned ? 1 : 0)) {
    if (!std::isalpha(static_cast<unsigned char>(c))) break;
    out += c;
  }
  return out;
}

std::string plural(const std::string& kind) {
  if (kind == "weight") return "Weights";
  if (kind == "activation") return "Activations";
  if (kind == "input") return "Inputs";
  return kind.empty() ? "Tensors" : kind;
}

std::string strips(const Json& tensors) {
  std::vector<std::string> kinds;
  for (const auto& tensor : tensors)
    if (const std::string kind = text(tensor, "kind"); std::ranges::find(kinds, kind) == kinds.end())
      kinds.push_back(kind);
  std::string out;
  for (const auto& kind : kinds) {
    std::vector<draw::StripCell> cells;
    std::vector<std::pair<std::string, int>> counts;
    for (const auto& tensor : tensors) {
      if (text(tensor, "kind") != kind || cells.size() == 400) continue;
      const std::string format = text(tensor, "format"), group = family(format);
      const auto bits = number(tensor, "bits");
      cells.push_back(
          {group, bits ? fmt::format("{:g}", *bits) : "?", text(tensor, "name") + ": " + format, style_of(group)});
      auto found = std::ranges::find(counts, format, &std::pair<std::string, int>::first);
      if (found == counts.end()) found = counts.insert(counts.end(), {format, 0});
      ++found->second;
    }
    std::ranges::stable_sort(counts, std::greater<>{}, &std::pair<std::string, int>::second);
    std::string totals;
    for (const auto& [format, count] : counts)
      totals += fmt::format("{}{} × {}", totals.empty() ? "" : ", ", format, count);
    out += draw::paragraph(fmt::format("{}, {} in all: {}.", plural(kind), cells.size(), totals)) + draw::strip(cells);
  }
  return out;
}

std::string scale_words(const Json& tensor) {
  if (const auto one = number(tensor, "scale")) return fmt::format("{:.4g}", *one);
  const Json& range = object(tensor, "scale");
  const auto low = number(range, "min"), high = number(range, "max");
  if (low && high) return fmt::format("{:.3g} to {:.3g}", *low, *high);
  return "–";
}

std::string tensor_table(const Candidate& c, const Json& tensors) {
  draw::Table table{.name = "Tensors of " + c.name,
                    .columns = {{"tensor"},
                                {"format"},
                                {"bits", "", true},
                                {"range used", "", true},
                                {"squared error", "mean", true},
                                {"scales", "one a"},
                                {"scale", "", true}},
                    .rows = {},
                    .most_rows = 1000};
  for (const auto& tensor : tensors) {
    const auto bits = number(tensor, "bits"), mse = number(tensor, "mse"), used = number(tensor, "range_used");
    draw::Row row;
    row.cells = {{text(tensor, "name"), text(tensor, "kind")},
                 {text(tensor, "format")},
                 {bits ? fmt::format("{:g}", *bits) : "–"},
                 {used ? fmt::format("{:.1f} %", 100 * *used) : "–", "", false, used},
                 {mse ? fmt::format("{:.3g}", *mse) : "–"},
                 {text(tensor, "granularity")},
                 {scale_words(tensor)}};
    table.rows.push_back(std::move(row));
  }
  return draw::table(table);
}

std::string of_candidate(const Candidate& c, bool open) {
  const Json& tensors = list(c.details, "tensors");
  if (tensors.empty()) return "";
  const std::string table = tensor_table(c, tensors);
  const std::string summary = fmt::format("{}: {} tensors, their scales, errors and ranges", c.name, tensors.size());
  return open ? strips(tensors) + draw::details(summary, table) : draw::details(summary, strips(tensors) + table);
}

}  // namespace

std::string formats(const Studies& studies) {
  return each(studies, [](const Study& study) -> std::string {
    if (study.verb != "quantize") return "";
    const Candidate* first = chosen(study);
    if (!first || list(first->details, "tensors").empty()) {
      const auto found = std::ranges::find_if(study.candidates,
                                              [](const Candidate& c) { return !list(c.details, "tensors").empty(); });
      if (found == study.candidates.end()) return "";
      first = &*found;
    }
    std::string out = draw::paragraph(fmt::format(
        "{}{}: a cell a tensor, in the order of the network, with the family of its number format and its bits.",
        first->name, first->name == study.chosen ? ", the chosen candidate" : ""));
    out += of_candidate(*first, true);
    for (const Candidate& c : study.candidates)
      if (&c != first && c.front) out += of_candidate(c, false);
    return out;
  });
}

}  // namespace pare::report
