// The torch part, opened when a verb first needs it.
#pragma once
#include "pare/cli/requests.h"

namespace pare::cli {

/// Where a verb can run.
enum class Devices { cpu, cpu_and_cuda };

/// Opens libpare_torch.so from beside the command (or ../lib). Throws Error saying how to get it, UsageError where
/// --device names another device than the verb has.
const TorchVerbs& torch_verbs(const Global& global, Devices devices = Devices::cpu);

}  // namespace pare::cli
