// Graph classification.
#include <ATen/Context.h>
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <c10/core/GradMode.h>
#include <fmt/format.h>
#include <torch/optim/adam.h>

#include <algorithm>
#include <cmath>

#include "pare/base/error.h"
#include "pare/base/median.h"
#include "pare/base/progress.h"
#include "pare/base/random.h"
#include "pare/base/stopwatch.h"
#include "pare/graph/features.h"
#include "pare/graph/splits.h"
#include "pare/graph/train_gnn.h"
#include "pare/runtime/rank_group.h"

namespace pare::graph {
namespace {

/// A union of graphs that are worked on together.
struct Batch {
  Hop hop;
  Matrix sums;  // [graphs, vertices]
  Features features;
  at::Tensor labels;
};

class Union {
 public:
  Union(const Graph& graph, const FeatureFormat& format)
      : graph_(graph), features_(features_of(graph, WithoutFeatures::degree, false, format)) {
    first_.assign(graph.graph_labels.size() + 1, 0);
    for (const std::int32_t g : graph.graph_of) ++first_[static_cast<std::size_t>(g) + 1];
    for (std::size_t g = 1; g < first_.size(); ++g) first_[g] += first_[g - 1];
    const auto& a = graph.adjacency;
    for (std::int64_t v = 0; v < graph.vertices(); ++v)
      for (std::int64_t e = a.begin[v]; e < a.begin[v + 1]; ++e)
        if (graph.graph_of[v] != graph.graph_of[a.column[e]])
          throw Error(
              fmt::format("has an edge between graphs {} and {}", graph.graph_of[v], graph.graph_of[a.column[e]]),
              graph.name, "graphs of a union share nothing");
  }

  std::int64_t width() const { return features_.width(); }

  Batch batch(const std::vector<std::int32_t>& graphs) const {
    Adjacency edges, sums;
    std::vector<std::int32_t> vertices;
    const Adjacency& all = graph_.adjacency;
    std::vector<std::int64_t> labels;
    for (const std::int32_t g : graphs) {
      const auto offset = static_cast<std::int32_t>(edges.rows() - first_[g]);
      for (std::int64_t v = first_[g]; v < first_[g + 1]; ++v) {
        for (std::int64_t e = all.begin[v]; e < all.begin[v + 1]; ++e) {
          edges.column.push_back(all.column[e] + offset);
          if (!all.weight.empty()) edges.weight.push_back(all.weight[e]);
        }
        edges.begin.push_back(static_cast<std::int64_t>(edges.column.size()));
        sums.column.push_back(static_cast<std::int32_t>(sums.column.size()));
        vertices.push_back(static_cast<std::int32_t>(v));
      }
      sums.begin.push_back(static_cast<std::int64_t>(sums.column.size()));
      labels.push_back(graph_.graph_labels[g]);
    }
    edges.columns = sums.columns = edges.rows();
    const auto plain = [](Adjacency& a) {
      return c10::make_intrusive<Propagation>(std::move(a), Propagation::Kernels::plain);
    };
    return {{plain(edges), {}, {}}, plain(sums), rows_of(features_, vertices), at::tensor(labels, at::kLong)};
  }

 private:
  const Graph& graph_;
  std::vector<std::int64_t> first_;  // [graphs + 1]: vertices
  Features features_;                // of all vertices; without them degrees serve, as in Xu et al.
};

/// The share of graphs classified rightly, and their mean loss.
std::pair<double, double> measure(GraphNetwork& network, const Batch& batch) {
  const c10::NoGradGuard no_gradients;
  network.eval();
  const at::Tensor logits = network.forward(batch.hop, batch.sums, batch.features);
  return {logits.argmax(1).eq(batch.labels).to(at::kDouble).mean().item<double>(),
          at::cross_entropy_loss(logits, batch.labels).item<double>()};
}

Run train_fold(const Union& graphs, std::int64_t classes, const std::vector<int>& folds, int fold,
               const TrainOptions& options, Progress& progress) {
  Run run{.seed = options.seed};
  const Stopwatch whole;
  const int chooses = options.nested ? (fold + 1) % options.folds : -1;
  std::vector<std::int32_t> training, validation, test;
  for (std::size_t g = 0; g < folds.size(); ++g)
    (folds[g] == fold ? test : folds[g] == chooses ? validation : training).push_back(static_cast<std::int32_t>(g));
  const Batch test_batch = graphs.batch(test), validation_batch = graphs.batch(validation);

  const std::uint64_t seed = options.seed + 1000003 * static_cast<std::uint64_t>(fold);
  at::manual_seed(seed);
  Random random(seed);
  GraphNetwork network(
      {Model::gin, graphs.width(), options.hidden, classes, options.layers, 1, false, options.dropout});
  torch::optim::Adam optimizer(network.parameters(),
                               torch::optim::AdamOptions(options.rate).weight_decay(options.weight_decay));
  const std::size_t n = training.size();
  const std::size_t batch = options.batch > 0 ? std::min(n, static_cast<std::size_t>(options.batch)) : n;
  std::vector<double> times;
  for (int epoch = 0; epoch < options.epochs; ++epoch) {
    for (auto& group : optimizer.param_groups()) group.options().set_lr(options.rate * std::pow(0.5, epoch / 50));
    const auto order = random.permutation(n);
    network.train();
    double loss_sum = 0;
    const Stopwatch watch;
    for (std::size_t first = 0; first < n; first += batch) {
      std::vector<std::int32_t> members;
      for (std::size_t i = first; i < std::min(n, first + batch); ++i) members.push_back(training[order[i]]);
      const Batch now = graphs.batch(members);
      const at::Tensor loss = at::cross_entropy_loss(network.forward(now.hop, now.sums, now.features), now.labels);
      optimizer.zero_grad();
      loss.backward();
      optimizer.step();
      loss_sum += loss.item<double>() * static_cast<double>(members.size());
    }
    times.push_back(watch.seconds());
    if (!std::isfinite(loss_sum)) throw Error("diverged", "training", "try a lower --rate");
    Epoch& e = run.curve.emplace_back();
    e.training_loss = loss_sum / static_cast<double>(n);
    if (options.nested) std::tie(e.validation_accuracy, e.validation_loss) = measure(network, validation_batch);
    run.test_curve.push_back(measure(network, test_batch).first);
    progress.step();
  }
  run.epoch_ms = 1e3 * median(times);
  run.seconds = whole.seconds();
  return run;
}

/// What a run measured, as numbers, and back.
std::vector<double> numbers_of(const Run& run) {
  std::vector<double> out{run.epoch_ms, run.seconds};
  for (std::size_t e = 0; e < run.curve.size(); ++e) {
    const Epoch& epoch = run.curve[e];
    out.insert(out.end(), {epoch.training_loss, epoch.validation_loss, epoch.validation_accuracy, run.test_curve[e]});
  }
  return out;
}
void set(Run& run, const double* numbers, std::size_t epochs) {
  run.epoch_ms = numbers[0];
  run.seconds = numbers[1];
  run.curve.clear(), run.test_curve.clear();
  for (const double* e = numbers + 2; run.curve.size() < epochs; e += 4) {
    run.curve.push_back({e[0], e[1], e[2]});
    run.test_curve.push_back(e[3]);
  }
}

/// Fills the runs of the other ranks' folds. A run without a curve is another's.
void share(std::vector<Run>& runs, std::size_t epochs, runtime::RankGroup& ranks) {
  const auto size = static_cast<std::int64_t>(2 + 4 * epochs);
  const at::Tensor all = at::zeros({static_cast<std::int64_t>(runs.size()), size}, at::kDouble);
  auto* to = all.data_ptr<double>();
  for (std::size_t i = 0; i < runs.size(); ++i)
    if (!runs[i].curve.empty()) std::ranges::copy(numbers_of(runs[i]), to + static_cast<std::int64_t>(i) * size);
  ranks.sum(all);
  for (std::size_t i = 0; i < runs.size(); ++i) set(runs[i], to + static_cast<std::int64_t>(i) * size, epochs);
}

/// The first epoch with the highest mean of a curve over the runs.
std::size_t best_epoch(const std::vector<const Run*>& runs, const auto& accuracy) {
  std::size_t best = 0;
  double highest = -1;
  for (std::size_t e = 0; e < runs[0]->curve.size(); ++e) {
    double sum = 0;
    for (const Run* run : runs) sum += accuracy(*run, e);
    if (sum > highest) highest = sum, best = e;
  }
  return best;
}

}  // namespace

std::vector<Run> train_graphs(const Graph& graph, const TrainOptions& options, runtime::RankGroup* ranks) {
  if (graph.graph_labels.empty()) throw Error("has no labels of graphs", graph.name, "a network needs them to learn");
  if (graph.graph_labels.size() < 2 * static_cast<std::size_t>(options.folds))
    throw Error(fmt::format("has {} graphs, too few for {} folds", graph.graph_labels.size(), options.folds),
                graph.name, "give fewer --folds");
  const Union graphs(graph, options.features);
  const std::vector<int> folds = folds_of(graph.graph_labels, options.folds, options.seed);
  const auto own = [&](int fold) { return !ranks || fold % ranks->size() == ranks->rank(); };
  std::size_t own_folds = 0;
  for (int fold = 0; fold < options.folds; ++fold) own_folds += own(fold);
  Progress progress("training gin", own_folds * static_cast<std::size_t>(options.epochs));
  std::vector<Run> runs;
  runs.reserve(static_cast<std::size_t>(options.folds));
  for (int fold = 0; fold < options.folds; ++fold)
    runs.push_back(own(fold) ? train_fold(graphs, graph.graph_classes, folds, fold, options, progress)
                             : Run{.seed = options.seed});
  if (ranks) share(runs, static_cast<std::size_t>(options.epochs), *ranks);
  std::vector<const Run*> all;
  all.reserve(runs.size());
  for (const Run& run : runs) all.push_back(&run);
  const std::size_t together = best_epoch(all, [](const Run& run, std::size_t e) { return run.test_curve[e]; });
  for (Run& run : runs) {
    run.best = options.nested
                   ? best_epoch({&run}, [](const Run& r, std::size_t e) { return r.curve[e].validation_accuracy; })
                   : together;
    run.validation_accuracy = run.curve[run.best].validation_accuracy;
    run.test_accuracy = run.test_curve[run.best];
  }
  return runs;
}

}  // namespace pare::graph
