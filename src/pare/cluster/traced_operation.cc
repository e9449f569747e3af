#include "pare/cluster/traced_operation.h"

#include <algorithm>

#include "pare/trace/shapes.h"

namespace pare::cluster {
namespace {

using trace::elements;
using trace::Shape;

/// An operator of torch: what it is, which input says its size, and which one says more (the normalised width, whether
/// attention is causal); -1: none.
struct Known {
  std::string_view name;
  OperationKind kind;
  Direction direction;
  std::size_t input;
  int more = -1;
};

constexpr auto forward = Direction::forward, backward = Direction::backward;

constexpr Known operators[] = {
    {"aten::mm", OperationKind::linear, forward, 0},
    {"aten::addmm", OperationKind::linear, forward, 1},
    {"aten::bmm", OperationKind::scores, forward, 0},
    {"aten::baddbmm", OperationKind::scores, forward, 1},
    {"aten::_scaled_dot_product_flash_attention", OperationKind::attention, forward, 0, 4},
    {"aten::_scaled_dot_product_flash_attention_backward", OperationKind::attention, backward, 1, 11},
    {"aten::_scaled_dot_product_flash_attention_for_cpu", OperationKind::attention, forward, 0, 4},
    {"aten::_scaled_dot_product_flash_attention_for_cpu_backward", OperationKind::attention, backward, 1, 7},
    {"aten::_scaled_dot_product_efficient_attention", OperationKind::attention, forward, 0, 6},
    {"aten::_scaled_dot_product_efficient_attention_backward", OperationKind::attention, backward, 1, 11},
    {"aten::_scaled_dot_product_cudnn_attention", OperationKind::attention, forward, 0, 6},
    {"aten::_scaled_dot_product_cudnn_attention_backward", OperationKind::attention, backward, 1, 14},
    {"aten::_softmax", OperationKind::softmax, forward, 0},
    {"aten::_softmax_backward_data", OperationKind::softmax, backward, 0},
    {"aten::native_dropout", OperationKind::dropout, forward, 0},
    {"aten::native_dropout_backward", OperationKind::dropout, backward, 0},
    {"aten::native_layer_norm", OperationKind::normalise, forward, 0, 2},
    {"aten::native_layer_norm_backward", OperationKind::normalise, backward, 1, 5},
    {"aten::_fused_rms_norm", OperationKind::normalise, forward, 0, 2},
    {"aten::_fused_rms_norm_backward", OperationKind::normalise, backward, 1, 4},
    {"aten::gelu", OperationKind::activation, forward, 0},
    {"aten::gelu_backward", OperationKind::activation, backward, 0},
    {"aten::relu", OperationKind::relu, forward, 0},
    {"aten::threshold_backward", OperationKind::relu, backward, 0},
    {"aten::silu", OperationKind::activation, forward, 0},
    {"aten::silu_backward", OperationKind::activation, backward, 0},
    {"aten::embedding", OperationKind::embedding, forward, 1},
    {"aten::embedding_dense_backward", OperationKind::embedding, Direction::weight, 0},
};

std::optional<Precision> precision(std::string_view type) {
  if (type.starts_with("c10::")) type.remove_prefix(5);
  if (type == "float") return Precision::float32;
  if (type == "Half") return Precision::float16;
  if (type == "BFloat16") return Precision::bfloat16;
  if (type.starts_with("Float8")) return Precision::float8;
  return std::nullopt;
}

using Sizes = std::array<std::int64_t, 4>;

/// Rows and the last dimension.
std::optional<Sizes> rows(const Shape& shape) {
  if (shape.empty() || shape.back() == 0) return std::nullopt;
  return Sizes{elements(shape) / shape.back(), shape.back(), 1, 1};
}

class Reader {
 public:
  Reader(const Known& known, const TracedInputs& inputs)
      : known_(known), shapes_(trace::parse_shapes(inputs.shapes)), values_(trace::parse_types(inputs.values)) {
    operation_.kind = known.kind;
    operation_.direction = known.direction;
  }

  std::optional<Operation> read() {
    const auto found = sizes();
    if (!found || std::ranges::any_of(*found, [](std::int64_t size) { return size <= 0; })) return std::nullopt;
    operation_.shape = *found;
    return operation_;
  }

 private:
  /// An empty one for an input that is none.
  Shape shape(std::size_t input) const { return input < shapes_.size() ? shapes_[input] : Shape{}; }

  std::optional<Sizes> sizes() {
    const Shape first = shape(known_.input), second = shape(known_.input + 1);
    switch (known_.kind) {
      case OperationKind::linear:
        if (first.size() != 2 || second.size() != 2 || first[1] != second[0]) return std::nullopt;
        return Sizes{first[0], first[1], second[1], 1};
      case OperationKind::scores: return matrices(first, second);
      case OperationKind::attention: {
        if (first.size() != 4 || second.size() != 4) return std::nullopt;
        const auto more = static_cast<std::size_t>(known_.more);
        if (more >= values_.size()) return std::nullopt;  // nobody says whether it is causal
        if (values_[more] == "True") operation_.kind = OperationKind::causal;
        return Sizes{first[0] * first[1], first[2], second[2], first[3]};
      }
      case OperationKind::normalise: {
        const std::int64_t width = elements(shape(static_cast<std::size_t>(known_.more)));
        if (width > 1 && elements(first) % width == 0) return Sizes{elements(first) / width, width, 1, 1};
        return rows(first);
      }
      case OperationKind::softmax: return rows(first);
      case OperationKind::embedding:
        if (known_.direction == Direction::weight) return rows(first);
        if (shape(0).size() != 2) return std::nullopt;
        return Sizes{elements(first), shape(0)[1], 1, 1};
      default:
        if (first.empty()) return std::nullopt;
        return Sizes{elements(first), 1, 1, 1};
    }
  }

  /// Attention in parts: scores are [queries, width] x [width, keys], and context is [queries, keys] x [keys, width];
  /// where queries and keys are as many, the equal sizes tell them apart.
  std::optional<Sizes> matrices(const Shape& first, const Shape& second) {
    if (first.size() != 3 || second.size() != 3 || first[0] != second[0] || first[2] != second[1]) return std::nullopt;
    const std::int64_t m = first[1], k = first[2], n = second[2];
    if (m == n && m != k) return Sizes{first[0], m, n, k};
    if (m != k || m == n) return std::nullopt;
    operation_.kind = OperationKind::context;
    return Sizes{first[0], m, k, n};
  }

  const Known& known_;
  std::vector<Shape> shapes_;
  std::vector<std::string_view> values_;
  Operation operation_;
};

}  // namespace

std::optional<Operation> operation_of(std::string_view name, const TracedInputs& inputs) {
  const auto known = std::ranges::find(operators, name, &Known::name);
  if (known == std::end(operators)) return std::nullopt;
  const auto types = trace::parse_types(inputs.types);
  const std::size_t typed = known->kind == OperationKind::embedding ? 0 : known->input;
  const auto type = typed < types.size() ? precision(types[typed]) : std::nullopt;
  if (!type) return std::nullopt;
  auto operation = Reader(*known, inputs).read();
  if (operation) operation->precision = *type;
  return operation;
}

}  // namespace pare::cluster
