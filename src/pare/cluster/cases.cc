#include "pare/cluster/cases.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <torch/csrc/autograd/autograd.h>

#include <memory>

#include "pare/base/error.h"
#include "pare/cluster/kernels.h"

namespace pare::cluster {
namespace {

constexpr std::int64_t table_rows = 4096;  // of an embedding

at::ScalarType type_of(Precision precision) {
  switch (precision) {
    case Precision::float16: return at::kHalf;
    case Precision::bfloat16: return at::kBFloat16;
    default: return at::kFloat;
  }
}

/// Makes the buffers of one operation and what runs on them.
class Maker {
 public:
  Maker(const Operation& operation, at::Device device)
      : o_(operation), device_(device), forward_(o_.direction == Direction::forward) {}

  /// None for what check_runnable refuses.
  Case make() const {
    switch (o_.kind) {
      case OperationKind::linear: return linear();
      case OperationKind::scores: return scores();
      case OperationKind::context: return context();
      case OperationKind::causal:
        // of a sequence that context ranks share: as many pairs, without a mask
        if (o_.shape[1] != o_.shape[2]) return attention(false, std::max<std::int64_t>(1, o_.shape[2] / 2));
        return device_.is_cpu() ? causal() : attention(true, o_.shape[2]);
      case OperationKind::attention: return attention(false, o_.shape[2]);
      case OperationKind::softmax: return softmax();
      case OperationKind::dropout: return dropout();
      case OperationKind::normalise: return normalise();
      case OperationKind::activation:
      case OperationKind::relu: return activation();
      case OperationKind::gate: return gate();
      case OperationKind::residual: return residual();
      case OperationKind::residual_dropout: return residual_dropout();
      case OperationKind::copy: return [x = values({o_.shape[0]})] { return Made{x.clone()}; };
      case OperationKind::embedding: return embedding();
      case OperationKind::loss: return loss();
      case OperationKind::optimizer: return optimizer();
      default: return {};
    }
  }

 private:
  at::Tensor values(at::IntArrayRef shape) const {
    return at::randn(shape, at::TensorOptions(device_)).mul_(0.02).to(type_of(o_.precision));
  }
  at::Tensor wide(at::IntArrayRef shape) const { return at::zeros(shape, at::TensorOptions(device_)); }
  at::Tensor numbers(std::int64_t below, std::int64_t count) const {
    return at::randint(below, {count}, at::TensorOptions(at::kLong).device(device_));
  }

  Case linear() const {
    const auto [rows, inner, columns, one] = o_.shape;
    const at::Tensor x = values({rows, inner}), w = values({columns, inner}), dy = values({rows, columns});
    switch (o_.direction) {
      case Direction::forward: return [=, bias = values({columns})] { return Made{kernel::linear(x, w, bias)}; };
      case Direction::backward: return [=] { return Made{kernel::linear_backward(dy, w)}; };
      case Direction::weight: break;
    }
    const at::Tensor dw = wide({columns, inner}), dbias = wide({columns});
    return [=] {
      kernel::linear_weight(dy, x, dw, dbias);
      return Made{};
    };
  }

  Case scores() const {
    const auto [matrices, queries, keys, width] = o_.shape;
    const at::Tensor q = values({matrices, queries, width}), k = values({matrices, keys, width});
    if (forward_) return [=] { return Made{kernel::scores(q, k)}; };
    return [=, ds = values({matrices, queries, keys})] { return made(kernel::scores_backward(ds, q, k)); };
  }

  Case context() const {
    const auto [matrices, queries, keys, width] = o_.shape;
    const at::Tensor p = values({matrices, queries, keys}), v = values({matrices, keys, width});
    if (forward_) return [=] { return Made{kernel::context(p, v)}; };
    return [=, dy = values({queries, matrices, width})] { return made(kernel::context_backward(dy, p, v)); };
  }

  Case causal() const {
    const auto [heads, queries, keys, width] = o_.shape;
    const at::Tensor qkv = values({queries, 3 * heads * width});
    if (forward_) return [=, h = heads] { return Made{kernel::attend(qkv, 1, h).y}; };
    const kernel::Attended saved = kernel::attend(qkv, 1, heads);
    return [=, h = heads, dy = values({queries, heads * width})] {
      return Made{kernel::attend_backward(dy, qkv, saved, 1, h)};
    };
  }

  /// By the fastest kernel that torch has for it.
  Case attention(bool masked, std::int64_t keys) const {
    const auto heads = [&](std::int64_t tokens) {  // as they lie behind a product
      return values({1, tokens, o_.shape[0], o_.shape[3]}).transpose(1, 2);
    };
    const at::Tensor q = heads(o_.shape[1]), k = heads(keys), v = heads(keys);
    if (forward_) return [=] { return Made{at::scaled_dot_product_attention(q, k, v, {}, 0, masked)}; };
    for (const at::Tensor& x : {q, k, v}) x.requires_grad_();
    const at::Tensor y = at::scaled_dot_product_attention(q, k, v, {}, 0, masked);
    return [=, dy = at::ones_like(y)] { return torch::autograd::grad({y}, {q, k, v}, {dy}, /*retain_graph=*/true); };
  }

  Case softmax() const {
    const at::Tensor x = values({o_.shape[0], o_.shape[1]});
    if (forward_) return [=] { return Made{kernel::softmax(x)}; };
    return [=, p = kernel::softmax(x)] { return Made{kernel::softmax_backward(x, p)}; };
  }

  Case dropout() const {
    const at::Tensor x = values({o_.shape[0]});
    if (forward_) return [=] { return made(kernel::drop(x)); };
    return [=, kept = kernel::drop(x).kept] { return Made{kernel::drop_backward(x, kept)}; };
  }

  Case normalise() const {
    const at::Tensor x = values({o_.shape[0], o_.shape[1]}), weight = values({o_.shape[1]}),
                     bias = values({o_.shape[1]});
    if (forward_) return [=] { return Made{kernel::normalise(x, weight, bias).y}; };
    const at::Tensor dy = values({o_.shape[0], o_.shape[1]}), dw = wide({o_.shape[1]}), db = wide({o_.shape[1]});
    return [=, saved = kernel::normalise(x, weight, bias)] {
      return Made{kernel::normalise_backward(dy, x, saved, weight, bias, dw, db)};
    };
  }

  Case activation() const {
    const at::Tensor x = values({o_.shape[0]}), dy = values({o_.shape[0]});
    if (o_.kind == OperationKind::relu) {
      if (forward_) return [=] { return Made{kernel::relu(x)}; };
      return [=] { return Made{kernel::relu_backward(dy, x)}; };
    }
    if (forward_) return [=] { return Made{kernel::gelu(x)}; };
    return [=] { return Made{kernel::gelu_backward(dy, x)}; };
  }

  Case gate() const {
    const at::Tensor x = values({1, 2 * o_.shape[0]}), dy = values({1, o_.shape[0]});
    if (forward_) return [=] { return Made{kernel::gate(x)}; };
    return [=] { return Made{kernel::gate_backward(dy, x)}; };
  }

  /// The width decides nothing but how long the bias is.
  std::array<std::int64_t, 2> rows() const {
    const std::int64_t width = o_.shape[0] % 64 ? 1 : 64;
    return {o_.shape[0] / width, width};
  }

  Case residual() const {
    const at::Tensor x = values(rows()), y = values(rows()), bias = values({rows()[1]});
    return [=, forward = forward_] {
      if (forward)
        kernel::residual(x, y, bias);
      else
        kernel::residual_backward(x, y);
      return Made{};
    };
  }

  Case residual_dropout() const {
    const at::Tensor x = values(rows()), y = values(rows()), bias = values({rows()[1]});
    if (forward_) return [=] { return made(kernel::residual_dropout(x, y, bias)); };
    return [=, kept = kernel::drop(y).kept] { return Made{kernel::residual_dropout_backward(x, y, kept)}; };
  }

  Case embedding() const {
    const at::Tensor tokens = numbers(table_rows, o_.shape[0]), table = values({table_rows, o_.shape[1]});
    const at::Tensor positions = values({o_.shape[0], o_.shape[1]});
    if (forward_) return [=] { return Made{kernel::add_positions(kernel::embed(tokens, table, 0), positions, 1)}; };
    return [=, dy = values({o_.shape[0], o_.shape[1]})] {
      kernel::embed_weight(dy, tokens, 0, table);
      kernel::add_positions_weight(dy, positions, 1);
      return Made{};
    };
  }

  /// In float32, whatever the logits are.
  Case loss() const {
    const at::Tensor logits = values({o_.shape[0], o_.shape[1]}), targets = numbers(o_.shape[1], o_.shape[0]);
    const auto exponents = [=] {
      const at::Tensor x = logits.to(at::kFloat);
      return kernel::loss_exponents(x, kernel::loss_most(x), targets, 0);
    };
    if (forward_) return [=] { return Made{exponents().values}; };
    const kernel::Exponents saved = exponents();
    saved.sums[0].fill_(1);  // it divides in place: again and again it would leave zeros
    return [=, type = type_of(o_.precision)] { return Made{kernel::loss_backward(saved, targets, 0, 1).to(type)}; };
  }

  /// In float32, with a copy for the products where they are narrower.
  Case optimizer() const {
    const at::Tensor gradient = wide({o_.shape[0]}), parameters = wide({o_.shape[0]}).fill_(0.02);
    const at::Tensor weights = o_.precision == Precision::float32 ? parameters : values({o_.shape[0]});
    const auto state =
        std::make_shared<kernel::AdamState>(kernel::AdamState{wide({o_.shape[0]}), wide({o_.shape[0]}), wide({})});
    return [=] {
      kernel::adam(parameters, gradient, *state, 1e-6);
      if (!weights.is_same(parameters)) weights.copy_(parameters);
      return Made{};
    };
  }

  static Made made(const kernel::Both& both) { return {both.first, both.second}; }
  static Made made(const kernel::Dropped& both) { return {both.y, both.kept}; }

  const Operation& o_;
  at::Device device_;
  bool forward_;
};

}  // namespace

void check_runnable(const Operation& o) {
  const bool of_eight_bits =
      o.kind == OperationKind::cast || o.kind == OperationKind::transpose || o.kind == OperationKind::largest;
  if (o.precision == Precision::float8 || of_eight_bits)
    throw Error("'fp8' is not run here", "profile",
                "give --precision bf16, fp16 or fp32, or predict by --cluster alone");
}

std::vector<Case> cases(const Operation& operation, int sets, at::Device device) {
  std::vector<Case> out;
  out.reserve(static_cast<std::size_t>(sets));
  for (int i = 0; i < sets; ++i) out.push_back(Maker(operation, device).make());
  return out;
}

}  // namespace pare::cluster
