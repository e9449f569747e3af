// Quantised weights in standard operators: codes, one byte each, a table of values, scales.
#include <fmt/format.h>

#include <cmath>
#include <numeric>

#include "pare/base/error.h"
#include "pare/model/lower.h"
#include "pare/number/codec.h"

namespace pare::model {
namespace {

using Integers = std::vector<std::int64_t>;

/// How the elements of a tensor are laid over the scales: [outer, channels, inner], and groups within a channel.
struct Layout {
  std::int64_t channels = 1, inner = 1, rest = 1, groups = 1, group_size = 0;

  Layout(const QuantizeAttributes& a, const Integers& shape) {
    const std::int64_t elements =
        std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, [](auto x, auto y) { return x * y; });
    rest = group_size = elements;
    if (a.granularity == Granularity::tensor) return;
    const auto axis = static_cast<std::size_t>(a.axis < 0 ? a.axis + static_cast<std::int64_t>(shape.size()) : a.axis);
    channels = shape[axis];
    for (std::size_t d = axis + 1; d < shape.size(); ++d) inner *= shape[d];
    rest = group_size = channels == 0 ? 0 : elements / channels;
    if (a.granularity != Granularity::group) return;
    group_size = a.group_size;
    groups = (rest + group_size - 1) / group_size;
  }

  std::int64_t scale_index(std::int64_t element, const QuantizeAttributes& a) const {
    if (a.granularity == Granularity::tensor) return 0;
    const std::int64_t channel = element / inner % channels;
    const std::int64_t within = element / (inner * channels) * inner + element % inner;
    return channel * groups + within / group_size;
  }
};

const Tensor& constant_input(const Model& model, const Node& node, std::size_t i) {
  const auto& constant = model.value(node.inputs[i]).constant;
  if (!constant) throw Error("cannot be written with standard operators: its weight is not constant", describe(node));
  return *constant;
}

Tensor reshaped(Tensor tensor, Integers shape) {
  tensor.shape = std::move(shape);
  return tensor;
}

std::string reshape(GraphWriter& w, const std::string& stem, const std::string& x, const Integers& shape) {
  return w.add("Reshape", stem,
               {x, w.constant(stem + "_shape", Tensor::i64({static_cast<std::int64_t>(shape.size())}, shape))});
}

void write(GraphWriter& w, const std::string& stem, const QuantizeAttributes& a, const Integers& shape,
           std::vector<std::uint8_t> codes, const Tensor& scales, const std::string& output) {
  const Layout layout(a, shape);
  Integers code_shape = shape, scale_shape;
  const bool grouped = a.granularity == Granularity::group;
  if (a.granularity == Granularity::channel) {
    scale_shape.assign(shape.size(), 1);
    scale_shape[static_cast<std::size_t>(a.axis < 0 ? a.axis + static_cast<std::int64_t>(shape.size()) : a.axis)] =
        layout.channels;
  }
  if (grouped) {  // codes laid out as [channels, groups, group], the last group of a channel filled up
    code_shape = {layout.channels, layout.groups, layout.group_size};
    scale_shape = {layout.channels, layout.groups, 1};
    std::vector<std::uint8_t> by_group(static_cast<std::size_t>(layout.channels * layout.groups * layout.group_size),
                                       0);
    for (std::int64_t i = 0; i < static_cast<std::int64_t>(codes.size()); ++i) {
      const std::int64_t channel = i / layout.inner % layout.channels;
      const std::int64_t within = i / (layout.inner * layout.channels) * layout.inner + i % layout.inner;
      by_group[static_cast<std::size_t>(channel * layout.groups * layout.group_size + within)] =
          codes[static_cast<std::size_t>(i)];
    }
    codes = std::move(by_group);
  }
  const std::string bytes = w.constant(stem + "/codes", Tensor{ElementType::u8, code_shape, std::move(codes)});
  const std::string index = w.add("Cast", stem + "/index", {bytes});
  set_attribute(w.last(), "to", std::int64_t{onnx::TensorProto::INT32});
  const std::vector<float>& table = number::code_values(a.format);
  const std::string values =
      w.add("Gather", stem + "/values",
            {w.constant(stem + "/table", Tensor::f32({static_cast<std::int64_t>(table.size())}, table)), index});
  const std::string scale = w.constant(stem + "/scales", reshaped(scales, scale_shape));
  if (!grouped) {
    w.add("Mul", stem, {values, scale}, output);
    return;
  }
  std::string y = w.add("Mul", stem + "/scaled", {values, scale});
  y = reshape(w, stem + "/by_channel", y, {layout.channels, layout.groups * layout.group_size});
  y = w.add(
      "Slice", stem + "/cut",
      {y, w.constant(stem + "/from", Tensor::i64({1}, {0})), w.constant(stem + "/to", Tensor::i64({1}, {layout.rest})),
       w.constant(stem + "/axis", Tensor::i64({1}, {1}))});
  // [channels, outer, inner] -> [outer, channels, inner]
  y = reshape(w, stem + "/outer", y,
              {layout.channels, layout.inner == 0 ? 0 : layout.rest / layout.inner, layout.inner});
  y = w.add("Transpose", stem + "/order", {y});
  set_attribute(w.last(), "perm", Integers{1, 0, 2});
  const std::string final_shape =
      w.constant(stem + "/shape", Tensor::i64({static_cast<std::int64_t>(shape.size())}, shape));
  w.add("Reshape", stem, {y, final_shape}, output);
}

}  // namespace

void lower_dequantize(const Model& model, const Node& node, GraphWriter& writer) {
  const auto& a = node.as<QuantizeAttributes>();
  const Tensor& packed = constant_input(model, node, 0);
  std::size_t elements = 1;
  for (const std::int64_t size : a.shape) elements *= static_cast<std::size_t>(size);
  std::vector<std::uint8_t> codes(elements);
  number::unpack(packed.bytes.data(), elements, a.format.bits, codes.data());
  write(writer, node.name, a, a.shape, std::move(codes), constant_input(model, node, 1),
        model.value(node.outputs[0]).name);
}

void lower_constant(const Model& model, const Node& node, GraphWriter& writer) {
  const auto& a = node.as<QuantizeAttributes>();
  const Tensor &x = constant_input(model, node, 0), &scales = constant_input(model, node, 1);
  const Layout layout(a, x.shape);
  std::vector<std::uint8_t> codes(x.elements());
  const auto elements = static_cast<std::int64_t>(x.elements());
  if (!number::all_finite(x.data<float>(), x.elements()))
    throw Error("has a weight that is no finite number", describe(node));
  for (std::int64_t i = 0, end = 0; i < elements; i = end) {
    const std::int64_t which = layout.scale_index(i, a);
    for (end = i + 1; end < elements && layout.scale_index(end, a) == which;) ++end;
    number::encode(a.format, a.ties, x.data<float>() + i, static_cast<std::size_t>(end - i),
                   scales.data<float>()[which], &codes[static_cast<std::size_t>(i)]);
  }
  write(writer, node.name, a, x.shape, std::move(codes), scales, model.value(node.outputs[0]).name);
}

}  // namespace pare::model
