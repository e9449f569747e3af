#include "pare/cluster/kernels.h"

#include <ATen/ATen.h>

namespace pare::cluster::kernel {
namespace {

constexpr double epsilon = 1e-5, dropped = 0.1;

/// Tokens as rows of a table that begins at `first`, and which of them it does not hold.
struct Rows {
  at::Tensor index, outside;
};

Rows rows_of(const at::Tensor& tokens, std::int64_t first, std::int64_t count) {
  const at::Tensor shifted = tokens - first;
  return {shifted.clamp(0, count - 1), shifted.lt(0).logical_or_(shifted.ge(count))};
}

/// Queries, keys or values of all heads, [samples, heads, tokens, width].
at::Tensor part(const at::Tensor& qkv, int which, std::int64_t samples, std::int64_t heads) {
  return qkv.view({samples, -1, 3, heads, qkv.size(1) / (3 * heads)}).select(2, which).transpose(1, 2);
}

at::Tensor by_heads(const at::Tensor& y, std::int64_t samples, std::int64_t heads) {
  return y.view({samples, -1, heads, y.size(1) / heads}).transpose(1, 2);
}

}  // namespace

at::Tensor linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  return bias.defined() ? at::addmm(bias, x, weight.t()) : at::mm(x, weight.t());
}

at::Tensor linear_backward(const at::Tensor& dy, const at::Tensor& weight) { return at::mm(dy, weight); }

void linear_weight(const at::Tensor& dy, const at::Tensor& x, at::Tensor dweight, at::Tensor dbias) {
  if (dy.scalar_type() == dweight.scalar_type())
    dweight.addmm_(dy.t(), x);
  else
    dweight.add_(at::mm(dy.t(), x));
  if (dbias.defined()) dbias.add_(dy.sum(0));
}

Normalised normalise(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  auto [y, mean, rstd] = at::native_layer_norm(x, {x.size(1)}, weight, bias, epsilon);
  return {y, mean, rstd};
}

at::Tensor normalise_backward(const at::Tensor& dy, const at::Tensor& x, const Normalised& saved,
                              const at::Tensor& weight, const at::Tensor& bias, at::Tensor dweight, at::Tensor dbias) {
  const auto [dx, dw, db] =
      at::native_layer_norm_backward(dy, x, {x.size(1)}, saved.mean, saved.rstd, weight, bias, {true, true, true});
  dweight.add_(dw);
  dbias.add_(db);
  return dx;
}

Attended attend(const at::Tensor& qkv, std::int64_t samples, std::int64_t heads) {
  const auto [y, logsumexp] =
      at::_scaled_dot_product_flash_attention_for_cpu(part(qkv, 0, samples, heads), part(qkv, 1, samples, heads),
                                                      part(qkv, 2, samples, heads), 0.0, /*is_causal=*/true);
  return {y.transpose(1, 2).reshape({qkv.size(0), qkv.size(1) / 3}), logsumexp};
}

at::Tensor attend_backward(const at::Tensor& dy, const at::Tensor& qkv, const Attended& saved, std::int64_t samples,
                           std::int64_t heads) {
  const auto [dq, dk, dv] = at::_scaled_dot_product_flash_attention_for_cpu_backward(
      by_heads(dy, samples, heads), part(qkv, 0, samples, heads), part(qkv, 1, samples, heads),
      part(qkv, 2, samples, heads), by_heads(saved.y, samples, heads), saved.logsumexp, 0.0, /*is_causal=*/true);
  return at::stack({dq.transpose(1, 2), dk.transpose(1, 2), dv.transpose(1, 2)}, 2).view(qkv.sizes());
}

at::Tensor scores(const at::Tensor& q, const at::Tensor& k) { return at::bmm(q, k.transpose(1, 2)); }

Both scores_backward(const at::Tensor& ds, const at::Tensor& q, const at::Tensor& k) {
  return {at::bmm(ds, k), at::bmm(ds.transpose(1, 2), q)};
}

at::Tensor softmax(const at::Tensor& s) { return at::_softmax(s, -1, /*half_to_float=*/false); }

at::Tensor softmax_backward(const at::Tensor& dp, const at::Tensor& p) {
  return at::_softmax_backward_data(dp, p, -1, p.scalar_type());
}

at::Tensor context(const at::Tensor& p, const at::Tensor& v) { return at::bmm(p, v).transpose(0, 1).contiguous(); }

Both context_backward(const at::Tensor& dy, const at::Tensor& p, const at::Tensor& v) {
  const at::Tensor d = dy.transpose(0, 1);
  return {at::bmm(d, v.transpose(1, 2)), at::bmm(p.transpose(1, 2), d)};
}

Dropped drop(const at::Tensor& x) {
  auto [y, kept] = at::native_dropout(x, dropped, /*train=*/true);
  return {y, kept};
}

at::Tensor drop_backward(const at::Tensor& dy, const at::Tensor& kept) {
  return at::native_dropout_backward(dy, kept, 1 / (1 - dropped));
}

at::Tensor gate(const at::Tensor& x) { return at::glu(x, -1); }
at::Tensor gate_backward(const at::Tensor& dy, const at::Tensor& x) { return at::glu_backward(dy, x, -1); }

at::Tensor gelu(const at::Tensor& x) { return at::gelu(x); }
at::Tensor gelu_backward(const at::Tensor& dy, const at::Tensor& x) { return at::gelu_backward(dy, x); }
at::Tensor relu(const at::Tensor& x) { return at::relu(x); }
at::Tensor relu_backward(const at::Tensor& dy, const at::Tensor& y) { return at::threshold_backward(dy, y, 0); }

at::Tensor residual(const at::Tensor& x, at::Tensor y, const at::Tensor& bias) { return y.add_(bias).add_(x); }
at::Tensor residual_backward(at::Tensor dx, const at::Tensor& dy) { return dx.add_(dy); }

Dropped residual_dropout(const at::Tensor& x, at::Tensor y, const at::Tensor& bias) {
  Dropped out = drop(y.add_(bias));
  out.y.add_(x);
  return out;
}

at::Tensor residual_dropout_backward(at::Tensor dx, const at::Tensor& dy, const at::Tensor& kept) {
  dx.add_(dy);
  return drop_backward(dy, kept);
}

at::Tensor embed(const at::Tensor& tokens, const at::Tensor& table, std::int64_t first) {
  const Rows rows = rows_of(tokens, first, table.size(0));
  return table.index_select(0, rows.index).masked_fill_(rows.outside.unsqueeze(1), 0);
}

void embed_weight(const at::Tensor& dy, const at::Tensor& tokens, std::int64_t first, at::Tensor dtable) {
  const Rows rows = rows_of(tokens, first, dtable.size(0));
  dtable.index_add_(0, rows.index, dy.masked_fill(rows.outside.unsqueeze(1), 0));
}

at::Tensor add_positions(at::Tensor x, const at::Tensor& table, std::int64_t samples) {
  const std::int64_t tokens = x.size(0) / samples;
  x.view({samples, tokens, x.size(1)}).add_(table.narrow(0, 0, tokens));
  return x;
}

void add_positions_weight(const at::Tensor& dy, at::Tensor dtable, std::int64_t samples) {
  const std::int64_t tokens = dy.size(0) / samples;
  dtable.narrow(0, 0, tokens).add_(dy.view({samples, tokens, dy.size(1)}).sum(0));
}

at::Tensor loss_most(const at::Tensor& logits) { return logits.amax(1); }

Exponents loss_exponents(const at::Tensor& logits, const at::Tensor& most, const at::Tensor& targets,
                         std::int64_t first) {
  const Rows rows = rows_of(targets, first, logits.size(1));
  const at::Tensor target = logits.gather(1, rows.index.unsqueeze(1)).squeeze(1).sub_(most);
  at::Tensor values = (logits - most.unsqueeze(1)).exp_();
  const at::Tensor sum = values.sum(1);
  return {values, at::stack({sum, target.masked_fill(rows.outside, 0)})};
}

double loss_value(const Exponents& e) { return e.sums[0].log().sub_(e.sums[1]).sum().item<double>(); }

at::Tensor loss_backward(const Exponents& e, const at::Tensor& targets, std::int64_t first, double scale) {
  const Rows rows = rows_of(targets, first, e.values.size(1));
  at::Tensor dlogits = e.values;
  dlogits.mul_(e.sums[0].reciprocal().mul_(scale).unsqueeze(1));
  const at::Tensor taken = at::where(rows.outside, 0.0, -scale).to(dlogits.scalar_type());
  return dlogits.scatter_add_(1, rows.index.unsqueeze(1), taken.unsqueeze(1));
}

void adam(at::Tensor parameters, at::Tensor gradient, AdamState& state, double learning_rate) {
  // larger than what rounding leaves of gradients that are none, as that of the keys' bias
  constexpr double divisor_floor = 1e-6;
  state.step.add_(1);
  at::_fused_adam_({parameters}, {gradient}, {state.first}, {state.second}, {}, {state.step}, learning_rate, 0.9, 0.95,
                   /*weight_decay=*/0, divisor_floor, /*amsgrad=*/false, /*maximize=*/false);
  gradient.zero_();
}

}  // namespace pare::cluster::kernel
