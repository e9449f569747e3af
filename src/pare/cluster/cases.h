// Computation events made runnable: buffers of an operation's shapes, and the kernel on them.
#pragma once
#include <ATen/core/Tensor.h>

#include <functional>
#include <vector>

#include "pare/cluster/operation.h"

namespace pare::cluster {

/// Runs the operation once and returns what it made, if that is a tensor of its own.
using Case = std::function<at::Tensor()>;

/// Throws Error where it cannot be run here: in another type than float32, or of a kind that has no kernel.
void check_runnable(const Operation& operation);

/// The operation on that many sets of buffers, to be run in turn so that it finds no operand in the cache.
std::vector<Case> cases(const Operation& operation, int sets);

}  // namespace pare::cluster
