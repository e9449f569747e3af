// Computation events made runnable: buffers of an operation's shapes, and the kernel on them.
#pragma once
#include <ATen/core/Tensor.h>

#include <functional>
#include <vector>

#include "pare/cluster/operation.h"

namespace pare::cluster {

using Made = std::vector<at::Tensor>;

/// Runs the operation once and returns what it made, as far as that has memory of its own.
using Case = std::function<Made()>;

/// Throws Error for what is not run: operations in 8 bits.
void check_runnable(const Operation& operation);

/// The operation on that many sets of buffers, to be run in turn so that it finds no operand in the cache.
std::vector<Case> cases(const Operation& operation, int sets, at::Device device = at::kCPU);

}  // namespace pare::cluster
