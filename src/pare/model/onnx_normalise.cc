#include "pare/model/onnx_normalise.h"

#include "pare/base/error.h"
#include "pare/model/graph_edit.h"
#include "pare/model/shapes.h"

namespace pare::model {
namespace {

/// Before opset 13 Softmax flattened the axes from `axis` on: the same as over one axis if the others have size one.
void settle_softmax(const Model& model, Node& node) {
  const Value& value = model.value(node.inputs[0]);
  if (!value.shape_known) throw Error("needs the rank of its input", describe(node));
  auto& axis = std::get<AxisAttributes>(node.attributes).axis;
  const auto rank = static_cast<std::int64_t>(value.shape.size());
  const std::int64_t first = axis < 0 ? axis + rank : axis;
  std::int64_t wide = -1;
  for (std::int64_t i = first; i < rank; ++i)
    if (value.shape[static_cast<std::size_t>(i)].size != 1) {
      if (wide >= 0)
        throw Error("runs over several axes at once, which pare does not know", describe(node),
                    "export with opset 13 or later");
      wide = i;
    }
  axis = wide >= 0 ? wide : first;
}

/// pads over `axes` become pads over all axes.
void settle_pad(Model& model, Node& node, FreshNames& names) {
  if (node.inputs.size() < 4 || node.inputs[3] == no_value) return;
  const Value& data = model.value(node.inputs[0]);
  const auto pads = model.value(node.inputs[1]).constant, axes = model.value(node.inputs[3]).constant;
  if (data.shape_known && (!pads || !axes)) return;  // the runtime sees them
  if (!data.shape_known || !pads || !axes) throw Error("needs a known rank, pads and axes", describe(node));
  const auto rank = static_cast<std::int64_t>(data.shape.size());
  const std::vector<std::int64_t> some = pads->integers(), which = axes->integers();
  std::vector<std::int64_t> all(static_cast<std::size_t>(2 * rank), 0);
  for (std::size_t i = 0; i < which.size(); ++i) {  // infer_shapes has checked both
    const auto axis = static_cast<std::size_t>(which[i] < 0 ? which[i] + rank : which[i]);
    all[axis] = some[i];
    all[axis + static_cast<std::size_t>(rank)] = some[i + which.size()];
  }
  node.inputs[1] = model.add_constant(names.make(node.name + "/pads"), Tensor::i64({2 * rank}, all));
  node.inputs.resize(node.inputs[2] == no_value ? 2 : 3);
}

void settle_split(Model& model, Node& node, FreshNames& names) {
  if (node.inputs.size() > 1 && node.inputs[1] != no_value) return;
  const Value& data = model.value(node.inputs[0]);
  std::vector<std::int64_t> sizes;
  std::int64_t axis = std::get<AxisAttributes>(node.attributes).axis;
  if (axis < 0) axis += static_cast<std::int64_t>(data.shape.size());
  const Dimension whole = data.shape_known ? data.shape[static_cast<std::size_t>(axis)] : Dimension{};
  if (!whole.known()) throw Error("splits a dimension of unknown size", describe(node), "export with its sizes");
  const auto count = static_cast<std::int64_t>(node.outputs.size());
  const std::int64_t part = (whole.size + count - 1) / count;
  for (std::int64_t i = 0; i < count; ++i) sizes.push_back(std::min(part, whole.size - part * i));
  node.inputs.resize(1);
  node.inputs.push_back(model.add_constant(names.make(node.name + "/sizes"), Tensor::i64({count}, sizes)));
}

}  // namespace

void normalise(Model& model, int opset) {
  infer_shapes(model);
  FreshNames names(model);
  for (Node& node : model.nodes) {
    if (opset < 13 && (node.op == Op::softmax || node.op == Op::log_softmax)) settle_softmax(model, node);
    if (node.op == Op::pad) settle_pad(model, node, names);
    if (node.op == Op::split) settle_split(model, node, names);
    if (node.op == Op::cast_like) {
      node.op = Op::cast;
      node.attributes = CastAttributes{model.value(node.inputs[1]).type};
      node.inputs.resize(1);
    }
  }
  drop_unneeded_nodes(model);
  drop_unneeded_values(model);
}

}  // namespace pare::model
