// What a rank says to the others, and how long it waits for that.
#pragma once
#include <map>
#include <memory>
#include <utility>

#include "compute.h"
#include "pare/runtime/rank_group.h"
#include "settings.h"

namespace pare::cluster::trainer {

class Communicator {
 public:
  Communicator(const Strategy& strategy, int rank, const std::filesystem::path& store, Compute& compute);

  // Of the tensor ranks that share a layer; of the replicas. Nothing where there is one.
  void sum_tensor(const at::Tensor& x);
  void most_tensor(const at::Tensor& x);
  void sum_replicas(const at::Tensor& x);
  void barrier();

  bool first() const { return place_.stage == 0; }
  bool last() const { return place_.stage + 1 == stages_; }
  /// Makes ready for `micro_batches` activations [rows, width] from the stage before and gradients from the one behind:
  /// transfers then run beside passes.
  void expect(int micro_batches, std::int64_t rows, std::int64_t width);
  at::Tensor receive_activations(int micro_batch) { return take(micro_batch, false); }
  at::Tensor receive_gradients(int micro_batch) { return take(micro_batch, true); }
  void send_activations(int micro_batch, const at::Tensor& x) { send(micro_batch, false, x); }
  void send_gradients(int micro_batch, const at::Tensor& x) { send(micro_batch, true, x); }
  /// Until all that was sent has arrived.
  void finish_sending();

  /// Time spent in all of these since the last call, s.
  double take_seconds() { return std::exchange(seconds_, 0); }

 private:
  template <typename Run>
  void timed(Run run) {
    compute_.settle();
    const auto start = Clock::now();
    run();
    seconds_ += seconds_since(start);
  }

  at::Tensor take(int micro_batch, bool gradients);
  void send(int micro_batch, bool gradients, const at::Tensor& x);

  struct Expected {
    at::Tensor buffer;
    runtime::Pending arrival;
  };

  Compute& compute_;
  Place place_;
  int stages_;
  std::unique_ptr<runtime::RankGroup> all_, tensor_, replicas_, pipeline_;
  std::map<int, Expected> expected_;  // by tag
  std::vector<std::pair<at::Tensor, runtime::Pending>> sent_;
  double seconds_ = 0;
};

}  // namespace pare::cluster::trainer
