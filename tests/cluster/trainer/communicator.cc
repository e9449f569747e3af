#include "communicator.h"

#include <fmt/format.h>

namespace pare::cluster::trainer {
namespace {

int tag(int micro_batch, bool gradients) { return 2 * micro_batch + gradients; }

}  // namespace

Communicator::Communicator(const Strategy& s, int rank, const std::filesystem::path& store, Compute& compute)
    : compute_(compute), place_(place(s, rank)), stages_(s.pipeline) {
  const auto group = [&](int size, int own, const std::string& name) {
    return size > 1 ? std::make_unique<runtime::RankGroup>(store, name, own, size) : nullptr;
  };
  all_ = group(s.devices(), rank, "all");
  tensor_ = group(s.tensor, place_.tensor, fmt::format("tensor {} {}", place_.data, place_.stage));
  replicas_ = group(s.data, place_.data, fmt::format("replicas {} {}", place_.tensor, place_.stage));
  pipeline_ = group(s.pipeline, place_.stage, fmt::format("pipeline {} {}", place_.tensor, place_.data));
}

void Communicator::sum_tensor(const at::Tensor& x) {
  if (tensor_) timed([&] { tensor_->sum(x); });
}

void Communicator::most_tensor(const at::Tensor& x) {
  if (tensor_) timed([&] { tensor_->most(x); });
}

void Communicator::sum_replicas(const at::Tensor& x) {
  if (replicas_) timed([&] { replicas_->sum(x); });
}

void Communicator::barrier() {
  if (all_) timed([&] { all_->barrier(); });
}

void Communicator::expect(int micro_batches, std::int64_t rows, std::int64_t width) {
  timed([&] {
    const auto from = [&](int stage, bool gradients) {
      for (int m = 0; m < micro_batches; ++m) {
        at::Tensor buffer = at::empty({rows, width});
        expected_[tag(m, gradients)] = {buffer, pipeline_->receive(buffer, stage, tag(m, gradients))};
      }
    };
    if (!first()) from(place_.stage - 1, false);
    if (!last()) from(place_.stage + 1, true);
  });
}

at::Tensor Communicator::take(int micro_batch, bool gradients) {
  const auto found = expected_.find(tag(micro_batch, gradients));
  timed([&] { found->second.arrival(); });
  at::Tensor arrived = found->second.buffer;
  expected_.erase(found);
  return arrived;
}

void Communicator::send(int micro_batch, bool gradients, const at::Tensor& x) {
  timed([&] {
    const int to = place_.stage + (gradients ? -1 : 1);
    sent_.emplace_back(x, pipeline_->send(x, to, tag(micro_batch, gradients)));
  });
}

void Communicator::finish_sending() {
  timed([&] {
    for (auto& [x, arrived] : sent_) arrived();
    sent_.clear();
  });
}

}  // namespace pare::cluster::trainer
