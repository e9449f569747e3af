#include "pare/runtime/operators.h"

#include <ATen/ATen.h>
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
    add_quantize_operators(t);
    return t;
  }();
  return table;
}

}  // namespace

Tensors run_node(const model::Node& node, const Tensors& inputs) {
  const Operator& run = operators()[static_cast<std::size_t>(node.op)];
  const auto where = [&] { return fmt::format("{} '{}'", model::name(node.op), printable(node.name)); };
  if (!run) throw Error("the runtime cannot run this operator", where());
  try {
    return run(node, inputs);
  } catch (const Error&) {
    throw;
  } catch (const std::exception&) {
    rethrow_torch_error(where());
  }
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
