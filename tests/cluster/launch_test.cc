#include "pare/cluster/launch.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gmock/gmock.h>

#include "pare/cluster/read_network.h"

namespace pare::cluster {
namespace {

using testing::HasSubstr;

std::unique_ptr<Network> network(const char* type = "llama", int layers = 32) {
  return parse_config(fmt::format(R"({{"model_type": "{}", "hidden_size": 4096, "num_hidden_layers": {},
    "num_attention_heads": 32, "intermediate_size": 11008, "vocab_size": 32000, "max_position_embeddings": 4096,
    "num_local_experts": 8, "num_experts_per_tok": 2}})",
                                  type, layers),
                      "config.json");
}

Cluster cluster() {
  return parse_cluster(
      "[device]\nmatrix_tflops = 100\nmemory_gib = 80\nmemory_gb_s = 2000\n[nodes]\ncount = 4\n"
      "devices = 8\n[inside]\nlatency_us = 1\nbandwidth_gb_s = 300\n[across]\nlatency_us = 1\n"
      "bandwidth_gb_s = 300\n",
      "machine");
}

std::string joined(const study::Json& list) {
  return fmt::format("{}", fmt::join(list.get<std::vector<std::string>>(), " "));
}

/// Weights as torchtitan keeps and gathers them.
Strategy wide(Strategy s) {
  s.weights = Precision::float32;
  s.cast_weights = true;
  return s;
}

study::Json torchtitan_cannot(const Strategy& s) {
  return launch(wide(s), *network(), cluster())["torchtitan"]["cannot"];
}

TEST(Launch, ThreeDimensions) {
  const Strategy s{.data = 4,
                   .tensor = 4,
                   .pipeline = 2,
                   .micro_batch = 2,
                   .batch = 64,
                   .recompute = Recompute::full,
                   .sequence_parallel = true,
                   .zero = 1,
                   .dropout = false};
  const auto made = launch(s, *network(), cluster());
  EXPECT_EQ(joined(made["torchrun"]), "torchrun --nnodes=4 --nproc-per-node=8");
  EXPECT_EQ(joined(made["megatron_lm"]["flags"]),
            "--tensor-model-parallel-size 4 --sequence-parallel --pipeline-model-parallel-size 2 "
            "--context-parallel-size 1 --micro-batch-size 2 --global-batch-size 64 --use-distributed-optimizer "
            "--overlap-grad-reduce --overlap-param-gather --recompute-granularity full --recompute-method uniform "
            "--recompute-num-layers 1 "
            "--bf16 --attention-backend flash --attention-dropout 0 --hidden-dropout 0");
  EXPECT_TRUE(made["megatron_lm"]["cannot"].empty());
  const auto& config = made["deepspeed"]["config"];
  EXPECT_EQ(config["train_batch_size"], 64);
  EXPECT_EQ(config["train_micro_batch_size_per_gpu"].get<int>() * config["gradient_accumulation_steps"].get<int>() * 4,
            64);
  EXPECT_EQ(config["tensor_parallel"]["autotp_size"], 4);
  EXPECT_EQ(config["zero_optimization"]["stage"], 1);
  EXPECT_THAT(joined(made["deepspeed"]["cannot"]), HasSubstr("PipelineModule"));
  EXPECT_EQ(joined(made["torchtitan"]["flags"]),
            "--parallelism.data_parallel_replicate_degree 1 --parallelism.data_parallel_shard_degree 4 "
            "--parallelism.tensor_parallel_degree 4 --parallelism.context_parallel_degree 1 "
            "--parallelism.expert_parallel_degree 1 --parallelism.pipeline_parallel_degree 2 "
            "--parallelism.pipeline_parallel_schedule 1F1B --parallelism.num_pp_microbatches 8 "
            "--parallelism.pipeline_parallel_first_stage_less_layers 0 "
            "--parallelism.pipeline_parallel_last_stage_less_layers 0 --training.max_context_length 4096 "
            "--training.num_tokens_per_microbatch_per_dp_rank 8192 --training.num_tokens_per_train_step 262144 "
            "--training.mixed_precision_param bfloat16 activation-checkpoint:full");
  EXPECT_THAT(joined(made["torchtitan"]["cannot"]), HasSubstr("ZeRO 1"));
}

TEST(Launch, WhoStopsEarly) {
  Strategy s{.data = 32, .batch = 64, .recompute = Recompute::full, .early_stop = true};
  const auto made = launch(s, *network(), cluster());
  for (const char* one : {"megatron_lm", "torchtitan"})
    EXPECT_THAT(joined(made[one]["cannot"]), HasSubstr("computes whole layers again"));
  s.early_stop = false;
  EXPECT_TRUE(launch(s, *network(), cluster())["megatron_lm"]["cannot"].empty());
}

TEST(Launch, HybridSharding) {
  const Strategy s{.data = 32, .micro_batch = 1, .batch = 64, .zero = 3, .shard = 8};
  const auto made = launch(s, *network(), cluster());
  EXPECT_THAT(joined(made["megatron_lm"]["flags"]),
              HasSubstr("--use-megatron-fsdp --use-distributed-optimizer --data-parallel-sharding-strategy "
                        "optim_grads_params --ckpt-format fsdp_dtensor --num-distributed-optimizer-instances 4"));
  EXPECT_EQ(made["deepspeed"]["config"]["zero_optimization"]["mics_shard_size"], 8);
  EXPECT_THAT(joined(made["deepspeed"]["cannot"]), HasSubstr("MiCS_Init"));
  EXPECT_THAT(joined(made["torchtitan"]["flags"]),
              HasSubstr("--parallelism.data_parallel_replicate_degree 4 --parallelism.data_parallel_shard_degree 8 "
                        "--parallelism.fsdp_reshard_after_forward always"));
  EXPECT_TRUE(torchtitan_cannot(s).empty());
}

TEST(Launch, UnevenStagesAreLaidOut) {
  Strategy s{.data = 8, .pipeline = 4, .micro_batch = 1, .batch = 64};
  EXPECT_THAT(joined(launch(s, *network("llama", 7), cluster())["megatron_lm"]["flags"]),
              HasSubstr("--pipeline-model-parallel-layout Ett|tt|tt|tL"));
  s.schedule = Schedule::interleaved;
  s.chunks = 2;
  EXPECT_THAT(joined(launch(s, *network(), cluster())["megatron_lm"]["flags"]),
              HasSubstr("--num-virtual-stages-per-pipeline-rank 2"));
}

TEST(Launch, ShardedReplicasOfAPipeline) {
  const Strategy s{.data = 16, .pipeline = 2, .micro_batch = 1, .batch = 64, .zero = 3};
  const auto made = launch(s, *network(), cluster());
  EXPECT_THAT(joined(made["torchtitan"]["flags"]), HasSubstr("fsdp_reshard_after_forward always"));
  EXPECT_TRUE(torchtitan_cannot(s).empty());
  EXPECT_THAT(joined(made["megatron_lm"]["cannot"]), HasSubstr("for every micro-batch"));
  EXPECT_THAT(joined(made["deepspeed"]["cannot"]), HasSubstr("ZeRO 0 and 1 only"));
}

TEST(Launch, InterleavedGroups) {
  Strategy s{.pipeline = 4, .micro_batch = 1, .batch = 14, .schedule = Schedule::interleaved, .chunks = 2};
  auto made = launch(s, *network(), cluster());  // groups of 5, 5 and 4
  EXPECT_THAT(joined(made["megatron_lm"]["flags"]), HasSubstr("--microbatch-group-size-per-virtual-pipeline-stage 5"));
  EXPECT_TRUE(made["megatron_lm"]["cannot"].empty());
  EXPECT_THAT(joined(made["torchtitan"]["cannot"]), HasSubstr("groups of one size"));
  s.batch = 3;
  made = launch(s, *network(), cluster());
  EXPECT_THAT(joined(made["megatron_lm"]["cannot"]), HasSubstr("fewer micro-batches"));
  EXPECT_TRUE(torchtitan_cannot(s).empty());
  s.batch = 16;
  made = launch(s, *network(), cluster());
  EXPECT_THAT(joined(made["megatron_lm"]["flags"]), Not(HasSubstr("group-size-per")));
  EXPECT_TRUE(made["megatron_lm"]["cannot"].empty());
}

TEST(Launch, ZeroBubble) {
  Strategy s{.data = 8, .pipeline = 4, .micro_batch = 1, .batch = 64, .schedule = Schedule::zb_v, .chunks = 2};
  auto made = launch(s, *network(), cluster());
  EXPECT_EQ(joined(made["megatron_zero_bubble"]["flags"]), "--enable-zero-bubble --zero-bubble-v-schedule");
  EXPECT_THAT(joined(made["megatron_lm"]["cannot"]), HasSubstr("no zb-v"));
  EXPECT_THAT(joined(made["megatron_lm"]["flags"]), Not(HasSubstr("virtual")));
  EXPECT_THAT(joined(made["torchtitan"]["flags"]), HasSubstr("pipeline_parallel_schedule ZBVZeroBubble"));
  EXPECT_TRUE(torchtitan_cannot(s).empty());
  s.schedule = Schedule::zb_2p;
  s.chunks = 1;
  s.post_validation = true;
  made = launch(s, *network(), cluster());
  EXPECT_EQ(joined(made["megatron_zero_bubble"]["flags"]),
            "--enable-zero-bubble --zero-bubble-max-pending-backward 8 --enable-optimizer-post-validation");
  EXPECT_THAT(joined(made["torchtitan"]["cannot"]), HasSubstr("no zb-2p"));
  EXPECT_THAT(joined(made["torchtitan"]["cannot"]), HasSubstr("steps no rank"));
  s.schedule = Schedule::one_f_one_b;
  EXPECT_THAT(joined(launch(s, *network(), cluster())["megatron_zero_bubble"]["cannot"]), HasSubstr("split"));
}

TEST(Launch, WhatWeightsAndGradientsAreKeptIn) {
  Strategy s{.data = 32, .batch = 64};
  EXPECT_THAT(joined(launch(s, *network(), cluster())["torchtitan"]["cannot"]), HasSubstr("keeps weights in float32"));
  const auto apart = launch(wide(s), *network(), cluster());
  for (const char* one : {"megatron_lm", "deepspeed"})
    EXPECT_THAT(joined(apart[one]["cannot"]), HasSubstr("keeps weights in the type of the products"));
  // DeepSpeed refuses other gradients where no ZeRO keeps weights in float32
  const auto deepspeed = [&] { return joined(launch(s, *network(), cluster())["deepspeed"]["cannot"]); };
  EXPECT_THAT(deepspeed(), HasSubstr("where ZeRO is off"));
  s.gradients = Precision::bfloat16;
  EXPECT_THAT(deepspeed(), Not(HasSubstr("where ZeRO is off")));
  s.gradients = Precision::float32;
  s.zero = 1;
  EXPECT_THAT(deepspeed(), Not(HasSubstr("where ZeRO is off")));
  s.precision = s.weights = Precision::float16;
  EXPECT_THAT(joined(launch(s, *network(), cluster())["megatron_lm"]["flags"]),
              HasSubstr("--accumulate-allreduce-grads-in-fp32"));
}

// Megatron-LM drops out a tenth unless told otherwise, which llamas do not.
TEST(Launch, DropoutOfTheNetwork) {
  const Strategy s{.data = 32, .batch = 64};
  const auto flags = [&](const char* type) {
    return joined(launch(s, *network(type), cluster())["megatron_lm"]["flags"]);
  };
  EXPECT_THAT(flags("llama"), HasSubstr("--hidden-dropout 0"));
  EXPECT_THAT(flags("gpt2"), Not(HasSubstr("--hidden-dropout 0")));
}

TEST(Launch, Environment) {
  Strategy s{.data = 16, .tensor = 2, .batch = 64};
  auto made = launch(s, *network(), cluster());
  EXPECT_EQ(made["megatron_lm"]["environment"]["CUDA_DEVICE_MAX_CONNECTIONS"], "1");
  EXPECT_FALSE(made.contains("environment"));
  s.launch_blocking = true;
  s.zero = 2;
  made = launch(s, *network(), cluster());
  EXPECT_FALSE(made["megatron_lm"].contains("environment"));
  EXPECT_EQ(made["environment"]["CUDA_LAUNCH_BLOCKING"], "1");
}

TEST(Launch, NoneShardsByTensor) {
  const Strategy s{.data = 16, .batch = 64, .zero = 3, .shard_unit = ShardUnit::tensor};
  const auto made = launch(s, *network(), cluster());
  for (const char* framework : {"megatron_lm", "deepspeed", "torchtitan"})
    EXPECT_THAT(joined(made[framework]["cannot"]), HasSubstr("--shard-unit")) << framework;
}

TEST(Launch, SaysWhatAFrameworkCannot) {
  const Strategy s{.data = 16, .pipeline = 2, .micro_batch = 1, .batch = 64, .schedule = Schedule::zb_h1};
  const auto made = launch(s, *network(), cluster());
  for (const char* framework : {"megatron_lm", "torchtitan"})
    EXPECT_THAT(joined(made[framework]["cannot"]), HasSubstr("no zb-h1"));
  EXPECT_THAT(joined(made["deepspeed"]["cannot"]), HasSubstr("no schedule of pipelines but 1F1B"));
  const Strategy experts{.data = 32, .expert = 8, .micro_batch = 1, .batch = 64};
  const auto mixed = launch(experts, *network("mixtral"), cluster());
  EXPECT_THAT(joined(mixed["megatron_lm"]["flags"]),
              HasSubstr("--expert-model-parallel-size 8 --moe-token-dispatcher-type alltoall"));
  EXPECT_EQ(mixed["deepspeed"]["config"]["expert_parallel"]["autoep_size"], 8);
  const auto encoder = launch({.data = 32, .batch = 64}, *network("bert"), cluster());
  for (const char* framework : {"megatron_lm", "torchtitan"}) {
    EXPECT_TRUE(encoder[framework]["flags"].empty());
    EXPECT_THAT(joined(encoder[framework]["cannot"]), HasSubstr("decoders only"));
  }
}

}  // namespace
}  // namespace pare::cluster
