// Choices of kernels kept on disk between runs, by matrix and machine.
#pragma once
#include <optional>
#include <string>

#include "pare/graph/tuned.h"
#include "pare/study/study.h"

namespace pare::graph {

study::Json to_json(const KernelPlan& plan);

/// What was chosen for this use of a matrix, on this processor with these vector instructions. A file that cannot be
/// read is ignored.
std::optional<Choice> remembered(const std::string& structure, const Use& use);
void remember(const std::string& structure, const Use& use, const Choice& choice);

}  // namespace pare::graph
