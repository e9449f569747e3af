// What each operator of a Model does, on torch tensors. Semantics are those of ONNX; every function is differentiable
// where the operator is.
#pragma once
#include <ATen/core/Tensor.h>

#include <array>
#include <functional>
#include <vector>

#include "pare/model/model.h"

namespace pare::runtime {

/// Inputs as the node lists them, undefined where an optional one is absent; outputs likewise. An input that nobody
/// else holds may be overwritten (see reusable).
using Tensors = std::vector<at::Tensor>;
using Operator = std::function<Tensors(const model::Node&, const Tensors&)>;

using OperatorTable = std::array<Operator, model::op_count>;

/// Runs one node. Throws Error naming the node where the operator is not there or torch refuses its inputs.
Tensors run_node(const model::Node& node, const Tensors& inputs);

// Each file of operators adds its own; called once.
void add_elementwise_operators(OperatorTable& table);
void add_shape_operators(OperatorTable& table);
void add_window_operators(OperatorTable& table);
void add_resize_operators(OperatorTable& table);
void add_normalization_operators(OperatorTable& table);
void add_index_operators(OperatorTable& table);
void add_integer_operators(OperatorTable& table);
void add_attention_operators(OperatorTable& table);
void add_quantize_operators(OperatorTable& table);

/// The input, undefined where the node leaves it out.
inline at::Tensor optional_input(const Tensors& in, std::size_t i) { return in.size() > i ? in[i] : at::Tensor(); }

/// Whether nothing else sees the tensor's memory and no gradient will ask for it: then an operator may write its result
/// there.
bool reusable(const at::Tensor& tensor);

/// The integers of a shape-like tensor (any integer type, any device).
std::vector<std::int64_t> integers(const at::Tensor& tensor);

/// Conv of any rank; `bias` may be undefined.
at::Tensor convolve(const model::ConvAttributes& attributes, const at::Tensor& x, const at::Tensor& w,
                    const at::Tensor& bias);

/// An axis counted from the end made positive; throws Error where it is out of range.
std::int64_t checked_axis(std::int64_t axis, std::int64_t rank);

}  // namespace pare::runtime
