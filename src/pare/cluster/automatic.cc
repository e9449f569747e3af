#include "pare/cluster/automatic.h"

#include <algorithm>
#include <array>
#include <cassert>

#include "pare/base/progress.h"

namespace pare::cluster {
namespace {

using enum PassKind;

/// What the rule leaves open.
struct Choice {
  bool idle_before_first = false;  // before its first backward pass a rank rather idles than holds that up
  bool backward_first = false;     // a rank far ahead of the next one leaves out a forward pass
  bool fill_all = false;           // a pass for weights longer than its gap is run though it need not be
};

/// Runs the pipeline by one choice. Every pass is given its time when it is put behind the others of its rank.
class Trial {
 public:
  Trial(const Pipeline& p, const std::vector<StageTimes>& times, const std::vector<double>& transfer_s, Choice choice)
      : p_(p), times_(times), transfer_s_(transfer_s), choice_(choice), ranks_(static_cast<std::size_t>(p.ranks)) {
    for (Rank& rank : ranks_) {
      rank.order.reserve(3 * static_cast<std::size_t>(p.micro_batches));
      for (const PassKind kind : {forward, backward}) rank.ends[index(kind)].resize(rank.order.capacity() / 3);
    }
  }

  std::vector<std::vector<Pass>> orders() {
    warm_up();
    for (int m = 1; m < p_.micro_batches; ++m) {
      stop_if_interrupted();
      run_forwards();
      for (int r = p_.ranks - 1; r >= 0; --r) {
        fill_gap(r, backward);
        if (r == 0 && done(r, forward) == p_.micro_batches)
          while (awaiting(r)) put(r, weight);
        put(r, backward);
      }
    }
    std::vector<std::vector<Pass>> out;
    for (int r = 0; r < p_.ranks; ++r) {
      while (awaiting(r)) put(r, weight);
      out.push_back(std::move(at(r).order));
    }
    return out;
  }

 private:
  static constexpr double rounding = 1e-9;

  struct Rank {
    double now_s = 0, idle_s = 0;  // idle since its first pass
    double held = 0;               // micro-batches' activations
    std::array<int, 3> done{};
    std::array<std::vector<double>, 2> ends;  // of forward and backward passes, by micro-batch
    std::vector<Pass> order;
  };

  static std::size_t index(PassKind kind) { return static_cast<std::size_t>(kind); }
  Rank& at(int r) { return ranks_[static_cast<std::size_t>(r)]; }
  int done(int r, PassKind kind) { return at(r).done[index(kind)]; }
  bool awaiting(int r) { return done(r, weight) < done(r, backward); }
  double takes(int r, PassKind kind) const {
    const StageTimes& t = times_[static_cast<std::size_t>(r)];
    return kind == forward ? t.forward_s : kind == backward ? t.backward_s : t.weight_s;
  }
  double transfer(int r) const { return transfer_s_[static_cast<std::size_t>(r)]; }

  /// When what the rank's next pass needs of its neighbour is there.
  double arrival(int r, PassKind kind) {
    const auto m = static_cast<std::size_t>(done(r, kind));
    if (kind == forward && r > 0) return at(r - 1).ends[index(forward)][m] + transfer(r - 1);
    if (kind == backward && r + 1 < p_.ranks) return at(r + 1).ends[index(backward)][m] + transfer(r);
    return 0;
  }
  /// What a pass adds to the activations held.
  double held(PassKind kind) const {
    return kind == forward ? 1 : kind == backward ? p_.kept_for_weights - 1 : -p_.kept_for_weights;
  }
  bool has_room(double activations) const { return activations + held(forward) <= p_.limit() + rounding; }

  void put(int r, PassKind kind) {
    Rank& rank = at(r);
    const double start = std::max(rank.now_s, kind == weight ? 0 : arrival(r, kind));
    if (!rank.order.empty()) rank.idle_s += start - rank.now_s;
    most_idle_s_ = std::max(most_idle_s_, rank.idle_s);
    rank.now_s = start + takes(r, kind);
    rank.held += held(kind);
    const int m = rank.done[index(kind)]++;
    if (kind != weight) rank.ends[index(kind)][static_cast<std::size_t>(m)] = rank.now_s;
    rank.order.push_back({kind, m});
  }

  /// One forward pass of each rank, and as many more as fit before the first gradient is back.
  void warm_up() {
    for (int r = 0; r < p_.ranks; ++r) put(r, forward);
    std::vector<int> more(ranks_.size(), 0);
    double back = 0;  // when the rank behind has its first gradient
    for (int r = p_.ranks - 1; r >= 0; --r) {
      double now = at(r).now_s;
      int& own = more[static_cast<std::size_t>(r)];
      if (r + 1 < p_.ranks) {
        back += transfer(r);
        while (1 + own < p_.micro_batches && has_room(at(r).held + own) &&
               (choice_.idle_before_first ? now + takes(r, forward) <= back : now < back)) {
          now += takes(r, forward);
          ++own;
        }
      }
      back = std::max(now, back) + takes(r, backward);
    }
    const int all = p_.micro_batches - 1;
    for (std::size_t r = 1; r < more.size(); ++r)  // a rank stays behind the one in front of it
      more[r] = std::min(more[r], more[r - 1] == all ? all : std::max(0, more[r - 1] - 1));
    for (int r = 0; r < p_.ranks; ++r)
      for (int i = 0; i < more[static_cast<std::size_t>(r)]; ++i) put(r, forward);
    for (int r = p_.ranks - 1; r >= 0; --r) put(r, backward);
  }

  /// Whether the rank can leave out this round's forward pass, being two ahead of the next rank at least.
  bool skips(int r) {
    if (!choice_.backward_first || r + 1 == p_.ranks || done(r, forward) < done(r + 1, forward) + 2) return false;
    // when the next rank's gradient can be here
    const double back = at(r + 1).now_s + takes(r + 1, forward) + takes(r + 1, backward) + transfer(r);
    if (at(r).now_s >= back) return true;
    double first = 0, activations = at(r).held;  // passes for weights that make room
    for (int w = done(r, weight); !has_room(activations) && w < done(r, backward); ++w) {
      first += takes(r, weight);
      activations += held(weight);
    }
    if (at(r).now_s + takes(r, forward) + first <= back) return false;
    return back - at(r).now_s <= most_idle_s_ - at(r).idle_s;
  }

  void run_forwards() {
    std::vector<bool> runs(ranks_.size());
    for (int r = 0; r < p_.ranks; ++r)
      runs[static_cast<std::size_t>(r)] = done(r, forward) < p_.micro_batches && !skips(r);
    for (std::size_t r = runs.size() - 1; r-- > 0;) runs[r] = runs[r] && runs[r + 1];
    for (int r = 0; r < p_.ranks; ++r) {
      if (!runs[static_cast<std::size_t>(r)]) continue;
      while (!has_room(at(r).held)) {
        assert(awaiting(r));
        put(r, weight);
      }
      fill_gap(r, forward);
      put(r, forward);
    }
  }

  /// Weights while the rank waits for its next pass: those that fit, and one that does not, where the wait would
  /// otherwise make the longest idle time of all ranks longer.
  void fill_gap(int r, PassKind kind) {
    const double from = arrival(r, kind);
    while (awaiting(r) && at(r).now_s + takes(r, weight) <= from) put(r, weight);
    const double gap = from - at(r).now_s;
    if (awaiting(r) && gap > 0 && (choice_.fill_all || gap > most_idle_s_ - at(r).idle_s)) put(r, weight);
  }

  const Pipeline& p_;
  const std::vector<StageTimes>& times_;
  const std::vector<double>& transfer_s_;
  Choice choice_;
  std::vector<Rank> ranks_;
  double most_idle_s_ = 0;
};

}  // namespace

std::vector<std::vector<Pass>> automatic_orders(const Pipeline& p, const std::vector<StageTimes>& times,
                                                const std::vector<double>& transfer_s) {
  assert(p.by_times() && p.chunks == 1);
  std::vector<std::vector<Pass>> best;
  double least = 0;
  const auto consider = [&](std::vector<std::vector<Pass>> orders) {
    const PipelineTimeline line = run_orders(p, orders, times, transfer_s, Keep::spans);
    const double takes = line.length_s(p.apart);
    if (!best.empty() && takes >= least) return;
    least = takes;
    best = std::move(orders);
  };
  for (const Schedule by_hand : {Schedule::zb_h2, Schedule::zb_h1}) {
    if (by_hand == Schedule::zb_h2 && p.schedule == Schedule::zb_1p) continue;
    std::vector<std::vector<Pass>> orders;
    for (int r = 0; r < p.ranks; ++r) orders.push_back(passes({by_hand, p.ranks, p.micro_batches}, r));
    consider(std::move(orders));
  }
  for (const bool idle : {true, false})
    for (const bool backward_first : {true, false})
      for (const bool fill : {true, false})
        consider(Trial(p, times, transfer_s, {idle, backward_first, fill}).orders());
  return best;
}

}  // namespace pare::cluster
