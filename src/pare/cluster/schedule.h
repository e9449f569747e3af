// Pipeline schedules: in which order every rank of a pipeline runs the passes of its micro-batches.
//
// Sources: GPipe (Huang et al. 2019); 1F1B, which is DAPPLE (Fan et al. 2021) and PipeDream-Flush; interleaved 1F1B
// (Narayanan et al. 2021, section 2.2, in Megatron-LM's order); ZB-H1 (Qi et al. 2024, section 3.1).
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace pare::cluster {

enum class Schedule { gpipe, one_f_one_b, interleaved, zb_h1 };

/// "gpipe", "1f1b", "interleaved", "zb-h1".
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
  int chunks = 1;         // a rank; above 1 only interleaved

  bool splits_backward() const { return schedule == Schedule::zb_h1; }
  int stages() const { return ranks * chunks; }
  /// Stages in the order of the network: chunk c of rank r is stage c * ranks + r.
  int stage(int rank, int chunk) const { return chunk * ranks + rank; }
};

/// Throws UsageError where widths are not positive, chunks do not fit the schedule, or the interleaved schedule's
/// micro-batches are no multiple of the ranks.
void check(const Pipeline& pipeline);

/// The passes of one rank in their order. The last backward pass is that of the last micro-batch's first chunk, and the
/// last pass of all is that or, where the weights' gradients are apart, theirs.
std::vector<Pass> passes(const Pipeline& pipeline, int rank);

/// How many forward passes a rank runs before its first backward pass.
int forward_lead(const Pipeline& pipeline, int rank);

/// The most micro-batches (over all chunks: pieces of 1/chunks of a rank's layers each count as that part) whose
/// activations the rank holds at once: from the start of a forward pass to the end of the pass that needs it last.
double peak_in_flight(const Pipeline& pipeline, int rank);

}  // namespace pare::cluster
