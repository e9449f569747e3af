#include "pare/imaging/network_layers.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "pare/base/error.h"
#include "pare/imaging/integers.h"
#include "pare/model/graph_edit.h"
#include "pare/number/codec.h"
#include "pare/number/tensor_codec.h"

namespace pare::imaging {
namespace {

using model::describe;

constexpr std::int64_t most_window = 64;  // rows, columns, strides, dilations and padding

[[noreturn]] void refuse(const model::Node& node, const std::string& what, const std::string& mend = {}) {
  throw Error(what, printable(describe(node)), mend);
}

/// What the network loses of one axis of P - lost pixels, P a multiple of the stride, against P / stride.
struct AxisWindow {
  std::int64_t extent, stride, before, after, lost;
  bool ceil = false;
  std::int64_t lost_after = 0;
  bool reads_beyond = false;

  void solve() {
    const std::int64_t room = before + after - extent - lost;
    lost_after = -((ceil ? ceil_divide(room, stride) : floor_divide(room, stride)) + 1);
    // a window that would begin in the padding at the end does not count
    if (ceil && -(lost_after + 1) * stride >= before - lost) ++lost_after;
    reads_beyond = extent + lost > (lost_after + 1) * stride + before;
  }
};

template <typename Attributes>
void read_window(const model::Node& node, const Attributes& a, bool ceil, int lost_rows, int lost_columns,
                 Layer& layer) {
  if (a.kernel.size() != 2) refuse(node, fmt::format("has {} spatial axes, an image has 2", a.kernel.size()));
  if (a.strides[0] != a.strides[1])
    refuse(node, fmt::format("has strides of {} rows and {} columns", a.strides[0], a.strides[1]),
           "a pipeline samples both directions alike");
  for (const auto* list : {&a.kernel, &a.strides, &a.dilations, &a.pads})
    for (const std::int64_t size : *list)
      if (size < 0 || size > most_window)
        refuse(node, fmt::format("has a size of {} in its window", size), fmt::format("0 to {}", most_window));
  layer.height = static_cast<int>(a.kernel[0]), layer.width = static_cast<int>(a.kernel[1]);
  layer.stride = static_cast<int>(a.strides[0]);
  layer.dilation_y = static_cast<int>(a.dilations[0]), layer.dilation_x = static_cast<int>(a.dilations[1]);
  for (const int size : {layer.height, layer.width, layer.stride, layer.dilation_y, layer.dilation_x})
    if (size < 1) refuse(node, "has an empty window, or a step of 0");
  AxisWindow axes[2];
  for (std::size_t d = 0; d < 2; ++d) {
    AxisWindow& axis = axes[d];
    axis = {(a.kernel[d] - 1) * a.dilations[d] + 1, a.strides[d], a.pads[d], a.pads[d + 2],
            d == 0 ? lost_rows : lost_columns,      ceil};
    if (a.auto_pad == model::AutoPad::same_upper || a.auto_pad == model::AutoPad::same_lower) {
      // the size is not known: any multiple of the stride, unless something is lost before
      if (axis.lost != 0) refuse(node, "pads by a size that is not known", "write its pads out (onnx shape inference)");
      const std::int64_t padding = std::max<std::int64_t>(0, axis.extent - axis.stride), less = padding / 2;
      axis.before = a.auto_pad == model::AutoPad::same_upper ? less : padding - less;
      axis.after = padding - axis.before;
    }
    axis.solve();
    if (axis.lost_after < 0)
      refuse(node, fmt::format("makes {} {} more than its input has", -axis.lost_after, d == 0 ? "rows" : "columns"),
             "padding may keep the size, not enlarge it");
    if (axis.reads_beyond && axis.lost > 0)
      refuse(node, "pads an image of which layers before it have cut the end", "end the chain before it by --to");
  }
  layer.top = static_cast<int>(axes[0].before), layer.left = static_cast<int>(axes[1].before);
  layer.lost_rows = static_cast<int>(axes[0].lost_after), layer.lost_columns = static_cast<int>(axes[1].lost_after);
  layer.reads_beyond = axes[0].reads_beyond || axes[1].reads_beyond;
}

/// Values of codes as integers, and the power of two that they were multiplied by.
std::vector<std::int64_t> integers_of(const model::Node& node, const number::Format& format, int& fraction) {
  const std::vector<float>& values = number::code_values(format);
  constexpr int most_fraction = 24;
  constexpr double most_integer = 0x1p31;
  for (fraction = 0; fraction <= most_fraction; ++fraction) {
    std::vector<std::int64_t> out;
    for (const float value : values) {
      const double raised = std::ldexp(static_cast<double>(value), fraction);
      if (raised != std::floor(raised) || std::abs(raised) > most_integer) break;
      out.push_back(static_cast<std::int64_t>(raised));
    }
    if (out.size() == values.size()) return out;
  }
  refuse(node, fmt::format("holds {}, whose values are no integers of 32 bits", number::name(format)),
         "quantise it in another format");
}

void read_weights(const NetworkView& network, const model::Node& node, Layer& layer, std::int64_t groups) {
  const model::ValueId id = node.inputs[1];
  const model::Node* maker = network.maker(id);
  const model::Shape& shape = network.model.value(id).shape;
  if (shape.size() != 4) refuse(node, "has weights of unknown shape");
  layer.outputs = static_cast<int>(shape[0].size), layer.taps = static_cast<int>(shape[1].size);
  if (layer.outputs < 1 || layer.taps < 1 || layer.taps * groups != layer.inputs || layer.outputs % groups != 0)
    refuse(node,
           fmt::format("has weights {} in {} groups for {} channels", model::to_string(shape), groups, layer.inputs));
  const std::size_t count =
      static_cast<std::size_t>(layer.outputs) * static_cast<std::size_t>(layer.taps) * layer.window();
  if (maker && maker->op == model::Op::dequantize) {
    const auto& a = maker->as<model::QuantizeAttributes>();
    const auto& packed = network.model.value(maker->inputs[0]).constant;
    const auto scales = network.constant(*maker, 1, "scales");
    const std::vector<float> narrow(scales.begin(), scales.end());
    int fraction = 0;
    const std::vector<std::int64_t> values = integers_of(node, a.format, fraction);
    std::vector<std::uint8_t> codes(count);
    number::unpack(packed->data<std::uint8_t>(), count, a.format.bits, codes.data());
    const number::Layout layout = number::layout(a.shape, a.granularity, a.axis, a.group_size);
    layer.coded.emplace();
    for (const float scale : number::spread_scales(layout, narrow.data()))
      layer.coded->scales.push_back(std::ldexp(static_cast<double>(scale), -fraction));
    for (const std::uint8_t code : codes) layer.coded->integers.push_back(values[code]);
    for (std::size_t i = 0; i < count; ++i)
      layer.weights.push_back(layer.coded->scales[i] * static_cast<double>(layer.coded->integers[i]));
  } else {
    layer.weights = network.constant(node, 1, "weights");
  }
  if (layer.weights.size() != count) refuse(node, "has weights of another size than its shape");
  layer.grouped = groups > 1;
  for (int o = 0; o < layer.outputs; ++o)
    for (int k = 0; k < layer.taps; ++k)
      layer.reads.push_back(static_cast<int>(o / (layer.outputs / groups)) * layer.taps + k);
}

void clip(Layer& layer, double low, double high) {
  layer.low = std::min(std::max(layer.low, low), high);
  layer.high = std::min(std::max(layer.high, low), high);
}

bool is_plain(const Layer& layer) {
  return layer.kind == LayerKind::convolution && layer.slope == 1 && std::isinf(layer.low) && std::isinf(layer.high) &&
         !layer.levels;
}

/// One number for each channel out of a constant that is broadcast over [n, channels, rows, columns].
std::vector<double> per_channel(const NetworkView& network, const model::Node& node, std::size_t input, int channels) {
  std::vector<double> out = network.constant(node, input, "a constant");
  const model::Shape& shape = network.model.value(node.inputs[input]).shape;
  std::size_t axis = 0;
  for (std::size_t d = 0; d < shape.size(); ++d)
    if (shape[d].size != 1) axis = shape.size() - d;
  if (out.size() == 1)
    out.resize(static_cast<std::size_t>(channels), out[0]);
  else if (axis != 3 || out.size() != static_cast<std::size_t>(channels))
    refuse(node, "has a constant that is not one number for each channel");
  return out;
}

}  // namespace

NetworkView::NetworkView(const model::Model& network)
    : model(network), readers(network.readers()), makers_(network.values.size()) {
  for (const model::Node& node : network.nodes)
    for (const model::ValueId output : node.outputs)
      if (output != model::no_value) makers_[static_cast<std::size_t>(output)] = &node;
}

const model::Node* NetworkView::maker(model::ValueId value) const { return makers_[static_cast<std::size_t>(value)]; }

std::vector<double> NetworkView::constant(const model::Node& node, std::size_t input, const char* what) const {
  const model::ValueId id = node.inputs[input];
  const auto& tensor = model.value(id).constant;
  if (!tensor || tensor->type != model::ElementType::f32)
    refuse(node, fmt::format("has {} that {} a float32 constant", what, what[0] == 'a' ? "is not" : "are not"));
  std::vector<double> out;
  for (std::size_t i = 0; i < tensor->elements(); ++i) {
    out.push_back(static_cast<double>(tensor->data<float>()[i]));
    if (!std::isfinite(out.back())) refuse(node, fmt::format("has {} of which one is {}", what, out.back()));
  }
  return out;
}

bool begins_layer(model::Op op) {
  return op == model::Op::conv || op == model::Op::max_pool || op == model::Op::average_pool;
}

Layer begin_layer(const NetworkView& network, const model::Node& node, int inputs, int lost_rows, int lost_columns) {
  Layer layer;
  layer.node = printable(describe(node));
  layer.inputs = layer.outputs = inputs;
  if (node.op == model::Op::conv) {
    const auto& a = node.as<model::ConvAttributes>();
    read_window(node, a, false, lost_rows, lost_columns, layer);
    read_weights(network, node, layer, a.groups);
    layer.offsets.assign(static_cast<std::size_t>(layer.outputs), 0);
    if (node.inputs.size() > 2 && node.inputs[2] != model::no_value)
      layer.offsets = network.constant(node, 2, "biases");
  } else {
    const auto& a = node.as<model::PoolAttributes>();
    read_window(node, a, a.ceil_mode, lost_rows, lost_columns, layer);
    if (layer.dilation_y != 1 || layer.dilation_x != 1) refuse(node, "is dilated, which only a convolution may be");
    layer.kind = node.op == model::Op::max_pool ? LayerKind::maximum : LayerKind::average;
    if (layer.kind == LayerKind::average && layer.has_padding() && (!a.count_include_pad || a.ceil_mode))
      refuse(node, "divides by fewer pixels at the edges", "a mean that counts its padding, or has none, can be built");
    for (int c = 0; c < inputs; ++c) layer.reads.push_back(c);
    layer.grouped = true;
    layer.offsets.assign(static_cast<std::size_t>(inputs), 0);
  }
  constexpr int most_channels = 256;
  if (layer.outputs > most_channels)
    refuse(node, fmt::format("makes {} channels, of at most {}", layer.outputs, most_channels));
  layer.gains.assign(static_cast<std::size_t>(layer.outputs), 1);
  return layer;
}

void continue_layer(const NetworkView& network, const model::Node& node, Layer& layer) {
  if (layer.levels) refuse(node, "stands behind a value that is rounded", "end the chain before it by --to");
  const auto channels = static_cast<std::size_t>(layer.outputs);
  const auto add = [&](std::size_t c, double gain, double offset) {
    layer.gains[c] *= gain;
    layer.offsets[c] = layer.offsets[c] * gain + offset;
  };
  const double infinity = std::numeric_limits<double>::infinity();
  switch (node.op) {
    case model::Op::relu: clip(layer, 0, infinity); return;
    case model::Op::clip: {
      const auto bound = [&](std::size_t i, double otherwise) {
        if (node.inputs.size() <= i || node.inputs[i] == model::no_value) return otherwise;
        return network.constant(node, i, "a bound").at(0);
      };
      const double low = bound(1, -infinity), high = bound(2, infinity);
      if (low > high) refuse(node, fmt::format("clips to {:g} .. {:g}", low, high));
      clip(layer, low, high);
      return;
    }
    case model::Op::leaky_relu: {
      const auto alpha = static_cast<double>(node.as<model::ScalarAttributes>().alpha);
      if (!(alpha >= 0) || alpha > 16) refuse(node, fmt::format("has the slope {}", alpha), "0 to 16");
      if (alpha == 0) return clip(layer, 0, infinity);
      if (layer.low < 0) layer.low *= alpha;
      if (layer.high < 0) layer.high *= alpha;
      layer.slope *= alpha;
      return;
    }
    case model::Op::batch_normalization: {
      if (!is_plain(layer)) refuse(node, "does not follow a convolution", "end the chain before it by --to");
      const auto gamma = network.constant(node, 1, "scales"), beta = network.constant(node, 2, "offsets"),
                 mean = network.constant(node, 3, "means"), variance = network.constant(node, 4, "variances");
      const auto epsilon = static_cast<double>(node.as<model::BatchNormalizationAttributes>().epsilon);
      for (const auto* list : {&gamma, &beta, &mean, &variance})
        if (list->size() != channels)
          refuse(node, fmt::format("has {} numbers for {} channels", list->size(), channels));
      for (std::size_t c = 0; c < channels; ++c) {
        if (!(variance[c] + epsilon > 0)) refuse(node, fmt::format("has the variance {}", variance[c]));
        const double gain = gamma[c] / std::sqrt(variance[c] + epsilon);
        add(c, gain, beta[c] - mean[c] * gain);
      }
      return;
    }
    case model::Op::add:
    case model::Op::mul: {
      const std::size_t other = network.model.value(node.inputs[0]).constant ? 0 : 1;
      if (!network.model.value(node.inputs[other]).constant) break;
      if (!is_plain(layer)) refuse(node, "does not follow a convolution", "end the chain before it by --to");
      const auto numbers = per_channel(network, node, other, layer.outputs);
      for (std::size_t c = 0; c < channels; ++c)
        node.op == model::Op::add ? add(c, 1, numbers[c]) : add(c, numbers[c], 0);
      return;
    }
    default: break;
  }
  refuse(
      node, "is no convolution, activation or pooling that a pipeline can do",
      "known are Conv, MaxPool, AveragePool, Relu, Clip, LeakyRelu, and BatchNormalization, Add and Mul of constants");
}

Levels levels_of(const NetworkView& network, const model::Node& node, int channels) {
  const auto& a = node.as<model::QuantizeAttributes>();
  if (a.granularity == number::Granularity::group || (a.granularity == number::Granularity::channel && a.axis != 1))
    refuse(node, "rounds by scales along another axis than the channels");
  int fraction = 0;
  std::vector<std::int64_t> values = integers_of(node, a.format, fraction);
  std::ranges::sort(values);
  values.erase(std::unique(values.begin(), values.end()), values.end());
  Levels out{.scales = network.constant(node, 1, "scales"), .low = values.front(), .high = values.back(), .uneven = {}};
  if (out.scales.size() == 1) out.scales.resize(static_cast<std::size_t>(channels), out.scales[0]);
  if (out.scales.size() != static_cast<std::size_t>(channels))
    refuse(node, fmt::format("has {} scales for {} channels", out.scales.size(), channels));
  for (double& scale : out.scales) scale = std::ldexp(scale, -fraction);
  if (out.high - out.low + 1 != static_cast<std::int64_t>(values.size())) out.uneven = std::move(values);
  return out;
}

}  // namespace pare::imaging
