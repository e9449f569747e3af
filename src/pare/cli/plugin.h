// The torch part, opened when a verb first needs it.
#pragma once
#include "pare/cli/requests.h"

namespace pare::cli {

/// Opens libpare_torch.so from beside the command (or ../lib). Throws Error saying how to get it.
const TorchVerbs& torch_verbs(const Global& global);

}  // namespace pare::cli
