// graph tune: which kernels are fastest for a graph on this machine.
#include <algorithm>
#include <memory>

#include "pare/cli/verb_graph.h"
#include "pare/graph/tune.h"

namespace pare::cli {

void add_graph_tune(CLI::App& graph_verb, const Global& global) {
  CLI::App* verb =
      add_verb(graph_verb, "tune", "", "Which kernels are fastest for a graph on this machine",
               {"pare graph tune cora.npz --width 16,64",
                "pare graph tune web.mtx --width 128 --matrix gcn --orders natural,community,metis -o out"});
  struct Options {
    graph::TuneRequest request;
    std::vector<std::string> orders{"natural", "community"};
    std::string reduce = "sum", type = "float32";
  };
  auto o = std::make_shared<Options>();
  verb->add_option("graph", o->request.graph, ".npz, .mtx or a list of edges (docs/graph.md)")->required();
  verb->add_option("--width", o->request.widths, "features a vertex")
      ->delimiter(',')
      ->check(CLI::Range(1, 1 << 20))
      ->capture_default_str();
  verb->add_option("--matrix", o->request.matrix, "file, or gcn: with self loops, scaled by degrees")
      ->check(CLI::IsMember({"file", "gcn"}))
      ->capture_default_str();
  verb->add_flag("--transposed", o->request.transposed, "what the backward pass multiplies with");
  verb->add_option("--reduce", o->reduce, "sum, mean or max")
      ->check(CLI::IsMember({"sum", "mean", "max"}))
      ->capture_default_str();
  verb->add_option("--type", o->type, "of the features: float32 or bfloat16")
      ->check(CLI::IsMember({"float32", "bfloat16"}))
      ->capture_default_str();
  verb->add_option("--orders", o->orders, "natural, random, degree, rcm, community, metis")
      ->delimiter(',')
      ->capture_default_str();
  CLI::Option* exhaustive = verb->add_flag("--exhaustive", o->request.exhaustive, "measure every candidate at length");
  verb->add_flag("--judge", o->request.judge,
                 "do so behind the search, and run its choice against the best of them: details.judgement of the study")
      ->excludes(exhaustive);
  verb->callback([o, &global] {
    graph::TuneRequest request = o->request;
    request.orders.clear();
    for (const std::string& name : o->orders) request.orders.push_back(graph::order_named(name, "--orders"));
    request.reduce =
        static_cast<kernels::Reduce>(std::ranges::find(graph::reduce_names, o->reduce) - graph::reduce_names.begin());
    request.bfloat16 = o->type == "bfloat16";
    request.seed = global.seed;
    finish(graph::tune(request), global);
  });
}

}  // namespace pare::cli
