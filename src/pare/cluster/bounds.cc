#include "pare/cluster/bounds.h"

#include <algorithm>

namespace pare::cluster {
namespace {

/// Passes for weights that ZB-H1 leaves to the end of a rank, behind its last backward pass.
int trailing_weights(const Pipeline& p, int rank) {
  const int pairs = p.micro_batches - std::min(p.ranks - rank - 1, p.micro_batches);
  return std::min(p.micro_batches, 1 + std::min(rank, pairs));
}

}  // namespace

std::vector<double> least_ends(const Pipeline& p, const std::vector<StageTimes>& times,
                               const std::vector<double>& transfer_s) {
  const std::size_t stages = times.size(), ranks = static_cast<std::size_t>(p.ranks);
  std::vector<double> forward{0}, backward(stages + 1, 0);  // when the first micro-batch reaches a stage, both ways
  for (std::size_t s = 0; s + 1 < stages; ++s) forward.push_back(forward[s] + times[s].forward_s + transfer_s[s]);
  backward[stages - 1] = forward[stages - 1] + times[stages - 1].forward_s;
  for (std::size_t s = stages - 1; s > 0; --s) backward[s - 1] = backward[s] + times[s].backward_s + transfer_s[s - 1];

  std::vector<double> ends(ranks);
  double next = 0;  // when the next rank's last backward pass ends
  for (std::size_t r = ranks; r-- > 0;) {
    const int rank = static_cast<int>(r);
    double busy = 0, longest_forward = 0;
    for (std::size_t s = r; s < stages; s += ranks) {
      busy += p.micro_batches * (times[s].forward_s + times[s].backward_s + times[s].weight_s);
      longest_forward = std::max(longest_forward, times[s].forward_s);
    }
    const double behind_first = busy - forward_lead(p, rank) * longest_forward;
    const double trailing = p.splits_backward() ? trailing_weights(p, rank) * times[r].weight_s : 0;
    double last = std::max(forward[r] + busy, backward[stages - ranks + r] + behind_first) - trailing;
    if (r + 1 < ranks) last = std::max(last, next + transfer_s[r] + times[r].backward_s);
    ends[r] = last + trailing;
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
  const double forward = longest.forward_s + transfer;
  // of ZB-H1 the form holds where weights take no longer than the backward passes
  const double backward = std::max(longest.backward_s + transfer, longest.weight_s);
  const double bubble = (p.ranks - 1) * (forward + backward);
  return 1.0 * p.micro_batches * p.chunks * (forward + backward + longest.weight_s) + bubble;
}

}  // namespace pare::cluster
