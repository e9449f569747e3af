#include "pare/cluster/schedule.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cassert>

#include "pare/base/error.h"
#include "pare/cluster/names.h"

namespace pare::cluster {
namespace {

constexpr long long most_passes = 1 << 26;  // forward, of all ranks: some gigabytes of timeline
constexpr std::array<std::string_view, 8> names{"gpipe", "1f1b",  "interleaved", "zb-h1",
                                                "zb-h2", "zb-1p", "zb-2p",       "zb-v"};

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

/// Megatron-LM's order: the k-th virtual micro-batch runs chunk by chunk, a group of micro-batches at a time, of which
/// the last may be shorter.
std::vector<Pass> interleaved(const Pipeline& p, int rank) {
  const int total = p.micro_batches * p.chunks, group = p.group();
  const int whole = p.micro_batches / group * group;  // micro-batches of full groups
  const auto virtual_pass = [&](PassKind kind, int k) {
    const int first = std::min(k / (group * p.chunks) * group, whole);
    const int size = first < whole ? group : p.micro_batches - whole, inside = k - first * p.chunks;
    const int chunk = inside / size;
    return Pass{kind, first + inside % size, kind == PassKind::forward ? chunk : p.chunks - 1 - chunk};
  };
  const int warm_up = std::min(2 * (p.ranks - rank - 1) + (p.chunks - 1) * group, total);
  std::vector<Pass> order = empty_order(total);
  for (int k = 0; k < warm_up; ++k) order.push_back(virtual_pass(PassKind::forward, k));
  for (int k = 0; k < total; ++k) {
    if (k + warm_up < total) order.push_back(virtual_pass(PassKind::forward, k + warm_up));
    order.push_back(virtual_pass(PassKind::backward, k));
  }
  return order;
}

/// Of ZB-H1 (depth 1) and ZB-H2 (depth 2): forward passes of a rank before its first pair of a forward and a backward
/// pass, and pairs before its first pass for weights, so that every rank holds as much as the first. At the end the
/// ranks are apart by what they were at the start: ZB-H2 fills the start as well.
struct ZeroBubble {
  int warm_up, pairs, first_weight;

  ZeroBubble(const Pipeline& p, int rank)
      : warm_up(std::min(depth(p) * (p.ranks - rank - 1), p.micro_batches)),
        pairs(p.micro_batches - warm_up),
        first_weight(depth(p) * rank) {}
  static int depth(const Pipeline& p) { return p.schedule == Schedule::zb_h2 ? 2 : 1; }
};

/// 1F1B whose weight gradients wait.
std::vector<Pass> zero_bubble(const Pipeline& p, int rank) {
  const ZeroBubble z(p, rank);
  std::vector<Pass> order = empty_order(p.micro_batches, 3);
  int weights = 0;
  for (int m = 0; m < z.warm_up; ++m) order.push_back({PassKind::forward, m});
  for (int m = 0; m < p.micro_batches; ++m) {
    if (m < z.pairs) order.push_back({PassKind::forward, m + z.warm_up});
    order.push_back({PassKind::backward, m});
    if (m >= std::min(z.first_weight, z.pairs)) order.push_back({PassKind::weight, weights++});
  }
  while (weights < p.micro_batches) order.push_back({PassKind::weight, weights++});
  return order;
}

/// The order of ZB-V for at least 2 ranks - 1 micro-batches; fewer leave out the passes of those that are not there.
class Vee {
 public:
  explicit Vee(const Pipeline& p) : p_(p), planned_(std::max(p.micro_batches, 2 * p.ranks - 1)) {}

  std::vector<Pass> order(int rank) {
    using enum PassKind;
    const int behind = p_.ranks - rank;  // ranks, this one included
    order_ = empty_order(2 * p_.micro_batches, 3);
    for (auto& counts : next_) counts.fill(0);
    for (int i = 0; i < 2 * behind - 1; ++i) put(forward, 0);
    for (int i = 0; i < rank; ++i) put(forward, 1), put(forward, 0);
    for (int i = 0; i < behind; ++i) put(forward, 1), put(backward, 1), put(weight, 1);
    while (next(forward, 1) < next(forward, 0) || next(forward, 0) < planned_) {
      if (next(forward, 0) < planned_) put(forward, 0);
      put(backward, 0), put(weight, 0);
      put(forward, 1), put(backward, 1), put(weight, 1);
    }
    for (int i = 0; i < rank; ++i) put(backward, 0), put(backward, 1);
    for (int i = 0; i < behind; ++i) put(backward, 0), put(weight, 0);
    for (const int chunk : {1, 0})
      while (next(weight, chunk) < planned_) put(weight, chunk);
    return std::move(order_);
  }

 private:
  int& next(PassKind kind, int chunk) { return next_[static_cast<std::size_t>(kind)][static_cast<std::size_t>(chunk)]; }
  void put(PassKind kind, int chunk) {
    const int m = next(kind, chunk)++;
    if (m < p_.micro_batches) order_.push_back({kind, m, chunk});
  }

  const Pipeline& p_;
  int planned_;
  std::array<std::array<int, 2>, 3> next_{};  // [kind][chunk], the next micro-batch
  std::vector<Pass> order_;
};

}  // namespace

std::string_view name(Schedule schedule) { return names[static_cast<std::size_t>(schedule)]; }

Schedule parse_schedule(const std::string& name) { return parse_name<Schedule>(names, name, "--schedule"); }

int Pipeline::group() const {
  if (micro_batches <= ranks) return micro_batches;
  int group = ranks;
  while (micro_batches % group > 0 && micro_batches % group < ranks) ++group;
  return group;
}

void check(const Pipeline& p) {
  if (p.ranks < 1 || p.micro_batches < 1 || p.chunks < 1)
    throw UsageError("widths, micro-batches and chunks are at least 1", "pipeline");
  if (1LL * p.ranks * p.chunks > most_passes / p.micro_batches)
    throw UsageError(fmt::format("{} stages with {} micro-batches are more than {} passes", 1LL * p.ranks * p.chunks,
                                 p.micro_batches, most_passes),
                     "pipeline", "take a larger --micro-batch");
  if (p.schedule == Schedule::zb_v && p.chunks != 2)
    throw UsageError(fmt::format("runs two chunks a rank, not {}", p.chunks), "zb-v", "leave --chunks out");
  if (p.chunks > 1 && p.schedule != Schedule::interleaved && p.schedule != Schedule::zb_v)
    throw UsageError(fmt::format("runs one chunk a rank, not {}", p.chunks), std::string(name(p.schedule)),
                     "several need --schedule interleaved");
}

std::vector<Pass> passes(const Pipeline& p, int rank) {
  switch (p.schedule) {
    case Schedule::gpipe: return gpipe(p.micro_batches);
    case Schedule::one_f_one_b: return one_f_one_b(p.ranks, p.micro_batches, rank);
    case Schedule::interleaved:
      return p.chunks == 1 ? one_f_one_b(p.ranks, p.micro_batches, rank) : interleaved(p, rank);
    case Schedule::zb_h1:
    case Schedule::zb_h2: return zero_bubble(p, rank);
    case Schedule::zb_v: return Vee(p).order(rank);
    case Schedule::zb_1p:
    case Schedule::zb_2p: assert(false && "an order by times"); break;
  }
  return {};
}

int forward_lead(const Pipeline& p, int rank) {
  const int m = p.micro_batches, behind = p.ranks - rank - 1;
  switch (p.schedule) {
    case Schedule::gpipe: return m;
    case Schedule::one_f_one_b:
    case Schedule::zb_h1: return std::min(behind + 1, m);
    case Schedule::zb_h2: return std::min(2 * behind + 1, m);
    case Schedule::zb_1p:
    case Schedule::zb_2p: return std::min(p.limit(), m);
    case Schedule::zb_v: return std::min(p.ranks + behind, m) + std::min(rank + 1, m);
    case Schedule::interleaved:
      if (p.chunks == 1) return std::min(behind + 1, m);
      return std::min(2 * behind + (p.chunks - 1) * p.group() + 1, m * p.chunks);
  }
  return 0;
}

int trailing_weights(const Pipeline& p, int rank) {
  if (p.schedule == Schedule::zb_v) {
    if (p.micro_batches >= 2 * p.ranks - 1) return 2 * rank + 1;
    const std::vector<Pass> order = passes(p, rank);  // a few, and not all of the rule above
    const auto last =
        std::find_if(order.rbegin(), order.rend(), [](const Pass& x) { return x.kind != PassKind::weight; });
    return static_cast<int>(last - order.rbegin());
  }
  const ZeroBubble z(p, rank);
  return std::min(p.micro_batches, 1 + std::min(z.first_weight, z.pairs));
}

double peak_in_flight(const Pipeline& p, int rank) {
  // of a lead every backward pass makes room for the next forward pass; where weights wait, they do until all ranks
  // hold the same
  switch (p.schedule) {
    case Schedule::zb_h1: return std::min(p.ranks, p.micro_batches);
    case Schedule::zb_h2: return std::min(2 * p.ranks - 1, p.micro_batches);
    default: return static_cast<double>(forward_lead(p, rank)) / p.chunks;
  }
}

double peak_awaiting_weights(const Pipeline& p, int rank) {
  if (!p.splits_backward()) return 0;
  if (p.by_times()) return std::min<double>(p.limit() / std::max(p.kept_for_weights, 1e-9), p.micro_batches);
  return static_cast<double>(trailing_weights(p, rank)) / p.chunks;
}

}  // namespace pare::cluster
