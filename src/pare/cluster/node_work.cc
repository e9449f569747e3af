#include "pare/cluster/node_work.h"

#include <fmt/format.h>

#include <algorithm>

#include "pare/base/error.h"
#include "pare/model/count.h"
#include "pare/model/graph_edit.h"

namespace pare::cluster {

using model::Model;
using model::Node;
using model::Op;
using model::Value;
using model::ValueId;

namespace {

bool flag(const std::vector<bool>& of, ValueId id) { return id != model::no_value && of[static_cast<std::size_t>(id)]; }

Operation operation(OperationKind kind, std::int64_t a, std::int64_t b = 1, std::int64_t c = 1, std::int64_t d = 1) {
  return {kind, Direction::forward, {a, b, c, d}};
}

std::int64_t dimension(const Value& value, std::int64_t axis) {
  const auto rank = static_cast<std::int64_t>(value.shape.size());
  return value.shape[static_cast<std::size_t>(axis < 0 ? axis + rank : axis)].size;
}

std::int64_t last(const Value& value) {
  return value.shape.empty() ? 1 : std::max<std::int64_t>(1, value.shape.back().size);
}

/// [rows, width] of a value's last dimension.
Operation by_rows(OperationKind kind, const Value& value) {
  return operation(kind, elements(value) / last(value), last(value));
}

/// Windows of the input as rows, the filters as columns; groups one behind the other.
Operation convolution(const Model& m, const Node& node) {
  const Value &x = m.value(node.inputs[0]), &w = m.value(node.inputs[1]), &y = m.value(node.outputs[0]);
  const auto& window =
      node.op == Op::conv ? node.as<model::ConvAttributes>() : node.as<model::ConvTransposeAttributes>().window;
  const std::int64_t own = elements(w) / dimension(w, 0);  // numbers of a filter
  if (node.op == Op::conv) {
    const std::int64_t filters = dimension(w, 0) / window.groups;
    return operation(OperationKind::linear, elements(y) / filters, own, filters);
  }
  const std::int64_t channels = dimension(w, 0) / window.groups;
  return operation(OperationKind::linear, elements(x) / channels, channels, own);
}

/// A product, or scores where both sides depend on the sample.
void add_matmul(const Model& m, const Node& node, const Flow& flow, NodeWork& work) {
  const Value &a = m.value(node.inputs[0]), &b = m.value(node.inputs[1]), &y = m.value(node.outputs[0]);
  const std::int64_t inner =
      node.op == Op::gemm && node.as<model::GemmAttributes>().transpose_a ? dimension(a, 0) : last(a);
  const bool left = flag(flow.varies, node.inputs[0]), right = flag(flow.varies, node.inputs[1]);
  if (left && right) {
    const std::int64_t queries = y.shape.size() > 1 ? dimension(y, -2) : 1, keys = last(y);
    work.others.push_back(operation(OperationKind::scores, std::max<std::int64_t>(1, elements(y) / (queries * keys)),
                                    queries, keys, inner));
  } else {
    const std::int64_t columns = left ? last(y) : std::max<std::int64_t>(1, elements(a) / inner);
    work.products.push_back(
        operation(OperationKind::linear, elements(left ? y : b) / (left ? columns : inner), inner, columns));
  }
}

/// Heads are an axis of their own, or lie side by side in the last one.
Operation attention(const Model& m, const Node& node) {
  const auto& given = node.as<model::AttentionAttributes>();
  const Value &q = m.value(node.inputs[0]), &k = m.value(node.inputs[1]);
  const bool apart = q.shape.size() == 4;
  const std::int64_t heads = apart ? dimension(q, 1) : given.query_heads;
  const std::int64_t queries = dimension(q, -2), keys = dimension(k, -2);
  return operation(given.causal ? OperationKind::causal : OperationKind::attention, dimension(q, 0) * heads, queries,
                   keys, apart ? last(q) : last(q) / heads);
}

/// What only moves memory.
Operation moving(const Model& m, const Node& node, const Flow& flow) {
  const Value& y = m.value(node.outputs[0]);
  std::int64_t most = elements(y);
  int varying = 0;
  for (const ValueId id : node.inputs) {
    if (!flag(flow.varies, id) || !is_float(m.value(id).type)) continue;
    varying += 1;
    most = std::max(most, elements(m.value(id)));
  }
  if (varying > 1 && (node.op == Op::add || node.op == Op::sub)) return operation(OperationKind::residual, most);
  if (varying > 1 && (node.op == Op::mul || node.op == Op::div)) return operation(OperationKind::gate, most);
  return operation(OperationKind::activation, most);
}

}  // namespace

std::int64_t elements(const Value& value) {
  std::int64_t product = 1;
  for (const auto& d : value.shape)
    if (!d.known() || __builtin_mul_overflow(product, d.size, &product) || product > std::int64_t{1} << 50)
      throw Error(fmt::format("has the shape {}, too large or not known", printable(to_string(value.shape))),
                  printable(value.name), "export the network with sizes other than the batch fixed");
  return product;
}

bool is_float(model::ElementType type) {
  using model::ElementType;
  return type == ElementType::f32 || type == ElementType::f64 || type == ElementType::f16 || type == ElementType::bf16;
}

Flow flow_of(const Model& m) {
  Flow flow{std::vector<bool>(m.values.size(), false), std::vector<bool>(m.values.size(), false)};
  for (const ValueId id : m.inputs) flow.varies[static_cast<std::size_t>(id)] = true;
  for (const Node& node : m.nodes) {
    bool varies = false, learns = false;
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      varies = varies || flag(flow.varies, node.inputs[i]);
      if (model::is_parameter(m, node, i)) flow.learns[static_cast<std::size_t>(node.inputs[i])] = true;
      learns = learns || flag(flow.learns, node.inputs[i]);
    }
    for (const ValueId id : node.outputs) {
      if (id == model::no_value) continue;
      flow.varies[static_cast<std::size_t>(id)] = varies;
      flow.learns[static_cast<std::size_t>(id)] = learns && is_float(m.value(id).type);
    }
  }
  return flow;
}

bool is_view(Op op) {
  return op == Op::reshape || op == Op::flatten || op == Op::squeeze || op == Op::unsqueeze || op == Op::identity ||
         op == Op::transpose;
}

NodeWork node_work(const Model& m, const Node& node, const Flow& flow) {
  NodeWork work;
  const bool product =
      node.op == Op::conv || node.op == Op::conv_transpose || node.op == Op::matmul || node.op == Op::gemm;
  for (std::size_t i = 0; product && i < 2; ++i)
    if (const Value& operand = m.value(node.inputs[i]); elements(operand) == 0)
      throw Error(fmt::format("'{}' has no elements", printable(operand.name)), "training", "give dimensions above 0");
  const Value& y = m.value(node.outputs[0]);
  switch (node.op) {
    case Op::einsum:
    case Op::matmul_integer:
    case Op::conv_integer:
    case Op::qlinear_conv:
    case Op::qlinear_matmul:
      throw Error("cannot be trained, or not be predicted", describe(node), "export the float network, with MatMul");
    default: break;
  }
  if (!is_float(y.type) || is_view(node.op)) return work;
  switch (node.op) {
    case Op::conv:
    case Op::conv_transpose: work.products.push_back(convolution(m, node)); break;
    case Op::gemm:
    case Op::matmul: add_matmul(m, node, flow, work); break;
    case Op::attention: work.others.push_back(attention(m, node)); break;
    case Op::softmax:
    case Op::log_softmax: work.others.push_back(by_rows(OperationKind::softmax, y)); break;
    case Op::batch_normalization:
    case Op::layer_normalization:
    case Op::rms_normalization:
    case Op::instance_normalization:
    case Op::group_normalization:
    case Op::mean_variance_normalization:
    case Op::lp_normalization:
    case Op::lrn: work.others.push_back(by_rows(OperationKind::normalise, y)); break;
    case Op::gather:
      if (model::is_parameter(m, node, 0)) {
        work.products.push_back(by_rows(OperationKind::embedding, y));
        break;
      }
      [[fallthrough]];
    default: work.others.push_back(moving(m, node, flow));
  }
  return work;
}

std::vector<ValueId> needed_values(const Model& m, const Node& node, const Flow& flow) {
  std::vector<ValueId> needed;
  const auto inputs = [&](std::size_t count) {
    for (std::size_t i = 0; i < std::min(count, node.inputs.size()); ++i)
      if (flag(flow.varies, node.inputs[i]) && is_float(m.value(node.inputs[i]).type)) needed.push_back(node.inputs[i]);
  };
  switch (node.op) {
    case Op::relu:
    case Op::sigmoid:
    case Op::tanh:
    case Op::softmax:
    case Op::log_softmax:
    case Op::exp:
    case Op::sqrt:
    case Op::reciprocal: needed.push_back(node.outputs[0]); break;
    case Op::mul:
    case Op::div:
      for (const std::size_t i : {0U, 1U})
        if (flag(flow.varies, node.inputs[i]) && flag(flow.learns, node.inputs[1 - i]))
          needed.push_back(node.inputs[i]);
      break;
    case Op::add:
    case Op::sub:
    case Op::sum:
    case Op::neg:
    case Op::concat:
    case Op::slice:
    case Op::split:
    case Op::pad:
    case Op::expand:
    case Op::gather:
    case Op::where:
    case Op::tile:
    case Op::cast:
    case Op::resize:
    case Op::depth_to_space:
    case Op::space_to_depth:
    case Op::average_pool:
    case Op::global_average_pool:
    case Op::reduce_mean:
    case Op::reduce_sum:
    case Op::fake_quantize: break;
    case Op::attention:
      inputs(3);
      needed.push_back(node.outputs[0]);
      break;
    default:
      if (!is_view(node.op)) inputs(node.op == Op::conv || node.op == Op::gemm || node.op == Op::matmul ? 2 : 16);
  }
  return needed;
}

}  // namespace pare::cluster
