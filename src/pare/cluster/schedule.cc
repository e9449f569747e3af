#include "pare/cluster/schedule.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "pare/base/error.h"
#include "pare/cluster/names.h"

namespace pare::cluster {
namespace {

constexpr long long most_passes = 1 << 26;  // forward, of all ranks: some gigabytes of timeline
constexpr std::array<std::string_view, 4> names{"gpipe", "1f1b", "interleaved", "zb-h1"};

/// An order with room for the forward and backward passes, and the weights' where they are apart.
std::vector<Pass> empty_order(int passes, int kinds = 2) {
  std::vector<Pass> order;
  order.reserve(static_cast<std::size_t>(passes) * static_cast<std::size_t>(kinds));
  return order;
}

std::vector<Pass> gpipe(int micro_batches) {
  std::vector<Pass> order = empty_order(micro_batches);
  for (int m = 0; m < micro_batches; ++m) order.push_back({PassKind::forward, m});
  for (int m = 0; m < micro_batches; ++m) order.push_back({PassKind::backward, m});
  return order;
}

std::vector<Pass> one_f_one_b(int ranks, int micro_batches, int rank) {
  const int warm_up = std::min(ranks - rank - 1, micro_batches);
  std::vector<Pass> order = empty_order(micro_batches);
  for (int m = 0; m < warm_up; ++m) order.push_back({PassKind::forward, m});
  for (int m = 0; m < micro_batches; ++m) {
    if (m + warm_up < micro_batches) order.push_back({PassKind::forward, m + warm_up});
    order.push_back({PassKind::backward, m});
  }
  return order;
}

/// Megatron-LM's order: the k-th virtual micro-batch runs chunk by chunk, `ranks` micro-batches at a time.
std::vector<Pass> interleaved(int ranks, int micro_batches, int chunks, int rank) {
  const int total = micro_batches * chunks;
  const auto virtual_pass = [&](PassKind kind, int k) {
    const int chunk = k % (ranks * chunks) / ranks;
    return Pass{kind, k / (ranks * chunks) * ranks + k % ranks, kind == PassKind::forward ? chunk : chunks - 1 - chunk};
  };
  const int warm_up = std::min(2 * (ranks - rank - 1) + (chunks - 1) * ranks, total);
  std::vector<Pass> order = empty_order(total);
  for (int k = 0; k < warm_up; ++k) order.push_back(virtual_pass(PassKind::forward, k));
  for (int k = 0; k < total; ++k) {
    if (k + warm_up < total) order.push_back(virtual_pass(PassKind::forward, k + warm_up));
    order.push_back(virtual_pass(PassKind::backward, k));
  }
  return order;
}

/// 1F1B whose weight gradients wait: rank r lets its first r pairs pass before the first of them, so that every rank
/// holds as much as the first.
std::vector<Pass> zb_h1(int ranks, int micro_batches, int rank) {
  const int warm_up = std::min(ranks - rank - 1, micro_batches);
  std::vector<Pass> order = empty_order(micro_batches, 3);
  int weights = 0;
  for (int m = 0; m < warm_up; ++m) order.push_back({PassKind::forward, m});
  for (int m = 0; m < micro_batches; ++m) {
    const bool pair = m + warm_up < micro_batches;
    if (pair) order.push_back({PassKind::forward, m + warm_up});
    order.push_back({PassKind::backward, m});
    if (!pair || m >= rank) order.push_back({PassKind::weight, weights++});
  }
  while (weights < micro_batches) order.push_back({PassKind::weight, weights++});
  return order;
}

}  // namespace

std::string_view name(Schedule schedule) { return names[static_cast<std::size_t>(schedule)]; }

Schedule parse_schedule(const std::string& name) { return parse_name<Schedule>(names, name, "--schedule"); }

void check(const Pipeline& p) {
  if (p.ranks < 1 || p.micro_batches < 1 || p.chunks < 1)
    throw UsageError("widths, micro-batches and chunks are at least 1", "pipeline");
  if (1LL * p.ranks * p.chunks > most_passes / p.micro_batches)
    throw UsageError(fmt::format("{} stages with {} micro-batches are more than {} passes", 1LL * p.ranks * p.chunks,
                                 p.micro_batches, most_passes),
                     "pipeline", "take a larger --micro-batch");
  if (p.chunks > 1 && p.schedule != Schedule::interleaved)
    throw UsageError(fmt::format("runs one chunk a rank, not {}", p.chunks), std::string(name(p.schedule)),
                     "several need --schedule interleaved");
  if (p.schedule == Schedule::interleaved && p.chunks > 1 && p.micro_batches % p.ranks)
    throw UsageError(fmt::format("{} micro-batches are no multiple of {} pipeline ranks", p.micro_batches, p.ranks),
                     "interleaved", "change --batch, --micro-batch or --pipeline-parallel");
}

std::vector<Pass> passes(const Pipeline& p, int rank) {
  switch (p.schedule) {
    case Schedule::gpipe: return gpipe(p.micro_batches);
    case Schedule::one_f_one_b: return one_f_one_b(p.ranks, p.micro_batches, rank);
    case Schedule::interleaved:
      return p.chunks == 1 ? one_f_one_b(p.ranks, p.micro_batches, rank)
                           : interleaved(p.ranks, p.micro_batches, p.chunks, rank);
    case Schedule::zb_h1: return zb_h1(p.ranks, p.micro_batches, rank);
  }
  return {};
}

int forward_lead(const Pipeline& p, int rank) {
  if (p.schedule == Schedule::gpipe) return p.micro_batches;
  const int behind = p.ranks - rank - 1;
  if (p.chunks == 1) return std::min(behind + 1, p.micro_batches);
  return std::min(2 * behind + (p.chunks - 1) * p.ranks + 1, p.micro_batches * p.chunks);
}

double peak_in_flight(const Pipeline& p, int rank) {
  // of a lead every backward pass makes room for the next forward pass; ZB-H1's weights wait until all ranks hold the
  // same
  const int most = p.splits_backward() ? std::min(p.ranks, p.micro_batches) : forward_lead(p, rank);
  return static_cast<double>(most) / p.chunks;
}

}  // namespace pare::cluster
