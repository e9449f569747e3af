#include "pare/runtime/operators.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <fmt/format.h>

#include "pare/base/error.h"
#include "pare/runtime/tensors.h"

namespace pare::runtime {
namespace {

const OperatorTable& operators() {
  static const OperatorTable table = [] {
    OperatorTable t;
    add_elementwise_operators(t);
    add_shape_operators(t);
    add_window_operators(t);
    add_resize_operators(t);
    add_normalization_operators(t);
    add_index_operators(t);
    add_integer_operators(t);
    add_attention_operators(t);
    add_quantize_operators(t);
    return t;
  }();
  return table;
}

/// Torch does little arithmetic on unsigned integers of more than a byte; int64 has the same bits below its sign.
bool is_wide_unsigned(const at::Tensor& t) {
  return t.defined() &&
         (t.scalar_type() == at::kUInt16 || t.scalar_type() == at::kUInt32 || t.scalar_type() == at::kUInt64);
}

Tensors run_widened(const Operator& run, const model::Node& node, const Tensors& inputs) {
  const at::ScalarType type = inputs[0].scalar_type();
  Tensors wide = inputs;
  for (at::Tensor& t : wide)
    if (is_wide_unsigned(t)) t = t.to(at::kLong);
  Tensors out = run(node, wide);
  for (at::Tensor& t : out)
    if (t.defined() && t.scalar_type() == at::kLong) t = t.to(type);
  return out;
}

bool keeps_type(model::Op op) {  // of its first input, or gives truth values
  using enum model::Op;
  switch (op) {
    case add:
    case sub:
    case mul:
    case div:
    case mod:
    case min:
    case max:
    case equal:
    case greater:
    case greater_or_equal:
    case less:
    case less_or_equal:
    case bit_shift:
    case bitwise_and:
    case bitwise_not:
    case bitwise_or:
    case bitwise_xor:
    case clip:
    case where: return true;
    default: return false;
  }
}

}  // namespace

Tensors run_node(const model::Node& node, const Tensors& inputs) {
  const Operator& run = operators()[static_cast<std::size_t>(node.op)];
  const auto where = [&] { return fmt::format("{} '{}'", model::name(node.op), printable(node.name)); };
  if (!run) throw Error("the runtime cannot run this operator", where());
  try {
    const bool wide = keeps_type(node.op) && !inputs.empty() && is_wide_unsigned(inputs[0]);
    return wide ? run_widened(run, node, inputs) : run(node, inputs);
  } catch (const Error&) {
    throw;
  } catch (const std::exception&) {
    rethrow_torch_error(where());
  }
}

bool reusable(const at::Tensor& t) {
  return t.use_count() == 1 && t.storage().use_count() == 1 && t.is_non_overlapping_and_dense() &&
         !(at::GradMode::is_enabled() && t.requires_grad());
}

std::vector<std::int64_t> integers(const at::Tensor& tensor) {
  const at::Tensor t = tensor.to(at::kCPU, at::kLong).contiguous();
  const auto* data = t.data_ptr<std::int64_t>();
  return {data, data + t.numel()};
}

std::int64_t checked_axis(std::int64_t axis, std::int64_t rank) {
  if (axis < -rank || axis >= std::max<std::int64_t>(rank, 1))
    throw Error(fmt::format("axis {} is out of range for rank {}", axis, rank), "runtime");
  return axis < 0 ? axis + rank : axis;
}

}  // namespace pare::runtime
