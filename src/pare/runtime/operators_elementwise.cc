// Operators that work element by element, products of matrices and reductions.
#include <ATen/ATen.h>
#include <ATen/ExpandUtils.h>

#include <algorithm>
#include <limits>

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

/// Whether the result of a and b can be written over a.
bool takes_result(const at::Tensor& a, const at::Tensor& b) {
  return a.scalar_type() == b.scalar_type() && reusable(a) && !b.requires_grad() &&
         a.sizes() == at::IntArrayRef(at::infer_size(a.sizes(), b.sizes()));
}

at::Tensor clip(const Tensors& in) {
  const at::Tensor& x = in[0];
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

/// The largest or smallest of no elements: the other end of the type's range.
at::Tensor limit_of_nothing(const at::Tensor& x, const std::vector<std::int64_t>& axes, bool keep, bool highest) {
  const at::Tensor shape = at::sum(x, axes, keep);
  if (x.scalar_type() == at::kBool) return at::full(shape.sizes(), highest, at::kBool);
  if (x.is_floating_point()) {
    const double infinity = std::numeric_limits<double>::infinity();
    return at::full(shape.sizes(), highest ? infinity : -infinity, x.options());
  }
  const auto limit = highest ? std::numeric_limits<std::int32_t>::max() : std::numeric_limits<std::int32_t>::min();
  if (x.scalar_type() != at::kInt) throw Error("cannot reduce no elements of this type", "runtime");
  return at::full(shape.sizes(), limit, x.options());
}

}  // namespace

void add_elementwise_operators(OperatorTable& table) {
  const auto set = [&table](Op op, Operator f) { table[static_cast<std::size_t>(op)] = std::move(f); };

  set(Op::add, [](const Node&, const Tensors& in) {
    if (takes_result(in[0], in[1])) return Tensors{at::Tensor(in[0]).add_(in[1])};
    if (takes_result(in[1], in[0])) return Tensors{at::Tensor(in[1]).add_(in[0])};
    return Tensors{at::add(in[0], in[1])};
  });
  set(Op::sub, binary([](const auto& a, const auto& b) { return at::sub(a, b); }));
  set(Op::mul, [](const Node&, const Tensors& in) {
    if (takes_result(in[0], in[1])) return Tensors{at::Tensor(in[0]).mul_(in[1])};
    if (takes_result(in[1], in[0])) return Tensors{at::Tensor(in[1]).mul_(in[0])};
    return Tensors{at::mul(in[0], in[1])};
  });
  set(Op::div, binary(divide));
  set(Op::pow, binary([](const auto& a, const auto& b) { return at::pow(a, b.to(a.scalar_type())); }));
  set(Op::mod, [](const Node& node, const Tensors& in) {
    return Tensors{node.as<model::ModAttributes>().fmod ? at::fmod(in[0], in[1]) : at::remainder(in[0], in[1])};
  });
  set(Op::equal, binary([](const auto& a, const auto& b) { return at::eq(a, b); }));
  set(Op::greater, binary([](const auto& a, const auto& b) { return at::gt(a, b); }));
  set(Op::greater_or_equal, binary([](const auto& a, const auto& b) { return at::ge(a, b); }));
  set(Op::less_or_equal, binary([](const auto& a, const auto& b) { return at::le(a, b); }));
  set(Op::logical_and, binary([](const auto& a, const auto& b) { return at::logical_and(a, b); }));
  set(Op::logical_or, binary([](const auto& a, const auto& b) { return at::logical_or(a, b); }));
  set(Op::logical_xor, binary([](const auto& a, const auto& b) { return at::logical_xor(a, b); }));
  set(Op::bitwise_and, binary([](const auto& a, const auto& b) { return at::bitwise_and(a, b); }));
  set(Op::bitwise_or, binary([](const auto& a, const auto& b) { return at::bitwise_or(a, b); }));
  set(Op::bitwise_xor, binary([](const auto& a, const auto& b) { return at::bitwise_xor(a, b); }));
  set(Op::bit_shift, [](const Node& node, const Tensors& in) {
    const bool left = node.as<model::BitShiftAttributes>().left;
    return Tensors{left ? at::bitwise_left_shift(in[0], in[1]) : at::bitwise_right_shift(in[0], in[1])};
  });
  set(Op::less, binary([](const auto& a, const auto& b) { return at::lt(a, b); }));
  set(Op::max, fold([](const auto& a, const auto& b) { return at::maximum(a, b); }));
  set(Op::min, fold([](const auto& a, const auto& b) { return at::minimum(a, b); }));
  set(Op::sum, fold([](const auto& a, const auto& b) { return at::add(a, b); }));
  set(Op::mean, [](const Node&, const Tensors& in) {
    at::Tensor sum = in[0];
    for (std::size_t i = 1; i < in.size(); ++i) sum = at::add(sum, in[i]);
    return Tensors{sum / static_cast<double>(in.size())};
  });
  set(Op::where, [](const Node&, const Tensors& in) { return Tensors{at::where(in[0], in[1], in[2])}; });

  set(Op::identity, unary([](const auto& x) { return x; }));
  set(Op::dropout, unary([](const auto& x) { return x; }));
  set(Op::relu, unary([](const auto& x) { return reusable(x) ? at::Tensor(x).relu_() : at::relu(x); }));
  set(Op::silu, unary([](const auto& x) { return at::silu(x); }));
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
  set(Op::linear, [](const Node&, const Tensors& in) { return Tensors{at::linear(in[0], in[1].t(), in[2])}; });
  set(Op::abs, unary([](const auto& x) { return at::abs(x); }));
  set(Op::acos, unary([](const auto& x) { return at::acos(x); }));
  set(Op::acosh, unary([](const auto& x) { return at::acosh(x); }));
  set(Op::asin, unary([](const auto& x) { return at::asin(x); }));
  set(Op::asinh, unary([](const auto& x) { return at::asinh(x); }));
  set(Op::atan, unary([](const auto& x) { return at::atan(x); }));
  set(Op::atanh, unary([](const auto& x) { return at::atanh(x); }));
  set(Op::bitwise_not, unary([](const auto& x) { return at::bitwise_not(x); }));
  set(Op::ceil, unary([](const auto& x) { return at::ceil(x); }));
  set(Op::cos, unary([](const auto& x) { return at::cos(x); }));
  set(Op::cosh, unary([](const auto& x) { return at::cosh(x); }));
  set(Op::floor, unary([](const auto& x) { return at::floor(x); }));
  set(Op::is_nan, unary([](const auto& x) { return at::isnan(x); }));
  set(Op::logical_not, unary([](const auto& x) { return at::logical_not(x); }));
  set(Op::mish, unary([](const auto& x) { return at::mish(x); }));
  set(Op::round, unary([](const auto& x) { return at::round(x); }));
  set(Op::sign, unary([](const auto& x) { return at::sign(x); }));
  set(Op::sin, unary([](const auto& x) { return at::sin(x); }));
  set(Op::sinh, unary([](const auto& x) { return at::sinh(x); }));
  set(Op::softsign, unary([](const auto& x) { return x / (1 + at::abs(x)); }));
  set(Op::tan, unary([](const auto& x) { return at::tan(x); }));
  set(Op::gelu, [](const Node& node, const Tensors& in) {
    return Tensors{at::gelu(in[0], node.as<model::GeluAttributes>().tanh ? "tanh" : "none")};
  });
  set(Op::is_inf, [](const Node& node, const Tensors& in) {
    const auto& a = node.as<model::IsInfAttributes>();
    if (a.negative && a.positive) return Tensors{at::isinf(in[0])};
    if (a.negative) return Tensors{at::isneginf(in[0])};
    return Tensors{a.positive ? at::isposinf(in[0]) : at::zeros_like(in[0], at::kBool)};
  });
  set(Op::celu, [](const Node& node, const Tensors& in) {
    return Tensors{at::celu(in[0], node.as<model::ScalarAttributes>().alpha)};
  });
  set(Op::selu, [](const Node& node, const Tensors& in) {
    const auto& a = node.as<model::ScalarAttributes>();
    return Tensors{at::elu(in[0], a.alpha, a.beta)};
  });
  set(Op::shrink, [](const Node& node, const Tensors& in) {
    const auto& a = node.as<model::ScalarAttributes>();
    const at::Tensor& x = in[0];
    const at::Tensor moved = at::where(x < -a.alpha, x + a.beta, at::where(x > a.alpha, x - a.beta, at::zeros_like(x)));
    return Tensors{moved.to(x.scalar_type())};
  });
  set(Op::thresholded_relu, [](const Node& node, const Tensors& in) {
    return Tensors{at::threshold(in[0], node.as<model::ScalarAttributes>().alpha, 0)};
  });
  set(Op::hardmax, [](const Node& node, const Tensors& in) {
    const std::int64_t axis = checked_axis(node.as<model::AxisAttributes>().axis, in[0].dim());
    return Tensors{at::scatter(at::zeros_like(in[0]), axis, at::argmax(in[0], axis, true), 1)};
  });
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
  set(Op::reduce_l1, reduction([](const auto& x, const auto& axes, bool keep) {
        return at::sum(at::abs(x), axes, keep, x.scalar_type());
      }));
  set(Op::reduce_l2, reduction([](const auto& x, const auto& axes, bool keep) {
        return at::sqrt(at::sum(x * x, axes, keep)).to(x.scalar_type());
      }));
  set(Op::reduce_log_sum,
      reduction([](const auto& x, const auto& axes, bool keep) { return at::log(at::sum(x, axes, keep)); }));
  set(Op::reduce_log_sum_exp,
      reduction([](const auto& x, const auto& axes, bool keep) { return at::logsumexp(x, axes, keep); }));
  set(Op::reduce_sum_square, reduction([](const auto& x, const auto& axes, bool keep) {
        return at::sum(x * x, axes, keep, x.scalar_type());
      }));
  set(Op::reduce_prod, reduction([](const auto& x, std::vector<std::int64_t> axes, bool keep) {
        for (auto& axis : axes) axis = checked_axis(axis, x.dim());
        std::ranges::sort(axes, std::greater<>());  // from the last, so that the others keep their numbers
        at::Tensor product = x;
        for (const std::int64_t axis : axes) product = at::prod(product, axis, keep, x.scalar_type());
        return product;
      }));
  set(Op::reduce_max, reduction([](const auto& x, const auto& axes, bool keep) {
        return x.numel() == 0 ? limit_of_nothing(x, axes, keep, false) : at::amax(x, axes, keep);
      }));
  set(Op::reduce_min, reduction([](const auto& x, const auto& axes, bool keep) {
        return x.numel() == 0 ? limit_of_nothing(x, axes, keep, true) : at::amin(x, axes, keep);
      }));
}

}  // namespace pare::runtime
