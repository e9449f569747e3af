// graph: aggregation over graphs, and networks that learn on them.
#include "pare/cli/verb_graph.h"

namespace pare::cli {

void add_graph(CLI::App& app, const Global& global) {
  CLI::App* verb = add_verb(app, "graph", "Graphs", "Aggregation over graphs, with the kernels that suit each",
                            {"pare graph tune --help", "pare graph tune cora.npz"});
  verb->require_subcommand(1);
  add_graph_tune(*verb, global);
}

}  // namespace pare::cli
