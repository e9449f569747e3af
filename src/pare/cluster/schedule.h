// Pipeline schedules: in which order every rank of a pipeline runs the passes of its micro-batches.
//
// Sources: GPipe (Huang et al. 2019); 1F1B, which is DAPPLE (Fan et al. 2021) and PipeDream-Flush; interleaved 1F1B
// (Narayanan et al. 2021, section 2.2, in Megatron-LM's order); of Qi et al. 2024 (arXiv 2401.10241) ZB-H1 and ZB-H2
// (section 2), ZB-1p and ZB-2p, whose orders follow from the times of the stages (section 3, automatic.h), and ZB-V
// (section 6, in the order of torch.distributed.pipelining).
#pragma once
#include <array>
#include <string>
#include <string_view>
#include <vector>

namespace pare::cluster {

enum class Schedule { gpipe, one_f_one_b, interleaved, zb_h1, zb_h2, zb_1p, zb_2p, zb_v };

inline constexpr std::array all_schedules{Schedule::gpipe, Schedule::one_f_one_b, Schedule::interleaved,
                                          Schedule::zb_h1, Schedule::zb_h2,       Schedule::zb_1p,
                                          Schedule::zb_2p, Schedule::zb_v};

/// "gpipe", "1f1b", "interleaved", "zb-h1", "zb-h2", "zb-1p", "zb-2p", "zb-v".
std::string_view name(Schedule schedule);

/// Throws UsageError for another name.
Schedule parse_schedule(const std::string& name);

/// forward; backward: the gradient of a pass's input and, unless the schedule splits it off, of its weights; weight:
/// the gradient of the weights alone.
enum class PassKind { forward, backward, weight };

struct Pass {
  PassKind kind = PassKind::forward;
  int micro_batch = 0;  // [0, micro_batches)
  int chunk = 0;        // [0, chunks): which of the rank's pieces of the network

  bool operator==(const Pass&) const = default;
};

struct Pipeline {
  Schedule schedule = Schedule::one_f_one_b;
  int ranks = 1;          // width of the pipeline
  int micro_batches = 1;  // of one batch
  int chunks = 1;         // a rank; above 1 interleaved, and two of ZB-V
  // Part of a micro-batch's activations that the gradients of weights still need once those of inputs are there, in
  // [0, 1]: what ZB-1p and ZB-2p count against their limit. Half is what the authors' scheduler takes by itself.
  double kept_for_weights = 0.5;
  // Each rank steps its optimizer by itself: what counts is the longest time from a rank's first start to its last end,
  // not the last end of all. ZB-1p and ZB-2p order their passes by that.
  bool apart = false;

  bool splits_backward() const { return schedule >= Schedule::zb_h1; }
  /// Whether the order of passes follows from the times of the stages.
  bool by_times() const { return schedule == Schedule::zb_1p || schedule == Schedule::zb_2p; }
  int stages() const { return ranks * chunks; }
  /// Stages in the order of the network: chunk c of rank r is stage c * ranks + r, but ZB-V comes back the way it went,
  /// so that the first rank has the last stage too.
  int stage(int rank, int chunk) const {
    return schedule == Schedule::zb_v && chunk == 1 ? 2 * ranks - 1 - rank : chunk * ranks + rank;
  }
  int rank(int stage) const {
    return schedule == Schedule::zb_v && stage >= ranks ? 2 * ranks - 1 - stage : stage % ranks;
  }
  /// Micro-batches of the interleaved schedule that a chunk runs one after the other: the fewest, at least as many as
  /// ranks, that leave none over or as many as ranks again (Megatron-LM's schedules.py asks for that); all, where they
  /// are fewer (torch.distributed.pipelining).
  int group() const;
  /// Micro-batches whose activations the rank may hold at once, of ZB-1p and ZB-2p.
  int limit() const { return schedule == Schedule::zb_2p ? 2 * ranks : ranks; }
};

/// Throws UsageError where widths are not positive or chunks do not fit the schedule.
void check(const Pipeline& pipeline);

/// The passes of one rank in their order, of a schedule that is not by times. The last backward pass is that of the
/// last micro-batch's first chunk, and the last pass of all is that or, where the weights' gradients are apart, theirs.
std::vector<Pass> passes(const Pipeline& pipeline, int rank);

/// How many forward passes a rank runs before its first backward pass; of a schedule by times, at most.
int forward_lead(const Pipeline& pipeline, int rank);

/// How many passes for weights lie behind a rank's last backward pass. Not of a schedule by times.
int trailing_weights(const Pipeline& pipeline, int rank);

/// The most micro-batches (over all chunks: pieces of 1/chunks of a rank's layers each count as that part) whose
/// activations the rank holds at once: from the start of a forward pass to the end of the pass that needs it last. Of a
/// schedule by times the limit, against which a micro-batch counts as a part once its backward pass has ended.
double peak_in_flight(const Pipeline& pipeline, int rank);

/// The most of them, where the backward pass is split, between their backward pass and the end of that for their
/// weights; of a schedule by times at most.
double peak_awaiting_weights(const Pipeline& pipeline, int rank);

}  // namespace pare::cluster
