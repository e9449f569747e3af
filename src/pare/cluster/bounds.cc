#include "pare/cluster/bounds.h"

#include <algorithm>

namespace pare::cluster {
std::vector<double> least_ends(const Pipeline& p, const std::vector<StageTimes>& times,
                               const std::vector<double>& transfer_s) {
  const std::size_t stages = times.size(), ranks = static_cast<std::size_t>(p.ranks);
  const auto stage = [&](std::size_t rank, int chunk) {
    return static_cast<std::size_t>(p.stage(static_cast<int>(rank), chunk));
  };
  std::vector<double> forward{0}, backward(stages + 1, 0);  // when the first micro-batch reaches a stage, both ways
  for (std::size_t s = 0; s + 1 < stages; ++s) forward.push_back(forward[s] + times[s].forward_s + transfer_s[s]);
  backward[stages - 1] = forward[stages - 1] + times[stages - 1].forward_s;
  for (std::size_t s = stages - 1; s > 0; --s) backward[s - 1] = backward[s] + times[s].backward_s + transfer_s[s - 1];

  std::vector<double> ends(ranks);
  double next = 0;  // when the next rank's last backward pass ends
  for (std::size_t r = ranks; r-- > 0;) {
    const int rank = static_cast<int>(r);
    double busy = 0, longest_forward = 0, weights = 0, least_weight = times[r].weight_s;
    for (int chunk = 0; chunk < p.chunks; ++chunk) {
      const StageTimes& t = times[stage(r, chunk)];
      busy += p.micro_batches * (t.forward_s + t.backward_s + t.weight_s);
      weights += p.micro_batches * t.weight_s;
      longest_forward = std::max(longest_forward, t.forward_s);
      least_weight = std::min(least_weight, t.weight_s);
    }
    const double behind_first = busy - forward_lead(p, rank) * longest_forward;
    const double all = std::max(forward[r] + busy, backward[stage(r, p.chunks - 1)] + behind_first);
    // passes for weights behind the last backward pass, at least and at most
    double trailing = 0, may_trail = 0;
    if (p.by_times()) {
      trailing = times[r].weight_s;
      may_trail = weights;
    } else if (p.splits_backward()) {
      trailing = trailing_weights(p, rank) * least_weight;
      may_trail = p.chunks == 1 ? trailing : weights;
    }
    double last = all - may_trail;
    if (r + 1 < ranks) last = std::max(last, next + transfer_s[r] + times[r].backward_s);
    ends[r] = std::max(all, last + trailing);
    next = last;
  }
  return ends;
}

double latest_end(const Pipeline& p, const std::vector<StageTimes>& times, const std::vector<double>& transfer_s) {
  StageTimes longest;
  double transfer = 0;
  for (std::size_t s = 0; s < times.size(); ++s) {
    longest.forward_s = std::max(longest.forward_s, times[s].forward_s);
    longest.backward_s = std::max(longest.backward_s, times[s].backward_s);
    longest.weight_s = std::max(longest.weight_s, times[s].weight_s);
    if (s + 1 < times.size()) transfer = std::max(transfer, transfer_s[s]);
  }
  const double forward = longest.forward_s + transfer, gradient = longest.backward_s + transfer;
  const double gaps = p.ranks - 1;
  double passes = 1.0 * p.micro_batches * p.chunks;
  if (p.schedule == Schedule::zb_v) {
    // found by running it, and held against chance by the tests; made for 2 ranks - 1 micro-batches at least
    const double planned = std::max(passes, 2.0 * (2 * p.ranks - 1));
    return planned * (forward + gradient + longest.weight_s) +
           2 * gaps * std::max({forward, gradient, longest.weight_s});
  }
  // where they are fewer than ranks, a chunk waits for the one before as if they were as many
  if (p.schedule == Schedule::interleaved && p.chunks > 1) passes = std::max(passes, 1.0 * p.ranks * p.chunks);
  // of split backward passes the form holds where weights take no longer than they do; ZB-1p and ZB-2p take no longer
  // than the orders by hand
  const double backward = std::max(gradient, longest.weight_s);
  return passes * (forward + backward + longest.weight_s) + gaps * (forward + backward);
}

}  // namespace pare::cluster
