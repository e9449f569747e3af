// Matrix Market exchange format (Boisvert, Pozo, Remington, NISTIR 5935, 1996): coordinate matrices of real numbers,
// integers or patterns.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <sstream>

#include "pare/graph/parse.h"
#include "pare/graph/text.h"

namespace pare::graph {
namespace {

enum class Symmetry { general, symmetric, skew };

struct Banner {
  bool pattern = false;
  Symmetry symmetry = Symmetry::general;
};

Banner read_banner(const Text& text) {
  std::string line(text.rest_of_line().substr(0, 1024));
  for (char& c : line) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  std::istringstream words(line);
  std::string magic, object, format, field, symmetry, more;
  words >> magic >> object >> format >> field >> symmetry;
  if (magic != "%%matrixmarket") text.fail("does not begin with '%%MatrixMarket'", "save it with scipy.io.mmwrite");
  const auto refuse = [&](const char* what, const std::string& is, const char* known) {
    text.fail(fmt::format("its {} is '{}', pare knows {}", what, printable(is, 40), known));
  };
  if (object != "matrix") refuse("object", object, "matrix");
  if (format != "coordinate") refuse("format", format, "coordinate (a sparse matrix)");
  if (field != "pattern" && field != "real" && field != "double" && field != "integer" && field != "unsigned-integer")
    refuse("field", field, "real, integer, unsigned-integer and pattern");
  Banner banner{.pattern = field == "pattern"};
  if (symmetry == "symmetric")
    banner.symmetry = Symmetry::symmetric;
  else if (symmetry == "skew-symmetric")
    banner.symmetry = Symmetry::skew;
  else if (symmetry != "general")
    refuse("symmetry", symmetry, "general, symmetric and skew-symmetric");
  if (banner.pattern && banner.symmetry == Symmetry::skew) text.fail("is a skew-symmetric pattern, which has no signs");
  if (words >> more) text.fail(fmt::format("its first line has a further word '{}'", printable(more, 40)));
  return banner;
}

}  // namespace

Graph parse_matrix_market(std::string_view bytes, const std::string& where) {
  Text text(bytes, where);
  const Banner banner = read_banner(text);
  if (!text.next_line("%")) text.fail("ends before its size line", "copy or download the file again");
  const std::array<std::int64_t, 3> size{text.whole("number of rows"), text.whole("number of columns"),
                                         text.whole("number of entries")};
  for (const std::int64_t count : size)
    if (count < 0) text.fail(fmt::format("has a negative count {}", count));
  if (text.more()) text.fail("its size line has more than three numbers");
  const auto [rows, columns, entries] = size;
  if (rows != columns)
    text.fail(fmt::format("has {} rows and {} columns, an adjacency has as many of both", rows, columns));
  check_vertices(static_cast<std::uint64_t>(rows), bytes.size(), where);
  // "1 1" and the end of its line
  if (static_cast<std::uint64_t>(entries) > bytes.size() / 4 + 1)
    text.fail(fmt::format("promises {} entries, more than the file's {} bytes can hold", entries, bytes.size()),
              "copy or download the file again");
  const bool mirrored = banner.symmetry != Symmetry::general;
  check_memory(static_cast<std::uint64_t>(entries) * (mirrored ? 2 : 1), where);

  std::vector<Edge> edges;
  edges.reserve(static_cast<std::size_t>(entries) * (mirrored ? 2 : 1));
  for (std::int64_t e = 0; e < entries; ++e) {
    if (!text.next_line("%"))
      text.fail(fmt::format("ends after {} of {} entries", e, entries), "copy or download the file again");
    const std::int64_t row = text.whole("row"), column = text.whole("column");
    for (const std::int64_t end : {row, column})
      if (end < 1 || end > rows) text.fail(fmt::format("names vertex {}, outside 1 to {}", end, rows));
    const float weight = banner.pattern ? 1 : text.real("value");
    if (text.more()) text.fail("has more numbers than its kind of matrix");
    const auto r = static_cast<std::int32_t>(row - 1), c = static_cast<std::int32_t>(column - 1);
    edges.push_back({r, c, weight});
    if (mirrored && r != c) edges.push_back({c, r, banner.symmetry == Symmetry::skew ? -weight : weight});
    if (banner.symmetry == Symmetry::skew && r == c) text.fail("is on the diagonal of a skew-symmetric matrix");
  }
  if (text.next_line("%")) text.fail(fmt::format("goes on after its {} entries", entries));

  Graph graph;
  graph.adjacency = from_edges(rows, rows, std::move(edges));
  // sums of weights may round otherwise on the two sides; ones cannot
  const bool surely = banner.symmetry == Symmetry::symmetric && graph.adjacency.weight.empty();
  graph.symmetric = surely || is_symmetric(graph.adjacency);
  return graph;
}

}  // namespace pare::graph
