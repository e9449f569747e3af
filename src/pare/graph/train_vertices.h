// Node classification: what the runs of one graph share, and one run's network.
#pragma once
#include <torch/optim/adam.h>

#include <memory>

#include "pare/graph/features.h"
#include "pare/graph/sample.h"
#include "pare/graph/splits.h"
#include "pare/graph/train_gnn.h"
#include "pare/runtime/rank_group.h"

namespace pare::graph {

/// A graph as a model sees it.
struct VertexTask {
  Adjacency sampled_from;  // the matrix; empty where whole graphs are trained on
  Hop hop;                 // over all vertices
  Features features;       // of all vertices
  at::Tensor labels;       // [vertices] int64
  std::int64_t classes = 0;
};
VertexTask vertex_task(const Graph& graph, const TrainOptions& options, bool sampled);

/// Whether batches are trained on: by vertices and their neighbours, instead of the whole graph.
bool in_batches(const TrainOptions& options, const runtime::RankGroup* ranks);

class VertexTrainer {
 public:
  VertexTrainer(const VertexTask& task, const TrainOptions& options, std::uint64_t seed, runtime::RankGroup* ranks);

  /// Sets the gradients of the mean loss over `batch`, of which every rank works on its part; returns that loss.
  /// In batches, `sample_seed` draws the neighbours.
  double gradients(const std::vector<std::int32_t>& batch, std::uint64_t sample_seed);
  void step() { optimizer_->step(); }
  /// Of normalisations, which each rank has of its own parts of the batches: the mean over ranks.
  void share_statistics();

  struct Measured {
    double loss = 0, accuracy = 0;
  };
  /// Of the network as it is, over the whole graph; the same on all ranks.
  std::vector<Measured> measure(const std::vector<const std::vector<std::int32_t>*>& parts);

  std::vector<at::Tensor> parameters() const { return network_->parameters(); }
  std::vector<at::Tensor> snapshot() const;
  void restore(const std::vector<at::Tensor>& snapshot);

 private:
  at::Tensor loss_of(const std::vector<std::int32_t>& part, std::uint64_t sample_seed);

  const VertexTask& task_;
  TrainOptions options_;
  runtime::RankGroup* ranks_;
  std::shared_ptr<Network> network_;
  std::unique_ptr<torch::optim::Adam> optimizer_;
  std::unique_ptr<Sampler> sampler_;
};

}  // namespace pare::graph
