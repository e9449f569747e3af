// Quantisation as ONNX writes it, and arithmetic on quantised integers. Products are formed in float64, where sums of
// products of bytes are exact.
#include <ATen/ATen.h>

#include "pare/base/error.h"
#include "pare/runtime/operators.h"
#include "pare/runtime/tensors.h"

namespace pare::runtime {
namespace {

using model::LinearAttributes;
using model::Node;
using model::Op;

std::pair<double, double> range_of(at::ScalarType type) {
  switch (type) {
    case at::kChar: return {-128, 127};
    case at::kByte: return {0, 255};
    case at::kShort: return {-32768, 32767};
    case at::kUInt16: return {0, 65535};
    default: throw Error(std::string("cannot quantise to ") + at::toString(type), "runtime");
  }
}

/// One number, one a channel of an axis, or one a block along it, spread over `like`.
at::Tensor spread(const at::Tensor& parameter, const at::Tensor& like, const LinearAttributes& a) {
  if (parameter.numel() == 1) return parameter.reshape({});
  const std::int64_t axis = checked_axis(a.axis, like.dim());
  if (a.block > 0) return parameter.repeat_interleave(a.block, axis).narrow(axis, 0, like.size(axis));
  std::vector<std::int64_t> shape(static_cast<std::size_t>(like.dim()), 1);
  shape[static_cast<std::size_t>(axis)] = parameter.numel();
  return parameter.reshape(shape);
}

at::Tensor rounded_to(const at::Tensor& x, at::ScalarType type) {
  const auto [low, high] = range_of(type);
  return at::clamp(x, low, high).to(type);
}

at::Tensor quantize(const at::Tensor& x, const at::Tensor& scale, const at::Tensor& zero, const LinearAttributes& a,
                    at::ScalarType type) {
  at::Tensor q = at::round(x / spread(scale, x, a).to(x.scalar_type())).to(at::kFloat);
  if (zero.defined()) q = q + spread(zero, x, a).to(at::kFloat);
  return rounded_to(q, type);
}

at::Tensor quantize_linear(const Node& node, const Tensors& in) {
  const auto& a = node.as<LinearAttributes>();
  const at::Tensor zero = optional_input(in, 2);
  const at::ScalarType type = zero.defined() ? zero.scalar_type() : a.typed ? torch_type(a.type) : at::kByte;
  const at::Tensor x = in[0].is_floating_point() ? in[0] : in[0].to(at::kFloat);
  return quantize(x, in[1], zero, a, type);
}

at::Tensor dequantize(const at::Tensor& q, const at::Tensor& scale, const at::Tensor& zero, const LinearAttributes& a) {
  at::Tensor x = q.to(at::kFloat);
  if (zero.defined()) x = x - spread(zero, q, a).to(at::kFloat);
  return (x * spread(scale, q, a).to(at::kFloat)).to(scale.scalar_type());
}

Tensors dynamic_quantize(const Node&, const Tensors& in) {
  const at::Tensor low = at::clamp_max(in[0].min(), 0), high = at::clamp_min(in[0].max(), 0);
  const at::Tensor scale = (high - low) / 255;
  const at::Tensor zero = rounded_to(at::round(-low / scale).nan_to_num(0, 0, 0), at::kByte);
  const at::Tensor q = at::where(scale == 0, at::zeros_like(in[0]), at::round(in[0] / scale)) + zero.to(at::kFloat);
  return {rounded_to(q, at::kByte), scale, zero};
}

/// Less its zero point, which may run over the rows of a matrix or the channels of a kernel.
at::Tensor centred(const at::Tensor& q, const at::Tensor& zero, std::int64_t axis) {
  at::Tensor x = q.to(at::kDouble);
  if (!zero.defined()) return x;
  return x - spread(zero, q, LinearAttributes{.axis = axis}).to(at::kDouble);
}

at::Tensor convolution(const Node& node, const at::Tensor& x, const at::Tensor& w) {
  return convolve(node.as<model::ConvAttributes>(), x, w, {});
}

at::Tensor matmul_integer(const Node&, const Tensors& in) {
  const at::Tensor a = centred(in[0], optional_input(in, 2), -2), b = centred(in[1], optional_input(in, 3), -1);
  return at::matmul(a, b).to(at::kInt);
}

at::Tensor conv_integer(const Node& node, const Tensors& in) {
  const at::Tensor x = centred(in[0], optional_input(in, 2), 1), w = centred(in[1], optional_input(in, 3), 0);
  return convolution(node, x, w).to(at::kInt);
}

/// inputs: a, its scale and zero point, b, its scale and zero point, the result's scale and zero point
at::Tensor qlinear_matmul(const Node&, const Tensors& in) {
  const at::Tensor product = at::matmul(centred(in[0], in[2], -2), centred(in[3], in[5], -1));
  const LinearAttributes rows{.axis = -2}, columns{.axis = -1};
  const at::Tensor scale =
      spread(in[1], product, rows).to(at::kDouble) * spread(in[4], product, columns).to(at::kDouble);
  const at::Tensor q = at::round(product * scale / spread(in[6], product, rows).to(at::kDouble)) +
                       spread(in[7], product, rows).to(at::kDouble);
  return rounded_to(q, in[7].scalar_type());
}

/// The same, and a bias of int32 in units of the product of the scales
at::Tensor qlinear_conv(const Node& node, const Tensors& in) {
  at::Tensor product = convolution(node, centred(in[0], in[2], 1), centred(in[3], in[5], 0));
  const LinearAttributes channels{.axis = 1};
  if (const at::Tensor bias = optional_input(in, 8); bias.defined())
    product = product + spread(bias, product, channels).to(at::kDouble);
  const at::Tensor scale = in[1].to(at::kDouble) * spread(in[4], product, channels).to(at::kDouble);
  const at::Tensor q = at::round(product * scale / in[6].to(at::kDouble)) + in[7].to(at::kDouble);
  return rounded_to(q, in[7].scalar_type());
}

}  // namespace

void add_integer_operators(OperatorTable& table) {
  const auto set = [&table](Op op, Operator f) { table[static_cast<std::size_t>(op)] = std::move(f); };

  set(Op::quantize_linear, [](const Node& n, const Tensors& in) { return Tensors{quantize_linear(n, in)}; });
  set(Op::dequantize_linear, [](const Node& n, const Tensors& in) {
    return Tensors{dequantize(in[0], in[1], optional_input(in, 2), n.as<LinearAttributes>())};
  });
  set(Op::dynamic_quantize_linear, dynamic_quantize);
  set(Op::matmul_integer, [](const Node& n, const Tensors& in) { return Tensors{matmul_integer(n, in)}; });
  set(Op::conv_integer, [](const Node& n, const Tensors& in) { return Tensors{conv_integer(n, in)}; });
  set(Op::qlinear_matmul, [](const Node& n, const Tensors& in) { return Tensors{qlinear_matmul(n, in)}; });
  set(Op::qlinear_conv, [](const Node& n, const Tensors& in) { return Tensors{qlinear_conv(n, in)}; });
}

}  // namespace pare::runtime
