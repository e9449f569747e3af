// Lists of edges as text: "source target" or "source target weight" a line, parted by blanks, tabs, commas or
// semicolons. A first line of names, as tables have, is passed over.
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <limits>

#include "pare/graph/parse.h"
#include "pare/graph/text.h"

namespace pare::graph {

Graph parse_edges(std::string_view bytes, const std::string& where) {
  if (bytes.substr(0, 2) == "PK") throw Error("is an archive, not a list of edges", where, "give it the ending .npz");
  constexpr const char* comments = "#%";
  constexpr std::int64_t most = std::numeric_limits<std::int32_t>::max() - 1;
  Text text(bytes, where, ",;");
  std::vector<Edge> edges;
  bool weighted = false;
  std::int64_t vertices = 0;
  while (text.next_line(comments)) {
    if (edges.empty() && text.line() == 1 && std::isalpha(static_cast<unsigned char>(text.rest_of_line().front())))
      continue;
    const std::int64_t source = text.whole("source"), target = text.whole("target");
    for (const std::int64_t end : {source, target}) {
      if (end < 0) text.fail(fmt::format("names vertex {}; vertices are numbered from 0", end));
      if (end > most) text.fail(fmt::format("names vertex {}, pare numbers up to {}", end, most));
    }
    Edge edge{static_cast<std::int32_t>(target), static_cast<std::int32_t>(source)};
    const bool has_weight = text.more();
    if (edges.empty()) weighted = has_weight;
    if (has_weight != weighted) text.fail(weighted ? "has no weight, others have" : "has a weight, others have none");
    if (has_weight) edge.weight = text.real("weight");
    if (text.more()) text.fail("has more than source, target and weight");
    vertices = std::max({vertices, source + 1, target + 1});
    edges.push_back(edge);
  }
  check_vertices(static_cast<std::uint64_t>(vertices), bytes.size(), where);
  check_memory(edges.size(), where);

  Graph graph;
  graph.adjacency = from_edges(vertices, vertices, std::move(edges));
  graph.symmetric = is_symmetric(graph.adjacency);
  return graph;
}

}  // namespace pare::graph
