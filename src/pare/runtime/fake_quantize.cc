#include "pare/runtime/fake_quantize.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>

#include "pare/base/error.h"
#include "pare/number/tensor_codec.h"
#include "pare/runtime/operators.h"

namespace pare::runtime {
namespace {

using model::Granularity;
using model::QuantizeAttributes;

number::Layout layout_of(at::IntArrayRef shape, const QuantizeAttributes& a) {
  return number::layout(shape.vec(), a.granularity, a.axis, a.group_size);
}

at::Tensor round_on_cpu(const at::Tensor& x, const at::Tensor& scales, const QuantizeAttributes& a) {
  const at::Tensor in = x.contiguous(), s = scales.contiguous();
  at::Tensor out = at::empty_like(in);
  const auto layout = layout_of(in.sizes(), a);
  if (layout.scales() != static_cast<std::size_t>(s.numel()))
    throw Error("has a wrong number of scales", "FakeQuantize");
  number::round_tensor(a.format, a.ties, in.data_ptr<float>(), layout, s.data_ptr<float>(), out.data_ptr<float>());
  return out;
}

/// Scales spread over the tensor: they broadcast against x.
at::Tensor spread(const at::Tensor& scales, at::IntArrayRef shape, const QuantizeAttributes& a) {
  const auto rank = static_cast<std::int64_t>(shape.size());
  if (a.granularity == Granularity::tensor) return scales.reshape({});
  const std::int64_t axis = checked_axis(a.axis, rank);
  std::vector<std::int64_t> wide(shape.size(), 1);
  wide[static_cast<std::size_t>(axis)] = shape[static_cast<std::size_t>(axis)];
  if (a.granularity == Granularity::channel) return scales.reshape(wide);
  // a group is a run of one channel's elements in row-major order of the other axes
  const std::int64_t channels = shape[static_cast<std::size_t>(axis)];
  std::int64_t rest = 1;
  std::vector<std::int64_t> others{channels}, order;
  for (std::int64_t i = 0; i < rank; ++i)
    if (i != axis) {
      rest *= shape[static_cast<std::size_t>(i)];
      others.push_back(shape[static_cast<std::size_t>(i)]);
    }
  const at::Tensor by_channel =
      scales.reshape({channels, -1}).repeat_interleave(a.group_size, 1).slice(1, 0, rest).reshape(others);
  for (std::int64_t i = 0; i < rank; ++i) order.push_back(i == axis ? 0 : i < axis ? i + 1 : i);
  return by_channel.permute(order);
}

class FakeQuantize : public torch::autograd::Function<FakeQuantize> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& x, const at::Tensor& scales,
                            const QuantizeAttributes* attributes) {
    at::Tensor y = round_on_cpu(x, scales, *attributes);
    context->save_for_backward({x, scales, y});
    context->saved_data["attributes"] = reinterpret_cast<std::int64_t>(attributes);
    return y;
  }

  static torch::autograd::tensor_list backward(torch::autograd::AutogradContext* context,
                                               torch::autograd::tensor_list gradients) {
    const auto saved = context->get_saved_variables();
    const at::Tensor &x = saved[0], &scales = saved[1], &y = saved[2], &gradient = gradients[0];
    // torch saves integers and tensors; the attributes outlive the graph. NOLINTNEXTLINE(performance-no-int-to-ptr)
    const auto& a = *reinterpret_cast<const QuantizeAttributes*>(context->saved_data["attributes"].toInt());
    const at::Tensor s = spread(scales, x.sizes(), a);
    const at::Tensor ratio = x / s;
    const auto& grid = number::values(a.format);
    const at::Tensor inside = at::logical_and(ratio >= grid.front(), ratio <= grid.back());
    at::Tensor for_x, for_scales;
    if (context->needs_input_grad(0)) for_x = gradient * inside;
    if (context->needs_input_grad(1)) {
      const at::Tensor each = gradient * (y / s - ratio * inside);
      // summed back to the shape of the scales
      if (a.granularity == Granularity::group) {
        at::AutoGradMode with_gradients(true);
        const at::Tensor leaf = scales.detach().requires_grad_();
        for_scales = torch::autograd::grad({(spread(leaf, x.sizes(), a) * each).sum()}, {leaf})[0];
      } else {
        for_scales = at::sum_to(each, s.sizes()).reshape(scales.sizes());
      }
    }
    return {for_x, for_scales, at::Tensor()};
  }
};

}  // namespace

at::Tensor fake_quantize(const at::Tensor& x, const at::Tensor& scales, const QuantizeAttributes& a) {
  if (!x.is_cpu()) throw Error("FakeQuantize runs on the CPU only", "runtime");
  if (at::GradMode::is_enabled() && (x.requires_grad() || scales.requires_grad()))
    return FakeQuantize::apply(x, scales, &a);
  return round_on_cpu(x, scales, a);
}

at::Tensor dequantize(const at::Tensor& packed, const at::Tensor& scales, const QuantizeAttributes& a) {
  at::Tensor out = at::empty(a.shape, at::kFloat);
  const auto n = static_cast<std::size_t>(out.numel());
  if (static_cast<std::size_t>(packed.numel()) != number::packed_bytes(n, a.format.bits))
    throw Error("has a wrong number of codes", "Dequantize");
  std::vector<std::uint8_t> codes(n);
  number::unpack(packed.contiguous().data_ptr<std::uint8_t>(), n, a.format.bits, codes.data());
  const auto layout = layout_of(out.sizes(), a);
  if (layout.scales() != static_cast<std::size_t>(scales.numel()))
    throw Error("has a wrong number of scales", "Dequantize");
  number::decode_tensor(a.format, codes.data(), layout, scales.contiguous().data_ptr<float>(), out.data_ptr<float>());
  return out;
}

void add_quantize_operators(OperatorTable& table) {
  table[static_cast<std::size_t>(model::Op::fake_quantize)] = [](const model::Node& node, const Tensors& in) {
    return Tensors{fake_quantize(in[0], in[1], node.as<QuantizeAttributes>())};
  };
  table[static_cast<std::size_t>(model::Op::dequantize)] = [](const model::Node& node, const Tensors& in) {
    return Tensors{dequantize(in[0], in[1], node.as<QuantizeAttributes>())};
  };
}

}  // namespace pare::runtime
