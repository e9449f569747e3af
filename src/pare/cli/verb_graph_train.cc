// graph train: networks on graphs.
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>

#include "pare/base/error.h"
#include "pare/cli/plugin.h"
#include "pare/cli/verb_graph.h"

namespace pare::cli {
namespace {

/// What was said on the command line; what was not is as the papers have it.
struct Said {
  std::filesystem::path graph;
  std::vector<std::string> models, features{"float32"};  // no models: gcn, of whole graphs gin
  std::optional<int> layers, hidden, heads, epochs, patience, batch, seeds, folds;
  std::optional<double> dropout, rate, weight_decay;
  std::vector<int> fanouts;
  std::optional<std::string> aggregator, protocol;
};

/// What was said and would change nothing is a mistake.
void check_use(const Said& said, bool whole_graphs) {
  const auto needs = [](bool said_so, bool applies, const char* option, const char* what) {
    if (said_so && !applies) throw UsageError(fmt::format("is for {}", what), option, "leave it out");
  };
  const auto trains = [&](const char* model) { return std::ranges::find(said.models, model) != said.models.end(); };
  needs(said.heads.has_value(), trains("gat"), "--heads", "gat");
  needs(said.aggregator.has_value(), trains("sage"), "--aggregator", "sage");
  needs(said.folds.has_value(), whole_graphs, "--folds", "whole graphs");
  needs(said.protocol.has_value(), whole_graphs, "--protocol", "whole graphs");
  needs(said.seeds.has_value(), !whole_graphs, "--seeds", "the vertices of one graph");
  needs(said.patience.has_value(), !whole_graphs, "--patience", "the vertices of one graph");
}

template <class T>
void overrule(T& value, const std::optional<T>& said) {
  if (said) value = *said;
}

GnnOptions options_of(const Said& said, std::uint64_t seed) {
  return [said = said, seed](bool whole_graphs) mutable {
    if (said.models.empty()) said.models = {whole_graphs ? "gin" : "gcn"};
    check_use(said, whole_graphs);
    std::vector<graph::TrainOptions> all;
    for (const std::string& name : said.models) {
      graph::TrainOptions o = graph::published(graph::model_named(name, "--model"), whole_graphs);
      overrule(o.layers, said.layers);
      overrule(o.hidden, said.hidden);
      overrule(o.heads, said.heads);
      overrule(o.epochs, said.epochs);
      overrule(o.patience, said.patience);
      overrule(o.batch, said.batch);
      overrule(o.dropout, said.dropout);
      overrule(o.rate, said.rate);
      overrule(o.weight_decay, said.weight_decay);
      o.fanouts = said.fanouts;
      overrule(o.seeds, said.seeds);
      overrule(o.folds, said.folds);
      o.maximum = said.aggregator == "max";
      o.nested = said.protocol == "nested";
      o.seed = seed;
      for (const std::string& format : said.features) {
        o.features = graph::feature_format(format);
        for (const graph::TrainOptions& other : all)
          if (name_of(other) == name_of(o))
            throw UsageError(fmt::format("{} is asked for twice", name_of(o)), "--model and --features",
                             "name each once");
        all.push_back(o);
      }
    }
    return all;
  };
}

}  // namespace

void add_graph_train(CLI::App& graph_verb, const Global& global) {
  CLI::App* verb =
      add_verb(graph_verb, "train", "", "Trains networks on a graph, or on a union of graphs, and tests them",
               {"pare graph train cora.npz --model gcn,gat --seeds 10",
                "torchrun --no-python --nproc-per-node 2 pare graph train products.npz --model sage "
                "--fanout 10,10 --batch 512",
                "pare graph train photos.npz --features float32,int8,flint4 --seeds 10 -o out"});
  auto said = std::make_shared<Said>();
  verb->add_option("graph", said->graph, ".npz with labels (docs/graph.md)")->required();
  verb->add_option("--model", said->models, "gcn (unless said), gin, sage, gat; whole graphs: gin")->delimiter(',');
  verb->add_option("--features", said->features,
                   "how the graph's features are kept: float32, or formats of 3 to 8 bits such as int8, uint4, flint4 "
                   "(docs/formats.md); a network is trained for each")
      ->delimiter(',')
      ->capture_default_str();
  // without a value said, the model's paper's holds
  verb->add_option("--epochs", said->epochs, "at most")->check(CLI::Range(1, 1000000));
  verb->add_option("--layers", said->layers, "of the network")->check(CLI::Range(1, 64));
  verb->add_option("--hidden", said->hidden, "features between layers; of gat: a head")->check(CLI::Range(1, 65536));
  verb->add_option("--heads", said->heads, "of gat")->check(CLI::Range(1, 256));
  verb->add_option("--aggregator", said->aggregator, "of sage: mean (unless said) or max")
      ->check(CLI::IsMember({"mean", "max"}));
  verb->add_option("--dropout", said->dropout, "probability, before each layer")->check(CLI::Range(0.0, 0.99));
  verb->add_option("--rate", said->rate, "learning rate of Adam")->check(CLI::Range(1e-9, 10.0));
  verb->add_option("--weight-decay", said->weight_decay, "of gcn: of the first layer")->check(CLI::Range(0.0, 1.0));
  verb->add_option("--patience", said->patience, "epochs without improvement until training stops; 0: never")
      ->check(CLI::Range(0, 1000000));
  verb->add_option("--seeds", said->seeds,
                   "vertices: runs, from --seed on, of which mean and deviation are told; 1 unless said")
      ->check(CLI::Range(1, 10000));
  verb->add_option("--fanout", said->fanouts, "neighbours drawn at most, one number a layer; 0: all")
      ->delimiter(',')
      ->check(CLI::Range(0, 1 << 20));
  verb->add_option("--batch", said->batch, "vertices or graphs a step; 0: all")->check(CLI::Range(0, 1 << 30));
  verb->add_option("--folds", said->folds, "of whole graphs; 10 unless said")->check(CLI::Range(2, 100));
  verb->add_option("--protocol", said->protocol,
                   "whole graphs, how the epoch is chosen: mean (of the folds' test accuracy, as in the paper; unless "
                   "said) or nested")
      ->check(CLI::IsMember({"mean", "nested"}));
  verb->callback([said, &global] {
    for (const std::string& name : said->models) graph::model_named(name, "--model");
    for (const std::string& name : said->features) graph::feature_format(name);
    const auto study = torch_verbs(global).train_gnn({said->graph, options_of(*said, global.seed)});
    if (study) finish(*study, global);  // only the first of several ranks has one
  });
}

}  // namespace pare::cli
