// graph: aggregation over graphs, and networks that learn on them.
#include "pare/cli/verb_graph.h"

namespace pare::cli {

void add_graph(CLI::App& app, const Global& global) {
  CLI::App* verb = add_verb(app, "graph", "Graphs",
                            "Aggregation over graphs with the kernels that suit each, and networks that learn on them",
                            {"pare graph tune cora.npz", "pare graph train cora.npz --model gcn"});
  verb->require_subcommand(1);
  add_graph_tune(*verb, global);
  add_graph_train(*verb, global);
}

}  // namespace pare::cli
