// Options that the verbs of pare cluster share.
#pragma once
#include "pare/cli/context.h"
#include "pare/cluster/read_network.h"
#include "pare/cluster/strategy.h"

namespace pare::cli {

struct ClusterWorkload {
  std::string model, cluster;
  cluster::NetworkOptions options;

  std::unique_ptr<cluster::Network> network() const { return cluster::read_network(model, options); }
  cluster::Cluster machine() const { return cluster::read_cluster(cluster); }
};

/// Adds model, --cluster, --sequence, --decoder-sequence and --recipe.
void add_workload(CLI::App& verb, ClusterWorkload& workload);

/// As the command line holds a strategy.
struct StrategyOptions {
  cluster::Strategy given;
  std::string schedule = "1f1b", recompute = "none", precision = "bf16", weights, gradients = "fp32",
              tensor_overlap = "weights";
  bool plain_attention = false, no_overlap = false, no_scatter_gather = false, eager = false, no_dropout = false;

  /// Throws UsageError for an unknown name.
  cluster::Strategy strategy() const;
};

/// Adds --data-parallel, --schedule and the other options of a strategy.
void add_strategy(CLI::App& verb, StrategyOptions& options);

/// A study of a training run, without candidates.
study::Study training_study(const std::string& verb, const cluster::Network& network, const cluster::Cluster& machine);

}  // namespace pare::cli
