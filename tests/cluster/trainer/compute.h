// Runs the operations of training and keeps the time of every event; or, given a profile, sleeps its times instead.
#pragma once
#include <ATen/ATen.h>

#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "pare/cluster/kernels.h"
#include "pare/cluster/operation.h"
#include "pare/cluster/profile.h"

namespace pare::cluster::trainer {

using Clock = std::chrono::steady_clock;

inline double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

class Compute {
 public:
  explicit Compute(const Profile* sleeps) : sleeps_(sleeps) {}

  bool sleeping() const { return sleeps_ != nullptr; }
  /// Sleeps what has been owed; before anything that another rank can see.
  void settle();
  /// Times of each event since the last call, s.
  std::map<std::string, std::vector<double>> take_times() { return std::exchange(times_, {}); }

  // As kernels.h has them. One event each; what they return has the same shape when they only sleep.
  at::Tensor linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias);
  at::Tensor linear_backward(const at::Tensor& dy, const at::Tensor& weight);
  void linear_weight(const at::Tensor& dy, const at::Tensor& x, const at::Tensor& dweight, const at::Tensor& dbias);
  kernel::Normalised normalise(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias);
  at::Tensor normalise_backward(const at::Tensor& dy, const at::Tensor& x, const kernel::Normalised& saved,
                                const at::Tensor& weight, const at::Tensor& bias, const at::Tensor& dweight,
                                const at::Tensor& dbias);
  kernel::Attended attend(const at::Tensor& qkv, std::int64_t samples, std::int64_t heads);
  at::Tensor attend_backward(const at::Tensor& dy, const at::Tensor& qkv, const kernel::Attended& saved,
                             std::int64_t samples, std::int64_t heads);
  at::Tensor gelu(const at::Tensor& x);
  at::Tensor gelu_backward(const at::Tensor& dy, const at::Tensor& x);
  at::Tensor relu(const at::Tensor& x);
  at::Tensor relu_backward(const at::Tensor& dy, const at::Tensor& y);
  at::Tensor residual(const at::Tensor& x, const at::Tensor& y, const at::Tensor& bias);
  at::Tensor residual_backward(const at::Tensor& dx, const at::Tensor& dy);
  at::Tensor embed(const at::Tensor& tokens, const at::Tensor& table, std::int64_t first);
  void embed_weight(const at::Tensor& dy, const at::Tensor& tokens, std::int64_t first, const at::Tensor& dtable);
  at::Tensor add_positions(const at::Tensor& x, const at::Tensor& table, std::int64_t samples);
  void add_positions_weight(const at::Tensor& dy, const at::Tensor& dtable, std::int64_t samples);
  at::Tensor loss_most(const at::Tensor& logits);
  kernel::Exponents loss_exponents(const at::Tensor& logits, const at::Tensor& most, const at::Tensor& targets,
                                   std::int64_t first);
  at::Tensor loss_backward(const kernel::Exponents& exponents, const at::Tensor& targets, std::int64_t first,
                           double scale);
  void adam(const at::Tensor& parameters, const at::Tensor& gradient, kernel::AdamState& state, double learning_rate);

 private:
  /// run() and the event's time, or what empty() gives and the profile's.
  template <typename Run, typename Empty>
  auto event(const Operation& operation, Run run, Empty empty) {
    if (sleeps_) {
      owed_s_ += asleep_s(operation);
      return empty();
    }
    const auto start = Clock::now();
    auto made = run();
    times_[operation.key()].push_back(seconds_since(start));
    return made;
  }

  template <typename Run>
  void event(const Operation& operation, Run run) {
    event(
        operation, [&] { return run(), 0; }, [] { return 0; });
  }

  /// More of the event that ran last of its kind.
  template <typename Run, typename Empty>
  auto continued(const Operation& operation, Run run, Empty empty) {
    if (sleeps_) return empty();
    const auto start = Clock::now();
    auto made = run();
    times_.at(operation.key()).back() += seconds_since(start);
    return made;
  }

  double asleep_s(const Operation& operation) const;

  const Profile* sleeps_;
  double owed_s_ = 0;
  std::map<std::string, std::vector<double>> times_;
};

}  // namespace pare::cluster::trainer
