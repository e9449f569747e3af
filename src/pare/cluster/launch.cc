#include "pare/cluster/launch.h"

#include <fmt/format.h>

#include "pare/cluster/predict.h"
#include "pare/cluster/transformer.h"

namespace pare::cluster {
namespace {

using study::Json;

/// What to give to a framework, and what that leaves out.
struct Options {
  std::vector<std::string> flags, cannot;

  void give(std::string flag) { flags.push_back(std::move(flag)); }
  template <typename Value>
  void give(const char* flag, const Value& value) {
    flags.push_back(flag);
    flags.push_back(fmt::format("{}", value));
  }
  void refuse(bool asked, const char* what) {
    if (asked) cannot.emplace_back(what);
  }
};

/// "Ettt|tt|tt|tttL" where stages do not hold as many layers each; empty where they do, or parts are unequal.
std::string layout(const Strategy& s, const Network& network) {
  const int stages = s.pipeline * s.chunks;
  if (s.schedule == Schedule::zb_v) return {};  // written for stages that go around
  if (s.pipeline == 1 || network.depth() % stages == 0) return {};
  const auto layers = static_cast<std::size_t>(network.depth());
  const auto starts = stage_starts(layers, stages);
  std::string out;
  for (std::size_t stage = 0; stage < starts.size(); ++stage) {
    const bool first = stage == 0, last = stage + 1 == starts.size();
    // parts are the embedding, the layers and the head
    const std::size_t begin = first ? 1 : starts[stage], end = last ? layers + 1 : starts[stage + 1];
    out += (first ? "E" : "|") + std::string(end - begin, 't') + (last ? "L" : "");
  }
  return out;
}

/// Null for encoders, images and what is no transformer.
const Transformer* as_decoder(const Network& network) {
  const auto* transformer = dynamic_cast<const Transformer*>(&network);
  return transformer && transformer->causal && transformer->patch == 0 && !transformer->perceptron ? transformer
                                                                                                   : nullptr;
}

void refuse_tensor_units(Options& o, const Strategy& s) {
  o.refuse(s.zero == 3 && s.shard_unit == ShardUnit::tensor,
           "gathers and sums more than a tensor at once (DeepSpeed since November 2021): leave --shard-unit out");
}

/// Not of the authors' fork.
void refuse_post_validation(Options& o, const Strategy& s) {
  o.refuse(s.post_validation && s.pipeline > 1, "steps no rank of a pipeline before all have summed their gradients");
}

/// Of frameworks whose weights are of the products' type, with a copy in float32 in the optimizer.
void refuse_wide_weights(Options& o, const Strategy& s) {
  o.refuse(s.weights != s.precision && s.precision != Precision::float8,
           "keeps weights in the type of the products: predict that without --weights");
}

bool zero_bubble(const Strategy& s) { return s.pipeline > 1 && s.pipeline_order().splits_backward(); }

void refuse_zero_bubble(Options& o, const Strategy& s) {
  if (zero_bubble(s)) o.cannot.push_back(fmt::format("has no {}: these flags run 1F1B", name(s.schedule)));
}

Json megatron(const Strategy& s, const Network& network) {
  Options o;
  const Transformer* decoder = as_decoder(network);
  if (!decoder) {
    o.cannot.emplace_back("trains decoders only");
    return {{"flags", o.flags}, {"cannot", o.cannot}};
  }
  o.give("--tensor-model-parallel-size", s.tensor);
  if (s.sequence_parallel) o.give("--sequence-parallel");
  o.give("--pipeline-model-parallel-size", s.pipeline);
  const std::string stages = layout(s, network);
  if (!stages.empty())
    o.give("--pipeline-model-parallel-layout", stages);
  else if (s.schedule == Schedule::interleaved && s.pipeline > 1 && s.chunks > 1)
    o.give("--num-virtual-stages-per-pipeline-rank", s.chunks);
  const int group = s.pipeline_order().group();
  const bool interleaves = s.schedule == Schedule::interleaved && s.chunks > 1 && s.pipeline > 1;
  if (interleaves && group > s.pipeline) o.give("--microbatch-group-size-per-virtual-pipeline-stage", group);
  o.refuse(interleaves && group < s.pipeline, "interleaves no fewer micro-batches than pipeline ranks");
  o.give("--context-parallel-size", s.context);
  if (s.context > 1) o.give("--cp-comm-type", "p2p");
  if (decoder->experts > 0) o.give("--expert-model-parallel-size", s.expert);
  if (s.expert > 1) o.give("--moe-token-dispatcher-type", "alltoall");
  o.give("--micro-batch-size", s.micro_batch);
  o.give("--global-batch-size", s.batch);
  if (s.zero == 1) o.give("--use-distributed-optimizer");
  if (s.zero >= 2) {
    o.give("--use-megatron-fsdp");
    o.give("--use-distributed-optimizer");
    o.give("--data-parallel-sharding-strategy", s.zero == 2 ? "optim_grads" : "optim_grads_params");
    o.give("--ckpt-format", "fsdp_dtensor");
  }
  if (s.zero > 0 && s.shards() != s.replicas())
    o.give("--num-distributed-optimizer-instances", s.replicas() / s.shards());
  if (s.overlap_gradients && s.replicas() > 1) o.give("--overlap-grad-reduce");
  if (s.overlap_gradients && s.shards() > 1 && (s.zero == 3 || (s.zero > 0 && s.gather_beside)))
    o.give("--overlap-param-gather");
  o.refuse(s.recompute == Recompute::operators, "keeps no outcomes by operator: these flags recompute nothing");
  if (s.recompute == Recompute::selective || s.recompute == Recompute::full)
    o.give("--recompute-granularity", name(s.recompute));
  if (s.recompute == Recompute::full) {
    o.refuse(s.early_stop, "computes whole layers again");
    o.give("--recompute-method", "uniform");
    o.give("--recompute-num-layers", 1);
  }
  if (s.precision == Precision::float16) o.give("--fp16");
  if (s.precision == Precision::bfloat16 || s.precision == Precision::float8) o.give("--bf16");
  if (s.precision == Precision::float8) {
    o.give("--fp8-format", "hybrid");
    o.give("--fp8-recipe", s.scaling == Scaling::current ? "tensorwise" : "delayed");
  }
  if (s.gradients == Precision::bfloat16) o.give("--grad-reduce-in-bf16");
  // of bf16 it does so unasked
  const bool summed_wide = s.precision == Precision::float16 && s.gradients == Precision::float32;
  if (summed_wide) o.give("--accumulate-allreduce-grads-in-fp32");
  refuse_wide_weights(o, s);
  o.give("--attention-backend", s.flash_attention ? "flash" : "unfused");
  if (!s.dropout || !decoder->dropout) {
    o.give("--attention-dropout", 0);
    o.give("--hidden-dropout", 0);
  }
  o.refuse(s.schedule == Schedule::gpipe && s.pipeline > 1, "has no GPipe: these flags run 1F1B");
  refuse_zero_bubble(o, s);
  refuse_post_validation(o, s);
  refuse_tensor_units(o, s);
  o.refuse(s.zero >= 2 && s.sums_once(), "sums gradients of ZeRO 2 and 3 for every micro-batch, not once a batch");
  Json made{{"flags", o.flags}, {"cannot", o.cannot}};
  // asserted on devices before Blackwell, for collectives to begin before what is launched behind them
  if (s.zero < 2 && (s.tensor > 1 || s.context > 1)) made["environment"] = {{"CUDA_DEVICE_MAX_CONNECTIONS", "1"}};
  return made;
}

/// What the authors' fork of Megatron-LM takes beside the flags of Megatron-LM; no more where the schedule splits no
/// backward pass.
Json megatron_zero_bubble(const Strategy& s, const Network& network) {
  Options o;
  if (!as_decoder(network)) {
    o.cannot.emplace_back("trains decoders only");
  } else if (zero_bubble(s)) {
    o.give("--enable-zero-bubble");
    if (s.schedule == Schedule::zb_v)
      o.give("--zero-bubble-v-schedule");
    else
      o.give("--zero-bubble-max-pending-backward",
             s.schedule == Schedule::zb_h2 ? 2 * s.pipeline : s.pipeline_order().limit());
    if (s.post_validation) o.give("--enable-optimizer-post-validation");
    if (network.depth() % (1LL * s.pipeline * s.chunks)) o.give("--allow-padding-num-layers");
    o.refuse(s.schedule == Schedule::zb_h1, "has no zb-h1: these flags run zb-1p");
    o.refuse(s.schedule == Schedule::zb_h2, "has no zb-h2: these flags run zb-2p");
  } else {
    o.cannot.emplace_back("is for schedules that split the backward pass");
  }
  return {{"flags", o.flags}, {"cannot", o.cannot}};
}

/// As many as the strategy needs.
int nodes(const Strategy& s, const Cluster& c) { return (s.devices() + c.devices_per_node - 1) / c.devices_per_node; }

Json deepspeed(const Strategy& s, const Cluster& c) {
  Options o;
  Json zero{{"stage", s.zero}, {"overlap_comm", s.overlap_gradients}};
  const bool hybrid = s.zero > 0 && s.shards() != s.replicas();
  if (hybrid && s.zero == 3) zero["mics_shard_size"] = s.shards();
  Json config{{"train_batch_size", s.batch},
              {"train_micro_batch_size_per_gpu", s.micro_batch},
              {"gradient_accumulation_steps", s.micro_batches()},
              {"zero_optimization", zero}};
  if (s.precision == Precision::float16) config["fp16"] = {{"enabled", true}};
  if (s.precision == Precision::bfloat16) config["bf16"] = {{"enabled", true}};
  config["data_types"] = {{"grad_accum_dtype", name(s.gradients)}};
  if (s.tensor > 1) config["tensor_parallel"] = {{"autotp_size", s.tensor}};
  if (s.expert > 1) config["expert_parallel"] = {{"enabled", true}, {"autoep_size", s.expert}};
  o.give("--deepspeed");
  o.give("--deepspeed_config", "deepspeed.json");
  o.refuse(s.pipeline > 1, "takes pipelines in the script only: PipelineModule(num_stages=...), partition_method");
  o.refuse(s.pipeline > 1 && s.schedule != Schedule::one_f_one_b, "has no schedule of pipelines but 1F1B");
  o.refuse(s.pipeline > 1 && s.tensor > 1, "shares no layers of a pipeline by autotp_size: they must do so themselves");
  refuse_post_validation(o, s);
  refuse_tensor_units(o, s);
  o.refuse((s.zero == 1 || s.zero == 2) && s.overlap_gradients && s.gather_beside,
           "gathers updated weights behind the step: predict that with --gather-after-step");
  o.refuse(s.pipeline > 1 && s.zero >= 2, "has pipelines with ZeRO 0 and 1 only");
  o.refuse(s.sequence_parallel, "has no sequence parallelism between tensor-parallel parts");
  o.refuse(s.context > 1, "shares sequences by heads (Ulysses), not around a ring");
  o.refuse(s.expert > 1 && s.tensor > 1, "combines no autoep_size with autotp_size");
  o.refuse(hybrid && s.zero < 3, "shares with a part of the replicas in stage 3 only");
  o.refuse(hybrid && s.zero == 3, "shares with a part of the replicas where the script has deepspeed.zero.MiCS_Init()");
  o.refuse(s.recompute != Recompute::none, "recomputes what the script says: gradient_checkpointing_enable()");
  o.refuse(s.precision == Precision::float8, "has no option for products in 8 bits");
  refuse_wide_weights(o, s);
  o.refuse(
      s.zero == 0 && s.gradients != s.precision && s.precision != Precision::float8,
      "sums gradients in the type of the products where ZeRO is off: take ZeRO 1, or predict that with --gradients");
  return {{"launcher",
           {"deepspeed", "--num_nodes", std::to_string(nodes(s, c)), "--num_gpus", std::to_string(c.devices_per_node)}},
          {"config", config},
          {"flags", o.flags},
          {"cannot", o.cannot}};
}

Json torchtitan(const Strategy& s, const Network& network) {
  Options o;
  if (!as_decoder(network)) {
    o.cannot.emplace_back("trains decoders only");
    return {{"flags", o.flags}, {"cannot", o.cannot}};
  }
  // its shards take the ranks of context parallelism along
  const bool whole = s.zero > 0 && s.shards() % s.context == 0;
  const int shard = whole ? s.shards() / s.context : 1;
  o.give("--parallelism.data_parallel_replicate_degree", s.data / shard);
  o.give("--parallelism.data_parallel_shard_degree", shard);
  if (s.zero >= 2) o.give("--parallelism.fsdp_reshard_after_forward", s.zero == 3 ? "always" : "never");
  o.give("--parallelism.tensor_parallel_degree", s.tensor);
  if (s.tensor > 1 && !s.sequence_parallel) o.give("--parallelism.no_enable_sequence_parallel");
  o.give("--parallelism.context_parallel_degree", s.context);
  o.give("--parallelism.expert_parallel_degree", s.expert);
  o.give("--parallelism.pipeline_parallel_degree", s.pipeline);
  if (s.pipeline > 1) {
    o.give("--parallelism.pipeline_parallel_schedule", s.schedule == Schedule::gpipe         ? "GPipe"
                                                       : s.schedule == Schedule::interleaved ? "Interleaved1F1B"
                                                       : s.schedule == Schedule::zb_v        ? "ZBVZeroBubble"
                                                                                             : "1F1B");
    o.give("--parallelism.num_pp_microbatches", s.micro_batches());
    o.give("--parallelism.pipeline_parallel_first_stage_less_layers", 0);
    o.give("--parallelism.pipeline_parallel_last_stage_less_layers", 0);
    const std::int64_t stages = 1LL * s.pipeline * s.chunks;
    if (s.chunks > 1 && network.depth() % stages == 0)
      o.give("--parallelism.pipeline_parallel_layers_per_stage", network.depth() / stages);
    o.refuse(s.chunks > 1 && network.depth() % stages > 0, "takes chunks of one number of layers only");
  }
  o.give("--training.max_context_length", network.tokens());
  o.give("--training.num_tokens_per_microbatch_per_dp_rank", s.micro_batch * network.tokens());
  o.give("--training.num_tokens_per_train_step", s.batch * network.tokens());
  const bool wide = s.precision == Precision::float32;
  o.give("--training.mixed_precision_param", wide ? "float32" : "bfloat16");
  o.refuse(s.schedule == Schedule::interleaved && s.chunks > 1 && s.micro_batches() % s.pipeline_order().group() > 0,
           "interleaves micro-batches only in groups of one size");
  o.refuse(s.zero == 1, "has no ZeRO 1: give --parallelism.fsdp_reshard_after_forward never, which is ZeRO 2");
  o.refuse(s.zero > 0 && !whole, "shares with whole groups of context-parallel ranks only");
  if (s.schedule != Schedule::zb_v) refuse_zero_bubble(o, s);
  refuse_post_validation(o, s);
  refuse_tensor_units(o, s);
  o.refuse(s.precision == Precision::float16, "has no float16: these flags train in bfloat16");
  o.refuse(s.precision == Precision::float8, "takes 8 bits as a converter in the configuration, not as a flag");
  o.refuse(s.gradients != Precision::float32, "sums gradients in float32 only");
  o.refuse(s.weights != Precision::float32,
           "keeps weights in float32: predict that with --weights fp32 --cast-weights");
  o.refuse(s.recompute == Recompute::selective,
           "recomputes by operator: attention alone needs a SelectiveAC of its own");
  o.refuse(s.recompute == Recompute::full && s.early_stop, "computes whole layers again (since August 2025)");
  // a subcommand, which must come last
  o.give(fmt::format("activation-checkpoint:{}", s.recompute == Recompute::full        ? "full"
                                                 : s.recompute == Recompute::operators ? "selective"
                                                                                       : "none"));
  return {{"flags", o.flags}, {"cannot", o.cannot}};
}

}  // namespace

Json launch(const Strategy& s, const Network& network, const Cluster& c) {
  Json made{
      {"torchrun",
       {"torchrun", fmt::format("--nnodes={}", nodes(s, c)), fmt::format("--nproc-per-node={}", c.devices_per_node)}},
      {"megatron_lm", megatron(s, network)},
      {"megatron_zero_bubble", megatron_zero_bubble(s, network)},
      {"deepspeed", deepspeed(s, c)},
      {"torchtitan", torchtitan(s, network)}};
  if (s.launch_blocking) made["environment"] = {{"CUDA_LAUNCH_BLOCKING", "1"}};
  return made;
}

}  // namespace pare::cluster
