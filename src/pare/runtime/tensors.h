// Constants of a Model as torch tensors, and back.
#pragma once
#include <ATen/core/Tensor.h>

#include "pare/model/model.h"

namespace pare::runtime {

/// A torch tensor that shares the constant's bytes and keeps it alive; it must not be written to.
at::Tensor as_torch(std::shared_ptr<const model::Tensor> constant);

/// A copy of a contiguous CPU tensor.
model::Tensor from_torch(const at::Tensor& tensor);

at::ScalarType torch_type(model::ElementType type);
/// Throws Error for a type that a Model cannot hold.
model::ElementType model_type(at::ScalarType type);

/// Writes an exception of torch as a pare::Error with `where`; other exceptions pass through. Call inside a handler.
[[noreturn]] void rethrow_torch_error(const std::string& where);

}  // namespace pare::runtime
