// Shows what the readers of this room make of a file, for peers_test.py.
//   graph_tool show FILE            counts, then the matrix: starts, columns, weights, each a line
//   graph_tool rewrite FROM TO      the graph as .npz of pare's own
//   graph_tool order FILE ORDER BLOCK   the new numbers, then the share inside blocks, two mean gaps, seconds, nonzeros
#include <fmt/ranges.h>

#include <string>
#include <vector>

#include "pare/base/stopwatch.h"
#include "pare/graph/graph.h"
#include "pare/graph/locality.h"
#include "pare/graph/order.h"
#include "probe_main.h"

int run(const std::vector<std::string>& words) {
  using namespace pare::graph;
  const std::string verb = words.empty() ? "" : words[0];
  if (verb == "show" && words.size() == 2) {
    const Graph g = read_graph(words[1]);
    fmt::print("{} {} {} {} {}\n", g.name, g.vertices(), g.adjacency.nonzeros(), g.symmetric, g.feature_width);
    fmt::print("{}\n{}\n{}\n", fmt::join(g.adjacency.begin, " "), fmt::join(g.adjacency.column, " "),
               fmt::join(g.adjacency.weight, " "));
    fmt::print("{}\n{}\n{}\n{}\n{}\n", fmt::join(g.labels, " "), fmt::join(g.training, " "),
               fmt::join(g.validation, " "), fmt::join(g.test, " "), fmt::join(g.dense_features, " "));
  } else if (verb == "rewrite" && words.size() == 3) {
    write_graph_npz(words[2], read_graph(words[1]));
  } else if (verb == "order" && words.size() == 4) {
    const Graph g = read_graph(words[1]);
    const std::int64_t block = std::stoll(words[3]);
    const pare::Stopwatch watch;
    const auto new_of = order_of(g.adjacency, order_named(words[2], "ORDER"), {.block = block, .seed = 0});
    const double seconds = watch.seconds();
    const Locality at = locality_of(g.adjacency, new_of, block);
    fmt::print("{}\n{} {} {} {} {}\n", fmt::join(new_of, " "), at.inside, at.log_gap, at.mean_gap, seconds,
               g.adjacency.nonzeros());
  } else {
    return 2;
  }
  return 0;
}
