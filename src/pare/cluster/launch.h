// How to start a strategy in the frameworks people train with. Names of options as of August 2026: Megatron-LM's
// megatron/training/arguments.py and its configs, DeepSpeed's docs/_pages/config-json.md, torchtitan's
// config/configs.py (whose TOML files had the same keys); of sail-sg/zero-bubble-pipeline-parallelism its README.
#pragma once
#include "pare/cluster/machine.h"
#include "pare/cluster/network.h"
#include "pare/cluster/strategy.h"
#include "pare/study/study.h"

namespace pare::cluster {

/// {"torchrun": [...], "megatron_lm": {"flags", "cannot"}, "megatron_zero_bubble": {"flags", "cannot"}, "deepspeed":
/// {"launcher", "config", "flags", "cannot"}, "torchtitan": {"flags", "cannot"}}: what spreads the training, not what
/// the network is. "cannot" says in a sentence each what the framework has no option for.
study::Json launch(const Strategy& strategy, const Network& network, const Cluster& cluster);

}  // namespace pare::cluster
