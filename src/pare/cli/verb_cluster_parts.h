// The sub-verbs of `pare cluster` for parts of a prediction, and for what other programs recorded.
#pragma once
#include "pare/cli/context.h"

namespace pare::cli {

void add_cluster_collective(CLI::App& cluster_verb, const Global& global);
void add_cluster_pipeline(CLI::App& cluster_verb, const Global& global);
void add_cluster_trace(CLI::App& cluster_verb, const Global& global);

}  // namespace pare::cli
