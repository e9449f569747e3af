// The operations of training on torch, forward and backward written out, so that the gradients of inputs and of weights
// are events of their own. What pare cluster profile measures is what these run.
#pragma once
#include <ATen/core/Tensor.h>

namespace pare::cluster::kernel {

// x: [rows, inner]; weight: [columns, inner]; bias: [columns] or undefined; dy: [rows, columns].
at::Tensor linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias);
at::Tensor linear_backward(const at::Tensor& dy, const at::Tensor& weight);
/// Adds to dweight, and to dbias where it is defined; both are float32.
void linear_weight(const at::Tensor& dy, const at::Tensor& x, at::Tensor dweight, at::Tensor dbias);

struct Normalised {
  at::Tensor y, mean, rstd;  // [rows, width], [rows, 1], [rows, 1]
};
Normalised normalise(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias);
/// The gradient of x; adds to dweight and dbias: one kernel makes all three.
at::Tensor normalise_backward(const at::Tensor& dy, const at::Tensor& x, const Normalised& saved,
                              const at::Tensor& weight, const at::Tensor& bias, at::Tensor dweight, at::Tensor dbias);

struct Attended {
  at::Tensor y;          // [samples * tokens, heads * width]
  at::Tensor logsumexp;  // of the scores
};
/// Causal. qkv: [samples * tokens, 3 * heads * width], queries, keys, values.
Attended attend(const at::Tensor& qkv, std::int64_t samples, std::int64_t heads);
at::Tensor attend_backward(const at::Tensor& dy, const at::Tensor& qkv, const Attended& saved, std::int64_t samples,
                           std::int64_t heads);

// Attention in parts, a matrix for each head of each sample. q: [matrices, queries, width]; k, v: [matrices, keys,
// width]; s: [matrices, queries, keys]; context: [queries, matrices, width], as the product behind it reads it.
struct Both {
  at::Tensor first, second;  // gradients of a product's operands
};
at::Tensor scores(const at::Tensor& q, const at::Tensor& k);
Both scores_backward(const at::Tensor& ds, const at::Tensor& q, const at::Tensor& k);
at::Tensor softmax(const at::Tensor& s);
at::Tensor softmax_backward(const at::Tensor& dp, const at::Tensor& p);
at::Tensor context(const at::Tensor& p, const at::Tensor& v);
Both context_backward(const at::Tensor& dy, const at::Tensor& p, const at::Tensor& v);

struct Dropped {
  at::Tensor y, kept;  // kept: bool
};
Dropped drop(const at::Tensor& x);
at::Tensor drop_backward(const at::Tensor& dy, const at::Tensor& kept);

/// The gated linear unit, in one kernel: x: [rows, 2 * width], y: [rows, width].
at::Tensor gate(const at::Tensor& x);
at::Tensor gate_backward(const at::Tensor& dy, const at::Tensor& x);

at::Tensor gelu(const at::Tensor& x);
at::Tensor gelu_backward(const at::Tensor& dy, const at::Tensor& x);
at::Tensor relu(const at::Tensor& x);
at::Tensor relu_backward(const at::Tensor& dy, const at::Tensor& y);

/// x + y + bias, in the memory of y.
at::Tensor residual(const at::Tensor& x, at::Tensor y, const at::Tensor& bias);
/// dx + dy, in the memory of dx.
at::Tensor residual_backward(at::Tensor dx, const at::Tensor& dy);

/// x + dropped (y + bias). The other way: dx + dy, in the memory of dx; the gradient of y.
Dropped residual_dropout(const at::Tensor& x, at::Tensor y, const at::Tensor& bias);
at::Tensor residual_dropout_backward(at::Tensor dx, const at::Tensor& dy, const at::Tensor& kept);

/// Rows of `table`, which holds the tokens from `first` on; zeros for others. tokens: [rows] int64.
at::Tensor embed(const at::Tensor& tokens, const at::Tensor& table, std::int64_t first);
void embed_weight(const at::Tensor& dy, const at::Tensor& tokens, std::int64_t first, at::Tensor dtable);
/// table: [positions, width], the first of them for the tokens of each sample; in the memory of x.
at::Tensor add_positions(at::Tensor x, const at::Tensor& table, std::int64_t samples);
void add_positions_weight(const at::Tensor& dy, at::Tensor dtable, std::int64_t samples);

// Cross-entropy of logits [rows, classes] whose classes from `first` on are here; `most` and `sums` are to be reduced
// over the ranks that hold the others. targets: [rows] int64.
at::Tensor loss_most(const at::Tensor& logits);  // [rows]
struct Exponents {
  at::Tensor values;  // [rows, classes]: exp(logits - most)
  at::Tensor sums;    // [2, rows]: of the exponents; logit of the target, less most
};
Exponents loss_exponents(const at::Tensor& logits, const at::Tensor& most, const at::Tensor& targets,
                         std::int64_t first);
/// Sum over the rows.
double loss_value(const Exponents& exponents);
/// The gradient of the logits of `scale` times the sum, in the memory of the exponents.
at::Tensor loss_backward(const Exponents& exponents, const at::Tensor& targets, std::int64_t first, double scale);

/// Adam of flat parameters [n]; step: a float32 scalar, counted up. Clears the gradient.
struct AdamState {
  at::Tensor first, second, step;
};
void adam(at::Tensor parameters, at::Tensor gradient, AdamState& state, double learning_rate);

}  // namespace pare::cluster::kernel
