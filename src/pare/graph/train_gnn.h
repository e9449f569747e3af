// Networks on graphs, trained and tested.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "pare/graph/graph.h"
#include "pare/graph/train_options.h"
#include "pare/study/study.h"

namespace pare::runtime {
class RankGroup;
}

namespace pare::graph {

/// Whether its graphs, not its vertices, have labels.
bool classifies_graphs(const Graph& graph);

struct Epoch {
  double training_loss = 0;                             // mean cross-entropy, with dropout
  double validation_loss = 0, validation_accuracy = 0;  // without; accuracies are shares
};

/// One training: of a seed, or of a fold.
struct Run {
  std::uint64_t seed = 0;
  std::vector<Epoch> curve;
  std::size_t best = 0;  // the epoch whose parameters were kept
  double validation_accuracy = 0, test_accuracy = 0;
  std::vector<double> test_curve;  // whole graphs: the test fold's accuracy by epoch
  double epoch_ms = 0;             // median: forward, backward and step, without validation
  double seconds = 0;              // everything
};

/// Vertices: after each epoch the validation vertices are classified. Parameters are kept where neither their loss nor
/// their accuracy is worse than before, and training stops when for `patience` epochs neither was as good (Veličković
/// et al. 2018). The test vertices are classified once, with the parameters kept.
std::vector<Run> train_vertices(const Graph& graph, const TrainOptions& options, runtime::RankGroup* ranks);

/// Whole graphs: a run for each fold, which is its test set, trained on the others; the rate is halved every 50 epochs
/// (Xu et al. 2019). The runs' `best` is the epoch with the highest accuracy in the mean over folds, as in that paper;
/// with options.nested the fold after it chooses the epoch and is not trained on. Ranks train a share of the folds
/// each, with the same results as one.
std::vector<Run> train_graphs(const Graph& graph, const TrainOptions& options, runtime::RankGroup* ranks);

/// Trains each of the models on the graph: one candidate each. Costs: test_accuracy with the standard deviation over
/// runs, validation_accuracy, epoch_ms, seconds; feature_bytes of a graph that has features. ranks: what a batch, or
/// the folds, are divided among; null: nothing.
study::Study train(const Graph& graph, const std::vector<TrainOptions>& models, runtime::RankGroup* ranks);

}  // namespace pare::graph
