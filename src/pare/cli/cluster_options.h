// Options that the verbs of pare cluster share.
#pragma once
#include "pare/cli/context.h"
#include "pare/cluster/profile.h"
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

/// How a network is trained, however it is spread, as the command line holds it.
struct TrainingOptions {
  std::string precision = "bf16", weights, gradients = "fp32", tensor_overlap = "weights", shard_unit = "layer",
              fp8_scaling;
  bool plain_attention = false, no_overlap = false, no_scatter_gather = false, eager = false, no_dropout = false;
  bool early_stop = false, cast_weights = false, plain_loss = false, post_validation = false, gather_after_step = false,
       launch_blocking = false;

  /// Throws UsageError for an unknown name.
  void put_into(cluster::Strategy& strategy) const;
};

/// Adds --precision, --plain-attention and the like.
void add_training(CLI::App& verb, TrainingOptions& options);

/// As the command line holds a strategy.
struct StrategyOptions {
  cluster::Strategy given;
  std::string schedule = "1f1b", recompute = "none";
  TrainingOptions training;

  /// Throws UsageError for an unknown name.
  cluster::Strategy strategy() const;
};

/// Adds --data-parallel, --schedule and the other options of a strategy.
void add_strategy(CLI::App& verb, StrategyOptions& options);

struct ProfileOptions {
  std::filesystem::path path;
  bool estimate_missing = false;
};
void add_profile_options(CLI::App& verb, ProfileOptions& options);

/// Costs by a profile, or by the machine's description where `path` is empty. Machine and this must live as long as the
/// costs.
struct GivenCosts {
  cluster::Profile profile;
  std::unique_ptr<cluster::Costs> costs;

  GivenCosts(const ProfileOptions& options, const cluster::Cluster& machine);

  /// Writes down, and says, what of a candidate's operations had to be estimated.
  void add_estimated(study::Candidate& candidate, const cluster::Network& network, const cluster::Strategy& strategy,
                     const cluster::Cluster& machine, const Global& global) const;

 private:
  bool estimates_;
};

/// A study of a training run, without candidates.
study::Study training_study(const std::string& verb, const cluster::Network& network, const cluster::Cluster& machine);

}  // namespace pare::cli
