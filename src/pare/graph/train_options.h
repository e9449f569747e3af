// Networks on graphs and how they are trained: the choices, without torch.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "pare/graph/feature_format.h"

namespace pare::graph {

enum class Model { gcn, gin, sage, gat };
const char* name_of(Model model);
/// Throws UsageError naming `where` and the models that are known.
Model model_named(const std::string& name, const std::string& where);

struct TrainOptions {
  Model model = Model::gcn;
  FeatureFormat features;  // how the graph's are kept
  int layers = 2;
  int hidden = 16;       // features between layers; of GAT: a head
  int heads = 8;         // GAT
  bool maximum = false;  // SAGE: the largest instead of the mean
  double dropout = 0.5;

  int epochs = 200;
  double rate = 0.01;  // of Adam
  double weight_decay = 5e-4;
  int patience = 10;         // epochs without improvement until training stops; 0: never
  std::vector<int> fanouts;  // neighbours drawn, a layer, of the first first; empty: all
  int batch = 0;             // vertices or graphs a step; 0: all
  int seeds = 1;             // vertices: runs, of which mean and standard deviation are told
  int folds = 10;            // graphs: parts, each of which is the test set once
  bool nested = false;       // graphs: epochs are chosen by a fold that is neither trained on nor the test
  std::uint64_t seed = 0;    // of the first run
};

/// The model, and how features are kept unless as float32: "gcn", "gcn int8".
std::string name_of(const TrainOptions& options);

/// The hyperparameters of the papers: GCN, Kipf and Welling 2017; GAT, Veličković et al. 2018; GIN, Xu et al. 2019 (on
/// whole graphs); SAGE, Hamilton et al. 2017, with GCN's regularisation.
TrainOptions published(Model model, bool whole_graphs);

/// Throws UsageError for options that do not go together.
void check(const TrainOptions& options, bool whole_graphs);

}  // namespace pare::graph
