#include "pare/graph/train_gnn.h"

#include <ATen/Parallel.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "pare/base/error.h"
#include "pare/base/simd.h"
#include "pare/graph/gcn.h"
#include "pare/graph/train_vertices.h"

namespace pare::graph {
namespace {

using study::Better;
using study::Json;
using study::Provenance;

struct Spread {
  double mean = 0, deviation = 0;
};
Spread spread_of(const std::vector<Run>& runs, const auto& value) {
  Spread s;
  const auto n = static_cast<double>(runs.size());
  for (const Run& run : runs) s.mean += value(run);
  s.mean /= n;
  for (const Run& run : runs) s.deviation += (value(run) - s.mean) * (value(run) - s.mean);
  s.deviation = runs.size() > 1 ? std::sqrt(s.deviation / (n - 1)) : 0;
  return s;
}

Json column(const std::vector<Epoch>& curve, double Epoch::*member, double unit = 1) {
  Json out = Json::array();
  for (const Epoch& e : curve) out.push_back(std::round(unit * e.*member * 1e5) / 1e5);
  return out;
}

Json to_json(const Run& run, std::size_t number, bool whole_graphs, bool validated) {
  Json json{{whole_graphs ? "fold" : "seed", whole_graphs ? number : run.seed},
            {"epochs", run.curve.size()},
            {"best_epoch", run.best + 1},
            {"test_accuracy", 100 * run.test_accuracy},
            {"epoch_ms", run.epoch_ms},
            {"seconds", run.seconds}};
  if (validated) json["validation_accuracy"] = 100 * run.validation_accuracy;
  Json curve{{"training_loss", column(run.curve, &Epoch::training_loss)}};
  if (validated) {
    curve["validation_loss"] = column(run.curve, &Epoch::validation_loss);
    curve["validation_accuracy"] = column(run.curve, &Epoch::validation_accuracy, 100);
  }
  if (whole_graphs) {
    curve["test_accuracy"] = Json::array();
    for (const double a : run.test_curve) curve["test_accuracy"].push_back(std::round(a * 1e7) / 1e5);
  }
  json["curve"] = std::move(curve);
  return json;
}

Json decision_of(const TrainOptions& o, bool whole_graphs) {
  Json d{{"method", name_of(o.model)}, {"layers", o.layers},     {"hidden", o.hidden},
         {"dropout", o.dropout},       {"rate", o.rate},         {"weight_decay", o.weight_decay},
         {"epochs", o.epochs},         {"patience", o.patience}, {"batch", o.batch}};
  if (o.model == Model::gat) d["heads"] = o.heads;
  if (o.model == Model::sage) d["aggregator"] = o.maximum ? "max" : "mean";
  if (!o.fanouts.empty()) d["fanout"] = o.fanouts;
  if (o.features) d["features"] = name_of(o.features);
  if (whole_graphs) {
    d.erase("patience");
    d["folds"] = o.folds;
  } else {
    d["seeds"] = o.seeds;
  }
  return d;
}

study::Candidate candidate_of(const Graph& graph, const TrainOptions& options, const std::vector<Run>& runs,
                              bool whole_graphs) {
  study::Candidate c{.name = name_of(options)};
  c.decision = decision_of(options, whole_graphs);
  const bool validated = !whole_graphs || options.nested;
  const auto add = [&](const char* name, const Spread& s, double unit, const char* sign, Better better) {
    study::Cost cost{name, unit * s.mean, sign, better, Provenance::measured};
    if (runs.size() > 1) cost.spread = unit * s.deviation;
    c.costs.push_back(std::move(cost));
  };
  add("test_accuracy", spread_of(runs, [](const Run& r) { return r.test_accuracy; }), 100, "%", Better::higher);
  if (validated)
    add("validation_accuracy", spread_of(runs, [](const Run& r) { return r.validation_accuracy; }), 100, "%",
        Better::higher);
  add("epoch_ms", spread_of(runs, [](const Run& r) { return r.epoch_ms; }), 1, "ms", Better::lower);
  double seconds = 0;
  for (const Run& run : runs) seconds += run.seconds;
  c.costs.push_back({"seconds", seconds, "s", Better::lower, Provenance::measured});
  if (has_features(graph)) {
    const auto bytes = static_cast<double>(feature_bytes(graph, options.features));
    c.costs.push_back({"feature_bytes", bytes, "bytes", Better::lower, Provenance::counted});
  }
  Json all = Json::array();
  for (std::size_t i = 0; i < runs.size(); ++i) all.push_back(to_json(runs[i], i, whole_graphs, validated));
  c.details["runs"] = std::move(all);
  return c;
}

}  // namespace

namespace {

/// What a later candidate would refuse, before the first one trains.
void refuse(const Graph& graph, const std::vector<TrainOptions>& models, bool whole_graphs) {
  for (const TrainOptions& options : models) {
    check(options, whole_graphs);
    check_features(graph, options.features);
    if (options.model == Model::gcn) degree_scales(with_self_loops(graph.adjacency));
  }
}

/// All that decides what is trained, as text.
std::string identity(const Graph& graph, const std::vector<TrainOptions>& models, bool whole_graphs) {
  std::string all = graph.hash;
  for (const TrainOptions& options : models)
    all += fmt::format(" {} {} {} {}", name_of(options), options.seed, options.nested,
                       decision_of(options, whole_graphs).dump());
  return all;
}

}  // namespace

bool classifies_graphs(const Graph& graph) { return graph.labels.empty() && !graph.graph_labels.empty(); }

study::Study train(const Graph& graph, const std::vector<TrainOptions>& models, runtime::RankGroup* ranks) {
  const bool whole_graphs = classifies_graphs(graph);
  refuse(graph, models, whole_graphs);
  if (ranks) ranks->agree(identity(graph, models, whole_graphs), "graph and options");
  study::Study study{.verb = "graph train", .workload = {"graph", graph.name, graph.hash}};
  const TrainOptions& first = models.front();
  study.conditions = {{"device", "cpu"},
                      {"simd", simd_target()},
                      {"threads", at::get_num_threads()},
                      {"ranks", ranks ? ranks->size() : 1},
                      {"seed", first.seed},
                      {"task", whole_graphs ? "graphs" : "vertices"},
                      {"spread_is", whole_graphs ? "standard deviation over folds" : "standard deviation over seeds"}};
  if (whole_graphs) {
    study.conditions["protocol"] = first.nested
                                       ? "epoch of each fold chosen on the fold after it, which is not trained on"
                                       : "epoch chosen on the mean test accuracy over folds (Xu et al. 2019)";
  } else {
    study.conditions["split"] = graph.training.empty()
                                    ? "20 training and 30 validation vertices of each class, drawn anew for each seed"
                                    : "the file's";
  }
  study.conditions["features"] = which_features(graph, whole_graphs ? WithoutFeatures::degree : WithoutFeatures::own);
  for (const TrainOptions& options : models) {
    const auto runs = whole_graphs ? train_graphs(graph, options, ranks) : train_vertices(graph, options, ranks);
    study.candidates.push_back(candidate_of(graph, options, runs, whole_graphs));
  }
  // chosen by what was not the test, where there is such a thing
  const auto quality = [&](const study::Candidate& c) {
    const study::Cost* cost = c.cost("validation_accuracy");
    return cost ? cost->value : 0;
  };
  study.chosen = std::ranges::max_element(study.candidates, {}, quality)->name;
  std::vector<std::string> front{"test_accuracy", "epoch_ms"};
  if (has_features(graph)) front.emplace_back("feature_bytes");
  study::mark_front(study, front);
  return study;
}

}  // namespace pare::graph
