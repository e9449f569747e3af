// torch's operators as operations of training.
#pragma once
#include <optional>
#include <string_view>

#include "pare/cluster/operation.h"

namespace pare::cluster {

/// What a trace says of an operator's inputs, as texts (trace/shapes.h).
struct TracedInputs {
  std::string_view shapes, types, values;
};

/// The operation that an operator of torch is, by its own name, shapes and types; backward where the operator is a
/// gradient by its name. Products (mm, bmm) are all as forward: which gradient they are is not theirs to say.
std::optional<Operation> operation_of(std::string_view name, const TracedInputs& inputs);

}  // namespace pare::cluster
