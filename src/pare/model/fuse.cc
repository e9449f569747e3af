#include "pare/model/fuse.h"

#include <cmath>
#include <initializer_list>
#include <optional>

#include "pare/model/graph_edit.h"

namespace pare::model {
namespace {

/// Rewrites the last node of each pattern; the nodes before it go where nothing else needs them.
class Fuser {
 public:
  explicit Fuser(Model& model)
      : m_(model), names_(model), producer_(model.values.size(), nullptr), reads_(model.values.size(), 0) {
    for (Node& node : m_.nodes) {
      for (const ValueId id : node.outputs)
        if (id != no_value) producer_[index(id)] = &node;
      for (const ValueId id : node.inputs)
        if (id != no_value) ++reads_[index(id)];
    }
    for (const ValueId id : m_.outputs) ++reads_[index(id)];
  }

  void run() {
    for (Node& node : m_.nodes) switch (node.op) {
        case Op::batch_normalization: batch_normalization(node); break;
        case Op::add: layer_normalization(node) || linear(node); break;
        case Op::mul: rms_normalization(node) || gelu(node) || silu(node); break;
        case Op::matmul: attention(node); break;
        default: break;
      }
    drop_unneeded_nodes(m_);
  }

 private:
  static std::size_t index(ValueId id) { return static_cast<std::size_t>(id); }

  const Node* made_by(ValueId id, std::initializer_list<Op> ops) const {
    const Node* node = id == no_value ? nullptr : producer_[index(id)];
    if (!node) return nullptr;
    for (const Op op : ops)
      if (node->op == op) return node;
    return nullptr;
  }

  const Tensor* constant(ValueId id) const {
    if (id == no_value) return nullptr;
    const auto& tensor = m_.value(id).constant;
    return tensor && tensor->type == ElementType::f32 ? tensor.get() : nullptr;
  }

  /// Known before the network runs: a constant, or weights decoded from one.
  bool is_fixed(ValueId id) const { return constant(id) || made_by(id, {Op::dequantize}); }

  std::optional<double> scalar(ValueId id) const {
    const Tensor* tensor = constant(id);
    if (!tensor || tensor->elements() != 1) return std::nullopt;
    return tensor->data<float>()[0];
  }

  bool is_about(ValueId id, double value) const {
    const auto number = scalar(id);
    return number && std::abs(*number - value) <= 1e-3 * std::abs(value);
  }

  /// The other input of a node of two, where one is (about) that number.
  std::optional<ValueId> beside(const Node& node, double value) const {
    for (const std::size_t i : {0u, 1u})
      if (is_about(node.inputs[i], value)) return node.inputs[1 - i];
    return std::nullopt;
  }

  std::int64_t rank(ValueId id) const {
    return m_.value(id).shape_known ? static_cast<std::int64_t>(m_.value(id).shape.size()) : -1;
  }

  /// Only that node reads the value, so that nothing is computed twice when it is fused away.
  bool read_once(ValueId id) const { return reads_[index(id)] == 1; }

  /// The mean over the last axis alone, kept as an axis of one.
  const Node* mean_of_last(ValueId id) const {
    const Node* mean = made_by(id, {Op::reduce_mean});
    if (!mean || mean->inputs.size() < 2 || !mean->as<ReduceAttributes>().keep_dims) return nullptr;
    const auto& axes = m_.value(mean->inputs[1]).constant;
    if (!axes || axes->elements() != 1) return nullptr;
    const std::int64_t axis = axes->integers()[0];
    return axis == -1 || axis + 1 == rank(mean->inputs[0]) ? mean : nullptr;
  }

  /// x where the value is x * x.
  std::optional<ValueId> squared(ValueId id) const {
    if (const Node* power = made_by(id, {Op::pow}); power && is_about(power->inputs[1], 2)) return power->inputs[0];
    if (const Node* product = made_by(id, {Op::mul}); product && product->inputs[0] == product->inputs[1])
      return product->inputs[0];
    return std::nullopt;
  }

  /// mean(x * x) + epsilon, as a square root reads it.
  struct Deviation {
    ValueId x;
    float epsilon;
  };
  std::optional<Deviation> deviation(ValueId root) const {
    const Node* sqrt = made_by(root, {Op::sqrt});
    const Node* sum = sqrt ? made_by(sqrt->inputs[0], {Op::add}) : nullptr;
    if (!sum) return std::nullopt;
    for (const std::size_t i : {0u, 1u}) {
      const auto epsilon = scalar(sum->inputs[i]);
      const Node* mean = epsilon ? mean_of_last(sum->inputs[1 - i]) : nullptr;
      const auto x = mean ? squared(mean->inputs[0]) : std::nullopt;
      if (x) return Deviation{*x, static_cast<float>(*epsilon)};
    }
    return std::nullopt;
  }

  /// A constant along the last axis.
  bool is_vector(ValueId id) const { return is_fixed(id) && rank(id) == 1; }

  /// x where the value is x less its mean over the last axis.
  std::optional<ValueId> centred(ValueId id) const {
    const Node* less = made_by(id, {Op::sub});
    const Node* mean = less ? mean_of_last(less->inputs[1]) : nullptr;
    return mean && mean->inputs[0] == less->inputs[0] ? std::optional(less->inputs[0]) : std::nullopt;
  }

  bool layer_normalization(Node& node) {
    for (const std::size_t i : {0u, 1u}) {
      const Node* scaled = is_vector(node.inputs[i]) ? made_by(node.inputs[1 - i], {Op::mul}) : nullptr;
      if (!scaled) continue;
      for (const std::size_t k : {0u, 1u}) {
        const Node* quotient = is_vector(scaled->inputs[k]) ? made_by(scaled->inputs[1 - k], {Op::div}) : nullptr;
        const auto x = quotient ? centred(quotient->inputs[0]) : std::nullopt;
        const auto spread = x ? deviation(quotient->inputs[1]) : std::nullopt;
        if (!spread || centred(spread->x) != x) continue;
        rewrite(node, Op::layer_normalization, NormalizationAttributes{.axis = -1, .epsilon = spread->epsilon},
                {*x, scaled->inputs[k], node.inputs[i]});
        return true;
      }
    }
    return false;
  }

  bool rms_normalization(Node& node) {
    for (const std::size_t i : {0u, 1u}) {
      const Node* unit = is_vector(node.inputs[i]) ? made_by(node.inputs[1 - i], {Op::mul, Op::div}) : nullptr;
      if (!unit) continue;
      for (const std::size_t k : {0u, 1u}) {
        const ValueId x = unit->inputs[1 - k];
        std::optional<Deviation> spread;
        if (unit->op == Op::div) {
          if (k == 1) spread = deviation(unit->inputs[1]);
        } else if (const Node* inverse = made_by(unit->inputs[k], {Op::reciprocal, Op::div})) {
          const bool one = inverse->op == Op::reciprocal || is_about(inverse->inputs[0], 1);
          if (one) spread = deviation(inverse->inputs.back());
        }
        if (!spread || spread->x != x) continue;
        rewrite(node, Op::rms_normalization, NormalizationAttributes{.axis = -1, .epsilon = spread->epsilon},
                {x, node.inputs[i]});
        return true;
      }
    }
    return false;
  }

  /// x where the value is 1 + erf(x / sqrt 2) or 1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3)).
  struct Gate {
    ValueId x;
    bool tanh;
  };
  std::optional<Gate> gelu_gate(ValueId id) const {
    const Node* sum = made_by(id, {Op::add});
    const auto curve = sum ? beside(*sum, 1) : std::nullopt;
    const Node* node = curve ? made_by(*curve, {Op::erf, Op::tanh}) : nullptr;
    const Node* scaled = node ? made_by(node->inputs[0], {Op::mul, Op::div}) : nullptr;
    if (!scaled) return std::nullopt;
    if (node->op == Op::erf) {
      if (scaled->op == Op::div && is_about(scaled->inputs[1], std::sqrt(2.0))) return Gate{scaled->inputs[0], false};
      const auto x = scaled->op == Op::mul ? beside(*scaled, std::sqrt(0.5)) : std::nullopt;
      return x ? std::optional(Gate{*x, false}) : std::nullopt;
    }
    const auto inner = scaled->op == Op::mul ? beside(*scaled, 0.7978845608) : std::nullopt;
    const Node* cubic = inner ? made_by(*inner, {Op::add}) : nullptr;
    if (!cubic) return std::nullopt;
    for (const std::size_t i : {0u, 1u}) {
      const ValueId x = cubic->inputs[i];
      const Node* term = made_by(cubic->inputs[1 - i], {Op::mul});
      const auto cube = term ? beside(*term, 0.044715) : std::nullopt;
      const Node* power = cube ? made_by(*cube, {Op::pow}) : nullptr;
      if (power && is_about(power->inputs[1], 3) && power->inputs[0] == x) return Gate{x, true};
    }
    return std::nullopt;
  }

  /// x * gate * 0.5 in any order.
  bool gelu(Node& node) {
    const auto finish = [&](const Gate& gate) {
      rewrite(node, Op::gelu, GeluAttributes{gate.tanh}, {gate.x});
      return true;
    };
    for (const std::size_t i : {0u, 1u}) {
      if (const auto gate = gelu_gate(node.inputs[i])) {
        const Node* half = made_by(node.inputs[1 - i], {Op::mul});
        if (half && beside(*half, 0.5) == gate->x) return finish(*gate);
      }
      if (!is_about(node.inputs[i], 0.5)) {
        // x * (0.5 * gate)
        const Node* half = made_by(node.inputs[i], {Op::mul});
        const auto inner = half ? beside(*half, 0.5) : std::nullopt;
        const auto gate = inner ? gelu_gate(*inner) : std::nullopt;
        if (gate && gate->x == node.inputs[1 - i]) return finish(*gate);
        continue;
      }
      const Node* product = made_by(node.inputs[1 - i], {Op::mul});
      for (const std::size_t k : {0u, 1u}) {
        const auto gate = product ? gelu_gate(product->inputs[k]) : std::nullopt;
        if (gate && gate->x == product->inputs[1 - k]) return finish(*gate);
      }
    }
    return false;
  }

  bool silu(Node& node) {
    for (const std::size_t i : {0u, 1u}) {
      const Node* gate = made_by(node.inputs[i], {Op::sigmoid, Op::hard_sigmoid});
      if (!gate || gate->inputs[0] != node.inputs[1 - i]) continue;
      if (gate->op == Op::hard_sigmoid) {
        const auto& a = gate->as<ScalarAttributes>();
        if (std::abs(a.alpha - 1.0f / 6) > 1e-5f || a.beta != 0.5f) continue;
      }
      rewrite(node, gate->op == Op::sigmoid ? Op::silu : Op::hard_swish, NoAttributes{}, {node.inputs[1 - i]});
      return true;
    }
    return false;
  }

  bool linear(Node& node) {
    for (const std::size_t i : {0u, 1u}) {
      const Node* product = is_vector(node.inputs[i]) ? made_by(node.inputs[1 - i], {Op::matmul}) : nullptr;
      if (!product || !read_once(node.inputs[1 - i])) continue;
      const ValueId x = product->inputs[0], weight = product->inputs[1];
      if (!is_fixed(weight) || rank(weight) != 2 || rank(x) < 2) continue;
      if (m_.value(weight).shape[1] != m_.value(node.inputs[i]).shape[0]) continue;
      rewrite(node, Op::linear, NoAttributes{}, {x, weight, node.inputs[i]});
      return true;
    }
    return false;
  }

  /// softmax(scale q k^T + mask) v; the keys come transposed.
  bool attention(Node& node) {
    const Node* softmax = made_by(node.inputs[0], {Op::softmax});
    if (!softmax || !read_once(node.inputs[0]) || rank(node.inputs[1]) != 4) return false;
    const std::int64_t axis = softmax->as<AxisAttributes>().axis;
    if (axis != -1 && axis != 3) return false;
    ValueId scores = softmax->inputs[0], mask = no_value;
    if (const Node* sum = made_by(scores, {Op::add})) {
      const bool first = made_by(sum->inputs[0], {Op::matmul, Op::mul, Op::div}) && rank(sum->inputs[0]) == 4 &&
                         product_of_activations(sum->inputs[0]);
      scores = sum->inputs[first ? 0 : 1];
      mask = sum->inputs[first ? 1 : 0];
      if (rank(mask) != 2 && rank(mask) != 4) return false;
      if (m_.value(mask).type != ElementType::f32) return false;
    }
    double scale = 1;
    if (const Node* scaled = made_by(scores, {Op::mul, Op::div})) {
      const auto factor = scalar(scaled->inputs[1]);
      if (!factor || *factor == 0) return false;
      scale = scaled->op == Op::mul ? *factor : 1 / *factor;
      scores = scaled->inputs[0];
    }
    const Node* product = made_by(scores, {Op::matmul});
    if (!product || rank(product->inputs[0]) != 4 || rank(product->inputs[1]) != 4) return false;
    if (m_.value(scores).type != ElementType::f32 || !read_once(scores)) return false;
    std::vector<ValueId> inputs{product->inputs[0], product->inputs[1], node.inputs[1]};
    if (mask != no_value) inputs.push_back(mask);
    rewrite(node, Op::product_attention, ScalarAttributes{.alpha = static_cast<float>(scale)}, std::move(inputs));
    return true;
  }

  bool product_of_activations(ValueId id) const {
    const Node* node = made_by(id, {Op::matmul, Op::mul, Op::div});
    while (node && node->op != Op::matmul) node = made_by(node->inputs[0], {Op::matmul, Op::mul, Op::div});
    return node != nullptr;
  }

  void batch_normalization(Node& node) {
    const Node* conv = made_by(node.inputs[0], {Op::conv});
    if (!conv || !read_once(node.inputs[0]) || node.outputs.size() > 1) return;
    const Tensor* weight = constant(conv->inputs[1]);
    const bool has_bias = conv->inputs.size() > 2 && conv->inputs[2] != no_value;
    const Tensor* old = has_bias ? constant(conv->inputs[2]) : nullptr;
    const Tensor *gamma = constant(node.inputs[1]), *beta = constant(node.inputs[2]), *mean = constant(node.inputs[3]),
                 *variance = constant(node.inputs[4]);
    if (!weight || (has_bias && !old) || !gamma || !beta || !mean || !variance) return;
    const float epsilon = node.as<BatchNormalizationAttributes>().epsilon;
    const auto channels = static_cast<std::size_t>(weight->shape[0]);
    Tensor folded = *weight;
    std::vector<float> bias(channels);
    const std::size_t each = channels == 0 ? 0 : folded.elements() / channels;
    for (std::size_t c = 0; c < channels; ++c) {
      const double gain =
          gamma->data<float>()[c] / std::sqrt(static_cast<double>(variance->data<float>()[c]) + epsilon);
      for (std::size_t i = 0; i < each; ++i) {
        float& w = folded.data<float>()[c * each + i];
        w = static_cast<float>(w * gain);
      }
      const double before = old ? old->data<float>()[c] : 0.0;
      bias[c] = static_cast<float>((before - mean->data<float>()[c]) * gain + beta->data<float>()[c]);
    }
    const ValueId input = conv->inputs[0];
    const Attributes attributes = conv->attributes;
    const ValueId w = add(node.name + "/weight", std::move(folded));
    const ValueId b = add(node.name + "/bias", Tensor::f32({static_cast<std::int64_t>(channels)}, bias));
    rewrite(node, Op::conv, attributes, {input, w, b});
  }

  ValueId add(const std::string& wish, Tensor tensor) {
    producer_.push_back(nullptr);
    reads_.push_back(1);
    return m_.add_constant(names_.make(wish), std::move(tensor));
  }

  static void rewrite(Node& node, Op op, Attributes attributes, std::vector<ValueId> inputs) {
    node.op = op;
    node.attributes = std::move(attributes);
    node.inputs = std::move(inputs);
  }

  Model& m_;
  FreshNames names_;
  std::vector<Node*> producer_;  // by ValueId
  std::vector<int> reads_;       // by ValueId, of nodes and the network's outputs
};

}  // namespace

Model fuse(Model model) {
  Fuser(model).run();
  drop_unneeded_values(model);
  return model;
}

}  // namespace pare::model
