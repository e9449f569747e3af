#include "pare/draw/table.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "pare/draw/text.h"

namespace pare::draw {

namespace {

constexpr std::size_t longest = 60;  // characters of a cell

}  // namespace

std::string table(const Table& table) {
  const std::string name = escape(table.name);
  std::string out = fmt::format(
      "<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"{}\"><table><caption>{}</caption>\n"
      "<thead><tr>",
      name, name);
  const auto kind = [&](std::size_t column) {
    return column < table.columns.size() && table.columns[column].numeric ? " class=\"number\"" : "";
  };
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    out += fmt::format("<th scope=\"col\"{}>{}", kind(i), escape(shorten(table.columns[i].title, longest)));
    if (!table.columns[i].note.empty()) out += fmt::format(" <small>{}</small>", escape(table.columns[i].note));
    out += "</th>";
  }
  out += "</tr></thead>\n<tbody>\n";
  const std::size_t rows = std::min(table.rows.size(), table.most_rows);
  for (std::size_t r = 0; r < rows; ++r) {
    const Row& row = table.rows[r];
    out += row.marked ? "<tr class=\"marked\">" : "<tr>";
    for (std::size_t i = 0; i < table.columns.size(); ++i) {
      const Cell cell = i < row.cells.size() ? row.cells[i] : Cell{};
      std::string text = escape(shorten_middle(cell.text, longest));
      if (cell.strong) text = fmt::format("<b>{}</b>", text);
      if (!cell.note.empty()) text += fmt::format(" <small>{}</small>", escape(shorten(cell.note, longest)));
      if (cell.share && std::isfinite(*cell.share))
        text += fmt::format("<span class=\"meter\"><span style=\"width:{}%\"></span></span>",
                            coordinate(100 * std::clamp(*cell.share, 0.0, 1.0)));
      out += i == 0 ? fmt::format("<th scope=\"row\"{}>{}</th>", kind(i), text)
                    : fmt::format("<td{}>{}</td>", kind(i), text);
    }
    out += "</tr>\n";
  }
  out += "</tbody></table></div>\n";
  if (rows < table.rows.size())
    out +=
        fmt::format("<p class=\"muted\">The first {} of {} rows; all are in the JSON.</p>\n", rows, table.rows.size());
  return out;
}

}  // namespace pare::draw
