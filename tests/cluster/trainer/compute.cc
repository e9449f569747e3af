#include "compute.h"

#include <fmt/format.h>

#include <thread>

#include "pare/base/error.h"

namespace pare::cluster::trainer {
namespace {

Operation operation(OperationKind kind, Direction direction, std::int64_t a, std::int64_t b = 1, std::int64_t c = 1,
                    std::int64_t d = 1) {
  return {kind, direction, {a, b, c, d}, Precision::float32};
}

constexpr Direction forward = Direction::forward, backward = Direction::backward, weights = Direction::weight;

/// Of all heads of the samples.
Operation causal(Direction direction, const at::Tensor& qkv, std::int64_t samples, std::int64_t heads) {
  const std::int64_t tokens = qkv.size(0) / samples;
  return operation(OperationKind::causal, direction, samples * heads, tokens, tokens, qkv.size(1) / (3 * heads));
}

}  // namespace

void Compute::settle() {
  if (owed_s_ <= 0) return;
  const auto start = Clock::now();
  std::this_thread::sleep_for(std::chrono::duration<double>(owed_s_));
  owed_s_ -= seconds_since(start);  // what was slept too long is taken off the next
}

double Compute::asleep_s(const Operation& o) const {
  const auto found = sleeps_->operations.find(o.key());
  if (found == sleeps_->operations.end()) throw Error(fmt::format("has no '{}'", o.key()), "profile");
  return found->second.seconds;
}

at::Tensor Compute::linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  return event(
      operation(OperationKind::linear, forward, x.size(0), x.size(1), weight.size(0)),
      [&] { return kernel::linear(x, weight, bias); },
      [&] {
        return at::empty({x.size(0), weight.size(0)});
      });
}

at::Tensor Compute::linear_backward(const at::Tensor& dy, const at::Tensor& weight) {
  return event(
      operation(OperationKind::linear, backward, dy.size(0), weight.size(1), weight.size(0)),
      [&] { return kernel::linear_backward(dy, weight); },
      [&] {
        return at::empty({dy.size(0), weight.size(1)});
      });
}

void Compute::linear_weight(const at::Tensor& dy, const at::Tensor& x, const at::Tensor& dweight,
                            const at::Tensor& dbias) {
  event(operation(OperationKind::linear, weights, x.size(0), x.size(1), dy.size(1)),
        [&] { kernel::linear_weight(dy, x, dweight, dbias); });
}

kernel::Normalised Compute::normalise(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  return event(
      operation(OperationKind::normalise, forward, x.size(0), x.size(1)),
      [&] { return kernel::normalise(x, weight, bias); },
      [&] {
        return kernel::Normalised{at::empty_like(x), {}, {}};
      });
}

at::Tensor Compute::normalise_backward(const at::Tensor& dy, const at::Tensor& x, const kernel::Normalised& saved,
                                       const at::Tensor& weight, const at::Tensor& bias, const at::Tensor& dweight,
                                       const at::Tensor& dbias) {
  return event(
      operation(OperationKind::normalise, backward, x.size(0), x.size(1)),
      [&] { return kernel::normalise_backward(dy, x, saved, weight, bias, dweight, dbias); },
      [&] { return at::empty_like(x); });
}

kernel::Attended Compute::attend(const at::Tensor& qkv, std::int64_t samples, std::int64_t heads) {
  return event(
      causal(forward, qkv, samples, heads), [&] { return kernel::attend(qkv, samples, heads); },
      [&] {
        return kernel::Attended{at::empty({qkv.size(0), qkv.size(1) / 3}), {}};
      });
}

at::Tensor Compute::attend_backward(const at::Tensor& dy, const at::Tensor& qkv, const kernel::Attended& saved,
                                    std::int64_t samples, std::int64_t heads) {
  return event(
      causal(backward, qkv, samples, heads), [&] { return kernel::attend_backward(dy, qkv, saved, samples, heads); },
      [&] { return at::empty_like(qkv); });
}

at::Tensor Compute::gelu(const at::Tensor& x) {
  return event(
      operation(OperationKind::activation, forward, x.numel()), [&] { return kernel::gelu(x); },
      [&] { return at::empty_like(x); });
}

at::Tensor Compute::gelu_backward(const at::Tensor& dy, const at::Tensor& x) {
  return event(
      operation(OperationKind::activation, backward, x.numel()), [&] { return kernel::gelu_backward(dy, x); },
      [&] { return at::empty_like(x); });
}

at::Tensor Compute::relu(const at::Tensor& x) {
  return event(
      operation(OperationKind::relu, forward, x.numel()), [&] { return kernel::relu(x); },
      [&] { return at::empty_like(x); });
}

at::Tensor Compute::relu_backward(const at::Tensor& dy, const at::Tensor& y) {
  return event(
      operation(OperationKind::relu, backward, y.numel()), [&] { return kernel::relu_backward(dy, y); },
      [&] { return at::empty_like(y); });
}

at::Tensor Compute::residual(const at::Tensor& x, const at::Tensor& y, const at::Tensor& bias) {
  return event(
      operation(OperationKind::residual, forward, x.numel()), [&] { return kernel::residual(x, y, bias); },
      [&] { return y; });
}

at::Tensor Compute::residual_backward(const at::Tensor& dx, const at::Tensor& dy) {
  return event(
      operation(OperationKind::residual, backward, dx.numel()), [&] { return kernel::residual_backward(dx, dy); },
      [&] { return dx; });
}

at::Tensor Compute::embed(const at::Tensor& tokens, const at::Tensor& table, std::int64_t first) {
  return event(
      operation(OperationKind::embedding, forward, tokens.size(0), table.size(1)),
      [&] { return kernel::embed(tokens, table, first); },
      [&] {
        return at::empty({tokens.size(0), table.size(1)});
      });
}

void Compute::embed_weight(const at::Tensor& dy, const at::Tensor& tokens, std::int64_t first,
                           const at::Tensor& dtable) {
  event(operation(OperationKind::embedding, weights, tokens.size(0), dtable.size(1)),
        [&] { kernel::embed_weight(dy, tokens, first, dtable); });
}

at::Tensor Compute::add_positions(const at::Tensor& x, const at::Tensor& table, std::int64_t samples) {
  return continued(
      operation(OperationKind::embedding, forward, x.size(0), x.size(1)),
      [&] { return kernel::add_positions(x, table, samples); }, [&] { return x; });
}

void Compute::add_positions_weight(const at::Tensor& dy, const at::Tensor& dtable, std::int64_t samples) {
  continued(
      operation(OperationKind::embedding, weights, dy.size(0), dy.size(1)),
      [&] { return kernel::add_positions_weight(dy, dtable, samples), 0; }, [] { return 0; });
}

at::Tensor Compute::loss_most(const at::Tensor& logits) {
  return event(
      operation(OperationKind::loss, forward, logits.size(0), logits.size(1)),
      [&] { return kernel::loss_most(logits); }, [&] { return at::empty({logits.size(0)}); });
}

kernel::Exponents Compute::loss_exponents(const at::Tensor& logits, const at::Tensor& most, const at::Tensor& targets,
                                          std::int64_t first) {
  return continued(
      operation(OperationKind::loss, forward, logits.size(0), logits.size(1)),
      [&] { return kernel::loss_exponents(logits, most, targets, first); },
      [&] {
        return kernel::Exponents{logits, at::empty({2, logits.size(0)})};
      });
}

at::Tensor Compute::loss_backward(const kernel::Exponents& e, const at::Tensor& targets, std::int64_t first,
                                  double scale) {
  return event(
      operation(OperationKind::loss, backward, e.values.size(0), e.values.size(1)),
      [&] { return kernel::loss_backward(e, targets, first, scale); }, [&] { return e.values; });
}

void Compute::adam(const at::Tensor& parameters, const at::Tensor& gradient, kernel::AdamState& state,
                   double learning_rate) {
  event(operation(OperationKind::optimizer, forward, parameters.numel()),
        [&] { kernel::adam(parameters, gradient, state, learning_rate); });
}

}  // namespace pare::cluster::trainer
