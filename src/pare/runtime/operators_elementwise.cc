// Operators that work element by element, products of matrices and reductions.
#include <ATen/ATen.h>

#include "pare/base/error.h"
#include "pare/runtime/operators.h"

namespace pare::runtime {
namespace {

using model::Node;
using model::Op;

template <typename F>
Operator unary(F f) {
  return [f](const Node&, const Tensors& in) { return Tensors{f(in[0])}; };
}

template <typename F>
Operator binary(F f) {
  return [f](const Node&, const Tensors& in) { return Tensors{f(in[0], in[1])}; };
}

/// ONNX integer division truncates; torch's `/` makes floats of integers.
at::Tensor divide(const at::Tensor& a, const at::Tensor& b) {
  return at::isIntegralType(a.scalar_type(), false) ? at::div(a, b, "trunc") : at::div(a, b);
}

at::Tensor clip(const Tensors& in) {
  at::Tensor x = in[0];
  const bool low = in.size() > 1 && in[1].defined(), high = in.size() > 2 && in[2].defined();
  if (low && high) return at::clamp(x, in[1].item(), in[2].item());
  if (low) return at::clamp_min(x, in[1].item());
  return high ? at::clamp_max(x, in[2].item()) : x;
}

at::Tensor gemm(const Node& node, const Tensors& in) {
  const auto& a = node.as<model::GemmAttributes>();
  const at::Tensor left = a.transpose_a ? in[0].t() : in[0];
  const at::Tensor right = a.transpose_b ? in[1].t() : in[1];
  if (in.size() > 2 && in[2].defined()) return at::addmm(in[2], left, right, a.beta, a.alpha);
  const at::Tensor product = at::mm(left, right);
  return a.alpha == 1 ? product : product * a.alpha;
}

/// Folds a list of inputs with a binary function (Max, Min).
template <typename F>
Operator fold(F f) {
  return [f](const Node&, const Tensors& in) {
    at::Tensor result = in[0];
    for (std::size_t i = 1; i < in.size(); ++i) result = f(result, in[i]);
    return Tensors{result};
  };
}

template <typename F>
Operator reduction(F f) {
  return [f](const Node& node, const Tensors& in) {
    const auto& a = node.as<model::ReduceAttributes>();
    std::vector<std::int64_t> axes;
    if (in.size() > 1 && in[1].defined()) axes = integers(in[1]);
    if (axes.empty()) {
      if (a.noop_with_empty_axes) return Tensors{in[0]};
      for (std::int64_t i = 0; i < in[0].dim(); ++i) axes.push_back(i);
    }
    return Tensors{f(in[0], axes, a.keep_dims)};
  };
}

}  // namespace

void add_elementwise_operators(OperatorTable& table) {
  const auto set = [&table](Op op, Operator f) { table[static_cast<std::size_t>(op)] = std::move(f); };

  set(Op::add, binary([](const auto& a, const auto& b) { return at::add(a, b); }));
  set(Op::sub, binary([](const auto& a, const auto& b) { return at::sub(a, b); }));
  set(Op::mul, binary([](const auto& a, const auto& b) { return at::mul(a, b); }));
  set(Op::div, binary(divide));
  set(Op::pow, binary([](const auto& a, const auto& b) { return at::pow(a, b.to(a.scalar_type())); }));
  set(Op::mod, [](const Node& node, const Tensors& in) {
    return Tensors{node.as<model::ModAttributes>().fmod ? at::fmod(in[0], in[1]) : at::remainder(in[0], in[1])};
  });
  set(Op::equal, binary([](const auto& a, const auto& b) { return at::eq(a, b); }));
  set(Op::greater, binary([](const auto& a, const auto& b) { return at::gt(a, b); }));
  set(Op::less, binary([](const auto& a, const auto& b) { return at::lt(a, b); }));
  set(Op::max, fold([](const auto& a, const auto& b) { return at::maximum(a, b); }));
  set(Op::min, fold([](const auto& a, const auto& b) { return at::minimum(a, b); }));
  set(Op::where, [](const Node&, const Tensors& in) { return Tensors{at::where(in[0], in[1], in[2])}; });

  set(Op::identity, unary([](const auto& x) { return x; }));
  set(Op::dropout, unary([](const auto& x) { return x; }));
  set(Op::relu, unary([](const auto& x) { return at::relu(x); }));
  set(Op::sigmoid, unary([](const auto& x) { return at::sigmoid(x); }));
  set(Op::tanh, unary([](const auto& x) { return at::tanh(x); }));
  set(Op::exp, unary([](const auto& x) { return at::exp(x); }));
  set(Op::log, unary([](const auto& x) { return at::log(x); }));
  set(Op::neg, unary([](const auto& x) { return at::neg(x); }));
  set(Op::sqrt, unary([](const auto& x) { return at::sqrt(x); }));
  set(Op::erf, unary([](const auto& x) { return at::erf(x); }));
  set(Op::reciprocal, unary([](const auto& x) { return at::reciprocal(x); }));
  set(Op::softplus, unary([](const auto& x) { return at::softplus(x); }));
  set(Op::hard_swish, unary([](const auto& x) { return at::hardswish(x); }));
  set(Op::elu, [](const Node& node, const Tensors& in) {
    return Tensors{at::elu(in[0], node.as<model::ScalarAttributes>().alpha)};
  });
  set(Op::leaky_relu, [](const Node& node, const Tensors& in) {
    return Tensors{at::leaky_relu(in[0], node.as<model::ScalarAttributes>().alpha)};
  });
  set(Op::hard_sigmoid, [](const Node& node, const Tensors& in) {
    const auto& a = node.as<model::ScalarAttributes>();
    return Tensors{at::clamp(in[0] * a.alpha + a.beta, 0, 1)};
  });
  set(Op::prelu, binary([](const auto& x, const auto& slope) { return at::where(x < 0, x * slope, x); }));
  set(Op::clip, [](const Node&, const Tensors& in) { return Tensors{clip(in)}; });

  set(Op::gemm, [](const Node& node, const Tensors& in) { return Tensors{gemm(node, in)}; });
  set(Op::matmul, binary([](const auto& a, const auto& b) { return at::matmul(a, b); }));
  set(Op::softmax, [](const Node& node, const Tensors& in) {
    return Tensors{at::softmax(in[0], node.as<model::AxisAttributes>().axis)};
  });
  set(Op::log_softmax, [](const Node& node, const Tensors& in) {
    return Tensors{at::log_softmax(in[0], node.as<model::AxisAttributes>().axis)};
  });

  set(Op::reduce_mean, reduction([](const auto& x, const auto& axes, bool keep) { return at::mean(x, axes, keep); }));
  set(Op::reduce_sum, reduction([](const auto& x, const auto& axes, bool keep) { return at::sum(x, axes, keep); }));
  set(Op::reduce_max, reduction([](const auto& x, const auto& axes, bool keep) { return at::amax(x, axes, keep); }));
  set(Op::reduce_min, reduction([](const auto& x, const auto& axes, bool keep) { return at::amin(x, axes, keep); }));
}

}  // namespace pare::runtime
