#include "pare/cluster/cases.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <memory>

#include "pare/base/error.h"
#include "pare/cluster/kernels.h"

namespace pare::cluster {
namespace {

constexpr std::int64_t table_rows = 4096;  // of an embedding

at::Tensor values(at::IntArrayRef shape) { return at::randn(shape).mul_(0.02); }

template <typename Run>
Case in_place(Run run) {
  return [run] {
    run();
    return at::Tensor();
  };
}

Case linear(const Operation& o) {
  const auto [rows, inner, columns, one] = o.shape;
  const at::Tensor x = values({rows, inner}), w = values({columns, inner}), dy = values({rows, columns});
  const at::Tensor bias = values({columns});
  switch (o.direction) {
    case Direction::forward: return [=] { return kernel::linear(x, w, bias); };
    case Direction::backward: return [=] { return kernel::linear_backward(dy, w); };
    case Direction::weight: break;
  }
  return in_place([=] { kernel::linear_weight(dy, x, w, bias); });
}

Case causal(const Operation& o) {
  const auto [matrices, queries, keys, width] = o.shape;
  const std::int64_t heads = matrices;
  const at::Tensor qkv = values({queries, 3 * heads * width});
  if (o.direction == Direction::forward) return [=] { return kernel::attend(qkv, 1, heads).y; };
  const at::Tensor dy = values({queries, heads * width});
  const kernel::Attended saved = kernel::attend(qkv, 1, heads);
  return [=] { return kernel::attend_backward(dy, qkv, saved, 1, heads); };
}

Case normalise(const Operation& o) {
  const at::Tensor x = values({o.shape[0], o.shape[1]}), weight = values({o.shape[1]}), bias = values({o.shape[1]});
  if (o.direction == Direction::forward) return [=] { return kernel::normalise(x, weight, bias).y; };
  const at::Tensor dy = at::randn_like(x), dweight = at::zeros_like(weight), dbias = at::zeros_like(bias);
  const kernel::Normalised saved = kernel::normalise(x, weight, bias);
  return [=] { return kernel::normalise_backward(dy, x, saved, weight, bias, dweight, dbias); };
}

Case activation(const Operation& o) {
  const at::Tensor x = values({o.shape[0]}), dy = values({o.shape[0]});
  if (o.kind == OperationKind::relu) {
    if (o.direction == Direction::forward) return [=] { return kernel::relu(x); };
    return [=] { return kernel::relu_backward(dy, x); };
  }
  if (o.direction == Direction::forward) return [=] { return kernel::gelu(x); };
  return [=] { return kernel::gelu_backward(dy, x); };
}

Case residual(const Operation& o) {
  // the width decides nothing but how long the bias is
  const std::int64_t width = o.shape[0] % 64 ? 1 : 64;
  const at::Tensor x = values({o.shape[0] / width, width}), y = values({o.shape[0] / width, width});
  const at::Tensor bias = at::zeros({width});
  if (o.direction == Direction::forward) return in_place([=] { kernel::residual(x, y, bias); });
  return in_place([=] { kernel::residual_backward(x, y); });
}

Case embedding(const Operation& o) {
  const at::Tensor tokens = at::randint(table_rows, {o.shape[0]}, at::kLong), table = values({table_rows, o.shape[1]});
  const at::Tensor positions = values({o.shape[0], o.shape[1]});
  if (o.direction == Direction::forward)
    return [=] { return kernel::add_positions(kernel::embed(tokens, table, 0), positions, 1); };
  return in_place([=] {
    kernel::embed_weight(positions, tokens, 0, table);
    kernel::add_positions_weight(positions, positions, 1);
  });
}

Case loss(const Operation& o) {
  const at::Tensor logits = values({o.shape[0], o.shape[1]});
  const at::Tensor targets = at::randint(o.shape[1], {o.shape[0]}, at::kLong);
  if (o.direction == Direction::forward)
    return [=] { return kernel::loss_exponents(logits, kernel::loss_most(logits), targets, 0).values; };
  const kernel::Exponents exponents = kernel::loss_exponents(logits, kernel::loss_most(logits), targets, 0);
  return in_place([=] { kernel::loss_backward(exponents, targets, 0, 1); });
}

Case optimizer(const Operation& o) {
  const at::Tensor parameters = values({o.shape[0]}), gradient = values({o.shape[0]});
  const auto state = std::make_shared<kernel::AdamState>(
      kernel::AdamState{at::zeros_like(gradient), at::zeros_like(gradient), at::zeros({})});
  return in_place([=] { kernel::adam(parameters, gradient, *state, 1e-6); });
}

using Maker = Case (*)(const Operation&);

/// None for what is not run here.
Maker maker(OperationKind kind) {
  switch (kind) {
    case OperationKind::linear: return linear;
    case OperationKind::causal: return causal;
    case OperationKind::normalise: return normalise;
    case OperationKind::activation:
    case OperationKind::relu: return activation;
    case OperationKind::residual: return residual;
    case OperationKind::embedding: return embedding;
    case OperationKind::loss: return loss;
    case OperationKind::optimizer: return optimizer;
    default: return nullptr;
  }
}

}  // namespace

void check_runnable(const Operation& o) {
  if (o.precision != Precision::float32)
    throw Error(fmt::format("'{}' is not run on this device", name(o.precision)), "profile", "give --precision fp32");
  if (!maker(o.kind))
    throw Error(fmt::format("'{}' is not run here", name(o.kind)), "profile",
                "gpt2 and mlp with --no-dropout and without --plain-attention are");
}

std::vector<Case> cases(const Operation& operation, int sets) {
  std::vector<Case> out;
  out.reserve(static_cast<std::size_t>(sets));
  for (int i = 0; i < sets; ++i) out.push_back(maker(operation.kind)(operation));
  return out;
}

}  // namespace pare::cluster
