#include "pare/cli/cluster_options.h"

#include <fmt/format.h>

#include "pare/cluster/events.h"

namespace pare::cli {

void add_workload(CLI::App& verb, ClusterWorkload& workload) {
  verb.add_option(
          "model", workload.model,
          "a config.json as transformers writes it (bert, gpt2, llama, mistral, mixtral, qwen2, t5, vit) or of an "
          "mlp, or an ONNX network")
      ->required();
  verb.add_option("--cluster", workload.cluster, "a TOML file: devices, nodes and links (docs/cluster.md)")->required();
  verb.add_option("--sequence", workload.options.sequence, "tokens a sample (default: the network's positions)")
      ->check(CLI::Range(1, 1 << 24));
  verb.add_option("--decoder-sequence", workload.options.decoder_sequence,
                  "of a decoder beside an encoder (default: as many)")
      ->check(CLI::Range(1, 1 << 24));
  verb.add_option("--recipe", workload.options.recipe, "of an ONNX network: a recipe's folder or its recipe.json");
}

void add_strategy(CLI::App& verb, StrategyOptions& options) {
  cluster::Strategy& s = options.given;
  verb.add_option("--data-parallel", s.data, "replicas")->capture_default_str();
  verb.add_option("--tensor-parallel", s.tensor, "devices that share every layer")->capture_default_str();
  verb.add_option("--pipeline-parallel", s.pipeline, "devices that divide the layers")->capture_default_str();
  verb.add_option("--micro-batch", s.micro_batch, "samples of one pass")->capture_default_str();
  verb.add_option("--batch", s.batch, "samples of one optimizer step, over all replicas")->required();
  verb.add_option("--schedule", options.schedule, "gpipe, 1f1b, interleaved, zb-h1, zb-h2, zb-1p, zb-2p or zb-v")
      ->capture_default_str();
  verb.add_option("--chunks", s.chunks, "pieces of the network a device, of the interleaved schedule (zb-v: two)")
      ->capture_default_str();
  verb.add_option("--recompute", options.recompute,
                  "none, selective (attention), operators (all but attention and every other product) or full")
      ->capture_default_str();
  verb.add_flag("--sequence-parallel", s.sequence_parallel, "spread what lies between tensor-parallel parts, too");
  verb.add_option("--context-parallel", s.context, "devices that share every sequence")->capture_default_str();
  verb.add_option("--expert-parallel", s.expert, "replicas that share the experts")->capture_default_str();
  verb.add_option("--zero", s.zero,
                  "what replicas share: 1 the optimizer's state, 2 and gradients, 3 and weights (FSDP)")
      ->capture_default_str();
  verb.add_option("--shard", s.shard, "replicas that share it, the others repeat it (default: all)");
  add_training(verb, options.training);
}

void add_training(CLI::App& verb, TrainingOptions& options) {
  verb.add_option("--precision", options.precision, "of products: bf16, fp16, fp8 or fp32")->capture_default_str();
  verb.add_option(
      "--fp8-scaling", options.fp8_scaling,
      "of products in 8 bits, by the largest numbers of earlier steps (delayed, the default) or of this one "
      "(current)");
  verb.add_option("--weights", options.weights, "kept in (default: the precision, 16 bits of fp8)");
  verb.add_flag("--cast-weights", options.cast_weights,
                "weights in float32 are cast before they are gathered (FSDP's mixed precision), not at each product");
  verb.add_option("--gradients", options.gradients, "kept and summed in")->capture_default_str();
  verb.add_flag("--early-stop", options.early_stop,
                "full recomputation ends with the last thing that backward needs, as torch's checkpoints do that are "
                "not reentrant");
  verb.add_flag("--plain-attention", options.plain_attention, "attention writes its scores to memory");
  verb.add_flag("--no-dropout", options.no_dropout, "the network trains without dropout");
  verb.add_flag("--eager", options.eager,
                "normalisation, rotary positions and gates run kernel by kernel, as eager PyTorch does");
  verb.add_flag("--plain-loss", options.plain_loss, "the loss is torch's cross-entropy of float32 logits");
  verb.add_flag("--launch-blocking", options.launch_blocking,
                "the host waits for every kernel, as under CUDA_LAUNCH_BLOCKING=1: its own time comes on top");
  verb.add_flag("--no-overlap", options.no_overlap,
                "no gradients are summed or weights gathered while something computes");
  verb.add_option("--tensor-overlap", options.tensor_overlap,
                  "tensor-parallel sums that run beside computation: none, weights (gradients' beside those of "
                  "weights) or all")
      ->capture_default_str();
  verb.add_option("--shard-unit", options.shard_unit,
                  "what ZeRO 3 gathers and sums at once: layer (FSDP) or tensor (DeepSpeed until October 2021)")
      ->capture_default_str();
  verb.add_flag("--gather-after-step", options.gather_after_step,
                "of ZeRO 1 and 2: updated weights are gathered before the next batch begins, as DeepSpeed does and "
                "Megatron-LM without --overlap-param-gather");
  verb.add_flag("--no-scatter-gather", options.no_scatter_gather,
                "every tensor rank sends all it has to the next stage");
  verb.add_flag("--post-validation", options.post_validation,
                "ranks of a pipeline step the optimizer without waiting for each other, and check the norm afterwards");
}

cluster::Strategy StrategyOptions::strategy() const {
  cluster::Strategy s = given;
  s.schedule = cluster::parse_schedule(schedule);
  if (s.schedule == cluster::Schedule::zb_v && s.chunks == 1) s.chunks = 2;
  s.recompute = cluster::parse_recompute(recompute);
  training.put_into(s);
  if (s.sequence_parallel && s.tensor == 1)
    throw UsageError("spreads activations over tensor ranks, of which there is one", "--sequence-parallel",
                     "give --tensor-parallel, or leave it out");
  if (s.shard_unit == cluster::ShardUnit::tensor && s.zero != 3)
    throw UsageError("is of weights that replicas share", "--shard-unit", "give --zero 3, or leave it out");
  return s;
}

void TrainingOptions::put_into(cluster::Strategy& s) const {
  using cluster::Precision;
  s.flash_attention = !plain_attention;
  s.launch_blocking = launch_blocking;
  s.overlap_gradients = !no_overlap && !launch_blocking;
  s.tensor_overlap = cluster::parse_tensor_overlap(tensor_overlap);
  s.shard_unit = cluster::parse_shard_unit(shard_unit);
  s.scatter_gather = !no_scatter_gather;
  s.post_validation = post_validation;
  s.gather_beside = !gather_after_step;
  s.dropout = !no_dropout;
  s.fused = !eager;
  s.fused_loss = !plain_loss;
  s.early_stop = early_stop;
  s.cast_weights = cast_weights;
  s.precision = cluster::parse_precision(precision, "--precision");
  const bool eight_bits = s.precision == Precision::float8;
  if (!fp8_scaling.empty()) {
    s.scaling = cluster::parse_scaling(fp8_scaling);
    if (!eight_bits)
      throw UsageError("is of products in 8 bits", "--fp8-scaling", "give --precision fp8, or leave it out");
  }
  s.weights = weights.empty() ? (eight_bits ? Precision::bfloat16 : s.precision)
                              : cluster::parse_precision(weights, "--weights");
  s.gradients = cluster::parse_precision(gradients, "--gradients");
  if (s.cast_weights && s.weights != Precision::float32)
    throw UsageError("is of weights kept in float32", "--cast-weights", "give --weights fp32, or leave it out");
  for (const auto& [kept, option] : {std::pair{s.weights, "--weights"}, std::pair{s.gradients, "--gradients"}})
    if (kept == Precision::float8)
      throw UsageError("are kept in 16 or 32 bits; fp8 is for products", option, "take bf16, fp16 or fp32");
}

void add_profile_options(CLI::App& verb, ProfileOptions& options) {
  auto* profile = verb.add_option("--profile", options.path,
                                  "times measured by pare cluster profile, in place of the description's");
  verb.add_flag("--estimate-missing", options.estimate_missing,
                "operations that the profile lacks are as long as described, corrected by those that it has")
      ->needs(profile);
}

GivenCosts::GivenCosts(const ProfileOptions& options, const cluster::Cluster& machine)
    : estimates_(options.estimate_missing) {
  if (options.path.empty()) {
    costs = std::make_unique<cluster::DescribedCosts>(machine);
    return;
  }
  profile = cluster::read_profile(options.path);
  using Missing = cluster::ProfiledCosts::Missing;
  costs =
      std::make_unique<cluster::ProfiledCosts>(profile, machine, estimates_ ? Missing::estimated : Missing::refused);
}

void GivenCosts::add_estimated(study::Candidate& candidate, const cluster::Network& network,
                               const cluster::Strategy& strategy, const cluster::Cluster& machine,
                               const Global& global) const {
  if (!estimates_) return;
  const auto needed = cluster::events(network, strategy, machine).operations;
  std::vector<std::string> estimated;
  for (const auto& [key, operation] : needed)
    if (!profile.operations.contains(key)) estimated.push_back(key);
  candidate.details["estimated_operations"] = estimated;
  if (estimated.empty() || global.json || global.quiet) return;
  fmt::print("{} of {} operations of {} are estimated, as '{}'\n", estimated.size(), needed.size(), candidate.name,
             estimated[0]);
}

study::Study training_study(const std::string& verb, const cluster::Network& network, const cluster::Cluster& machine) {
  study::Study study{.verb = verb, .workload = {"training", network.name, network.hash}};
  study.conditions = {{"cluster", machine.name},       {"cluster_hash", machine.hash},
                      {"device", machine.device.name}, {"devices", machine.devices()},
                      {"nodes", machine.nodes},        {"parameters", network.parameters()},
                      {"sequence", network.tokens()}};
  return study;
}

}  // namespace pare::cli
