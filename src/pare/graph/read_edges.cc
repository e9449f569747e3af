// Lists of edges as text: "source target" or "source target weight" a line, parted by blanks, tabs, commas or
// semicolons. A first line of names, as tables have, says which columns these are.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <limits>

#include "pare/graph/parse.h"
#include "pare/graph/text.h"

namespace pare::graph {
namespace {

/// Which columns of a table are read, from 0.
struct Columns {
  int source = 0, target = 1, weight = 2;
  bool all = true;       // nothing may follow them
  bool may_lack = true;  // a weight
};

bool begins_name(unsigned char c) { return std::isalpha(c) || c == '_' || c >= 0x80; }

/// Lower case, without quotes and blanks around it.
std::string plain_name(std::string_view text) {
  std::string out;
  for (const char c : text)
    if (c != '"' && c != '\r' && c != ' ') out += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

std::vector<std::string> names_in(std::string_view line) {
  const std::size_t found = line.find_first_of(",;\t");
  const char separator = found == std::string_view::npos ? ' ' : line[found];
  std::vector<std::string> out;
  for (std::size_t at = 0; at <= line.size();) {
    const std::size_t end = std::min(line.find(separator, at), line.size());
    if (separator != ' ' || end > at) out.push_back(plain_name(line.substr(at, end - at)));
    at = end + 1;
  }
  return out;
}

/// By the names that tables use; where source and target are not among them, the first columns, but for one without a
/// name that numbers the lines.
Columns columns_of(const std::vector<std::string>& names) {
  const auto place = [&](const auto& known) {
    const auto found = std::ranges::find_first_of(names, known);
    return found == names.end() ? -1 : static_cast<int>(found - names.begin());
  };
  const int source = place(std::array{"source", "src", "from", "from_id", "u", "source_id"}),
            target = place(std::array{"target", "dst", "to", "to_id", "v", "target_id", "destination"}),
            weight = place(std::array{"weight", "edge_weight", "w"});
  if (source >= 0 && target >= 0) return {source, target, weight, false, false};
  const int numbered = !names.empty() && names[0].empty() ? 1 : 0;
  return {numbered, numbered + 1, numbered + 2};
}

/// Two separators with nothing between them, or one before everything.
bool has_empty_field(std::string_view line) {
  bool empty = true;
  for (const char c : line) {
    if (c == ',' || c == ';') {
      if (empty) return true;
      empty = true;
    } else if (c != ' ' && c != '\t') {
      empty = false;
    }
  }
  return false;
}

}  // namespace

Graph parse_edges(std::string_view bytes, const std::string& where) {
  if (bytes.substr(0, 2) == "PK") throw Error("is an archive, not a list of edges", where, "give it the ending .npz");
  constexpr const char* comments = "#%";
  constexpr std::int64_t most = std::numeric_limits<std::int32_t>::max() - 1;
  Text text(bytes, where, ",;\"");
  std::vector<Edge> edges;
  Columns columns;
  bool weighted = false, begun = false;
  std::int64_t vertices = 0;
  while (text.next_line(comments)) {
    if (!begun) {
      begun = true;
      if (begins_name(static_cast<unsigned char>(text.rest_of_line().front()))) {
        columns = columns_of(names_in(text.whole_line()));
        continue;
      }
    }
    if (has_empty_field(text.whole_line())) text.fail("has an empty field");
    std::int64_t source = 0, target = 0;
    float weight = 1;
    bool has_weight = false;
    const int last = std::max({columns.source, columns.target, columns.weight});
    for (int column = 0; column <= last; ++column) {
      if (column == columns.source) {
        source = text.whole("source");
      } else if (column == columns.target) {
        target = text.whole("target");
      } else if (column != columns.weight) {
        text.skip_word();
      } else if (!columns.may_lack || text.more()) {
        if (text.rest_of_line().starts_with('{')) {  // as networkx writes what it knows of an edge
          if (!text.rest_of_line().starts_with("{}"))
            text.fail("has a dictionary", "write the list with networkx.write_weighted_edgelist");
          text.skip_word();
          continue;
        }
        weight = text.real("weight");
        has_weight = true;
      }
    }
    for (const std::int64_t end : {source, target}) {
      if (end < 0) text.fail(fmt::format("names vertex {}; vertices are numbered from 0", end));
      if (end > most) text.fail(fmt::format("names vertex {}, pare numbers up to {}", end, most));
    }
    if (edges.empty()) weighted = has_weight;
    if (has_weight != weighted) text.fail(weighted ? "has no weight, others have" : "has a weight, others have none");
    if (columns.all && text.more()) text.fail("has more than source, target and weight");
    vertices = std::max({vertices, source + 1, target + 1});
    edges.push_back({static_cast<std::int32_t>(target), static_cast<std::int32_t>(source), weight});
  }
  check_vertices(static_cast<std::uint64_t>(vertices), bytes.size(), where);
  check_memory(edges.size(), where);

  Graph graph;
  graph.adjacency = from_edges(vertices, vertices, std::move(edges));
  graph.symmetric = is_symmetric(graph.adjacency);
  return graph;
}

}  // namespace pare::graph
