// Attention and rotary embedding (opset 23).
#include <ATen/ATen.h>

#include <cmath>
#include <limits>
#include <optional>

#include "pare/runtime/operators.h"

namespace pare::runtime {
namespace {

using model::AttentionAttributes;
using model::Node;
using model::Op;

/// [batch, tokens, heads * width] -> [batch, heads, tokens, width]; four axes stay.
at::Tensor by_heads(const at::Tensor& x, std::int64_t heads) {
  if (x.dim() == 4) return x;
  return x.reshape({x.size(0), x.size(1), heads, x.size(2) / heads}).transpose(1, 2);
}

/// What is added to the products: 0 or minus infinity, or the float mask itself; undefined where nothing is.
at::Tensor mask_of(const AttentionAttributes& a, const at::Tensor& given, const at::Tensor& q, const at::Tensor& k,
                   std::int64_t past) {
  const auto closed = [&](const at::Tensor& open) {
    return at::zeros(open.sizes(), q.options())
        .masked_fill(open.logical_not(), -std::numeric_limits<double>::infinity());
  };
  at::Tensor mask;
  if (given.defined()) {
    mask = given.scalar_type() == at::kBool ? closed(given) : given;
    if (mask.size(-1) < k.size(2))  // tokens beyond the mask are not seen
      mask = at::constant_pad_nd(mask, {0, k.size(2) - mask.size(-1)}, -std::numeric_limits<double>::infinity());
  }
  if (a.causal) {
    const at::Tensor open = at::tril(at::ones({q.size(2), k.size(2)}, at::kBool), past);
    mask = mask.defined() ? mask + closed(open) : closed(open);
  }
  return mask;
}

/// inputs: queries, keys, values, mask, past keys, past values; outputs: result, keys, values, products
Tensors attention(const Node& node, const Tensors& in) {
  const auto& a = node.as<AttentionAttributes>();
  const at::Tensor q = by_heads(in[0], a.query_heads);
  at::Tensor k = by_heads(in[1], a.key_heads), v = by_heads(in[2], a.key_heads);
  std::int64_t past = 0;
  if (const at::Tensor before = optional_input(in, 4); before.defined()) {
    past = before.size(2);
    k = at::cat({before, k}, 2);
    v = at::cat({in[5], v}, 2);
  }
  const at::Tensor mask = mask_of(a, optional_input(in, 3), q, k, past);
  const double scale = a.scale != 0 ? a.scale : 1 / std::sqrt(static_cast<double>(q.size(3)));
  const std::int64_t repeats = q.size(1) / k.size(1);
  const bool wants_products = node.outputs.size() > 3 && node.outputs[3] != model::no_value;
  at::Tensor y, products;
  if (a.softcap == 0 && !wants_products) {
    const auto optional_mask = mask.defined() ? std::optional<at::Tensor>(mask) : std::nullopt;
    y = at::scaled_dot_product_attention(q, k, v, optional_mask, 0, false, scale, repeats > 1);
  } else {
    const at::Tensor keys = repeats > 1 ? k.repeat_interleave(repeats, 1) : k;
    const at::Tensor values = repeats > 1 ? v.repeat_interleave(repeats, 1) : v;
    at::Tensor p = at::matmul(q * std::sqrt(scale), keys.transpose(2, 3) * std::sqrt(scale));
    const auto keep = [&](std::int64_t stage) {
      if (a.product_output == stage) products = p;
    };
    keep(0);
    if (a.softcap != 0) p = at::tanh(p / a.softcap) * a.softcap;
    keep(1);
    if (mask.defined()) p = p + mask;
    keep(2);
    p = at::softmax(p, -1).nan_to_num(0);  // a row that sees nothing gives nothing
    keep(3);
    y = at::matmul(p, values);
  }
  if (in[0].dim() == 3) y = y.transpose(1, 2).flatten(2);
  return {y, k, v, products};
}

/// inputs: data, cosines, sines, positions; tables [positions, width / 2], or [batch, tokens, width / 2]
at::Tensor rotary(const Node& node, const Tensors& in) {
  const auto& a = node.as<model::RotaryAttributes>();
  const at::Tensor x = by_heads(in[0], a.heads);  // [batch, heads, tokens, width]
  const std::int64_t width = a.width > 0 ? a.width : x.size(3), half = width / 2;
  const auto table = [&](const at::Tensor& t) {
    at::Tensor rows = t;
    if (const at::Tensor positions = optional_input(in, 3); positions.defined())
      rows = at::index_select(t, 0, positions.to(at::kLong).reshape({-1})).reshape({x.size(0), x.size(2), -1});
    return rows.narrow(-1, 0, half).unsqueeze(1);
  };
  const at::Tensor cosine = table(in[1]), sine = table(in[2]);
  const at::Tensor turned = x.narrow(3, 0, width);
  at::Tensor first, second, result;
  if (a.interleaved) {
    first = turned.slice(3, 0, width, 2);
    second = turned.slice(3, 1, width, 2);
  } else {
    first = turned.narrow(3, 0, half);
    second = turned.narrow(3, half, half);
  }
  const at::Tensor real = first * cosine - second * sine, imaginary = first * sine + second * cosine;
  result = a.interleaved ? at::stack({real, imaginary}, -1).flatten(3) : at::cat({real, imaginary}, 3);
  if (width < x.size(3)) result = at::cat({result, x.narrow(3, width, x.size(3) - width)}, 3);
  return in[0].dim() == 3 ? result.transpose(1, 2).reshape(in[0].sizes()) : result;
}

}  // namespace

void add_attention_operators(OperatorTable& table) {
  const auto set = [&table](Op op, Operator f) { table[static_cast<std::size_t>(op)] = std::move(f); };

  set(Op::attention, attention);
  set(Op::product_attention, [](const Node& n, const Tensors& in) {
    const std::optional<at::Tensor> mask = in.size() > 3 ? std::optional(in[3]) : std::nullopt;
    const double scale = n.as<model::ScalarAttributes>().alpha;
    return Tensors{at::scaled_dot_product_attention(in[0], in[1].transpose(2, 3), in[2], mask, 0, false, scale)};
  });
  set(Op::rotary_embedding, [](const Node& n, const Tensors& in) { return Tensors{rotary(n, in)}; });
}

}  // namespace pare::runtime
