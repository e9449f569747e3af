// The parts of `pare graph`.
#pragma once
#include "pare/cli/context.h"

namespace pare::cli {

void add_graph_tune(CLI::App& graph_verb, const Global& global);

}  // namespace pare::cli
