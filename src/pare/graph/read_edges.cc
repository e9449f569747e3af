// Lists of edges as text: "source target" or "source target weight" a line, parted by blanks and tabs, or a table whose
// fields commas, semicolons or, below a line of names, tabs part. Names say which columns are read.
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <limits>

#include "pare/graph/parse.h"
#include "pare/graph/text.h"

namespace pare::graph {
namespace {

constexpr const char* comments = "#%";

/// Which columns of a table are read, from 0.
struct Columns {
  std::ptrdiff_t source = 0, target = 1, weight = 2;
  bool named = false;  // each is there, and others may be
};

struct Line {
  std::int64_t source = 0, target = 0;
  float weight = 1;
  bool has_weight = false;
};

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

/// What stands before a comment: at the line's begin, or behind a blank.
std::string_view without_comment(std::string_view line) {
  for (std::size_t i = line.find_first_of(comments); i != std::string_view::npos;
       i = line.find_first_of(comments, i + 1))
    if (i == 0 || is_blank(line[i - 1])) return line.substr(0, i);
  return line;
}

/// Without blanks and quotes around it.
std::string_view bare(std::string_view field) {
  const auto strip = [&](const auto& what) {
    while (!field.empty() && what(field.front())) field.remove_prefix(1);
    while (!field.empty() && what(field.back())) field.remove_suffix(1);
  };
  strip(is_blank);
  strip([](char c) { return c == '"'; });
  return field;
}

/// The fields of a table's line; separators between quotes part nothing.
void split(std::string_view line, char separator, std::vector<std::string_view>& out) {
  out.clear();
  bool quoted = false;
  std::size_t begin = 0;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '"') quoted = !quoted;
    if (line[i] != separator || quoted) continue;
    out.push_back(bare(line.substr(begin, i - begin)));
    begin = i + 1;
  }
  out.push_back(bare(line.substr(begin)));
}

/// Words between blanks.
void split_words(std::string_view line, std::vector<std::string_view>& out) {
  out.clear();
  for (std::size_t i = 0; i < line.size();) {
    std::size_t end = i;
    while (end < line.size() && !is_blank(line[end])) ++end;
    if (end > i) out.push_back(bare(line.substr(i, end - i)));
    i = end + 1;
  }
}

bool is_name(std::string_view field) {
  const auto c = static_cast<unsigned char>(field.empty() ? '0' : field.front());
  return std::isalpha(c) || c == '_' || c >= 0x80;
}

/// By the names that tables use; where source and target are not among them, the first columns, but for one without a
/// name that numbers the lines.
Columns columns_of(const std::vector<std::string_view>& names) {
  const auto place = [&](std::initializer_list<std::string_view> known) -> std::ptrdiff_t {
    for (const std::string_view wanted : known) {
      const auto found = std::ranges::find_if(names, [&](std::string_view name) {
        return std::ranges::equal(name, wanted, {}, [](unsigned char c) { return std::tolower(c); });
      });
      if (found != names.end()) return found - names.begin();
    }
    return -1;
  };
  const Columns named{place({"source", "src", "from", "u"}), place({"target", "dst", "to", "v"}), place({"weight"}),
                      true};
  if (named.source >= 0 && named.target >= 0) return named;
  const std::ptrdiff_t numbered = !names.empty() && names[0].empty() ? 1 : 0;
  return {numbered, numbered + 1, numbered + 2};
}

/// A line of two or three words.
Line read_words(Text& text) {
  Line line{text.whole("source"), text.whole("target")};
  if (!text.more()) return line;
  if (const std::string_view rest = bare(without_comment(text.rest_of_line())); rest.starts_with('{')) {
    if (rest != "{}")  // as networkx writes what it knows of an edge
      text.fail("has a dictionary", "write the list with networkx.write_weighted_edgelist");
    return line;
  }
  line.weight = text.real("weight");
  line.has_weight = true;
  if (text.more()) text.fail("has more than source, target and weight");
  return line;
}

Line read_fields(const Text& text, const Columns& columns, std::vector<std::string_view>& fields) {
  while (!columns.named && fields.size() > 2 && fields.back().empty()) fields.pop_back();  // separators at the end
  const auto at = [&](std::ptrdiff_t column) {
    return column >= 0 && column < std::ssize(fields) ? fields[static_cast<std::size_t>(column)] : std::string_view();
  };
  Line line{text.whole_of(at(columns.source), "source"), text.whole_of(at(columns.target), "target")};
  line.has_weight = columns.weight >= 0 && (columns.named || columns.weight < std::ssize(fields));
  if (line.has_weight) line.weight = text.real_of(at(columns.weight), "weight");
  if (!columns.named && std::ssize(fields) > columns.weight + 1) text.fail("has more than source, target and weight");
  return line;
}

}  // namespace

Graph parse_edges(std::string_view bytes, const std::string& where) {
  if (bytes.substr(0, 2) == "PK") throw Error("is an archive, not a list of edges", where, "give it the ending .npz");
  constexpr std::int64_t most = std::numeric_limits<std::int32_t>::max() - 1;
  Text text(bytes, where);
  std::vector<Edge> edges;
  std::vector<std::string_view> fields;
  Columns columns;
  char separator = ' ';
  bool weighted = false, begun = false;
  std::int64_t vertices = 0;
  const auto take_apart = [&] {
    const std::string_view line = without_comment(text.whole_line());
    separator == ' ' ? split_words(line, fields) : split(line, separator, fields);
  };
  while (text.next_line(comments)) {
    if (!begun) {
      begun = true;
      const std::string_view line = without_comment(text.whole_line());
      const std::size_t found = line.find_first_of(",;");
      if (found != std::string_view::npos) separator = line[found];
      take_apart();
      if (const auto first = std::ranges::find_if(fields, [](auto f) { return !f.empty(); });
          first != fields.end() && is_name(*first)) {
        if (separator == ' ' && line.find('\t') != std::string_view::npos) separator = '\t', take_apart();
        columns = columns_of(fields);
        continue;
      }
    }
    Line line;
    if (separator == ' ' && !columns.named) {
      line = read_words(text);
    } else {
      take_apart();
      line = read_fields(text, columns, fields);
    }
    for (const std::int64_t end : {line.source, line.target}) {
      if (end < 0) text.fail(fmt::format("names vertex {}; vertices are numbered from 0", end));
      if (end > most) text.fail(fmt::format("names vertex {}, pare numbers up to {}", end, most));
    }
    if (edges.empty()) weighted = line.has_weight;
    if (line.has_weight != weighted)
      text.fail(weighted ? "has no weight, others have" : "has a weight, others have none");
    vertices = std::max({vertices, line.source + 1, line.target + 1});
    edges.push_back({static_cast<std::int32_t>(line.target), static_cast<std::int32_t>(line.source), line.weight});
  }
  check_vertices(static_cast<std::uint64_t>(vertices), bytes.size(), where);
  check_memory(edges.size(), where);

  Graph graph;
  graph.adjacency = from_edges(vertices, vertices, std::move(edges));
  graph.symmetric = is_symmetric(graph.adjacency);
  return graph;
}

}  // namespace pare::graph
