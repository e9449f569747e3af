// Collectives in traces, and their times over ranks.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pare/trace/times.h"

namespace pare::trace {

enum class CollectiveKind : std::uint8_t {
  all_reduce,
  all_gather,
  reduce_scatter,
  all_to_all,
  broadcast,
  reduce,
  gather,
  scatter,
  barrier,
  transfer  // from one rank to another
};

std::string_view name(CollectiveKind kind);

/// Of the names that torch, NCCL and Gloo use: "_allgather_base", "ncclDevKernel_AllReduce_Sum_f32_RING_LL",
/// "gloo:send".
std::optional<CollectiveKind> collective_kind(std::string_view name);

/// Bytes of one element, by torch's names: "BFloat16", "c10::Half", "long int". 0 for an unknown one.
int element_bytes(std::string_view type);

/// One rank's part in a collective.
struct CollectiveCall {
  CollectiveKind kind = CollectiveKind::all_reduce;
  double bytes = 0;             // of the whole array: of an all-gather what comes out, of a reduce-scatter what goes in
  std::int64_t group_size = 0;  // 0: as many as files name the group
  std::uint32_t group = 0;      // a text: the group's name and ranks
  std::int64_t sequence = -1;   // its number in the group; -1: not said, so the order within the file
  std::uint32_t file = 0;       // one file a rank
  bool input_of_one_rank = false;  // `bytes` is what one rank puts in, still to be turned into the whole array
  double seconds = 0;
};

/// Equal collectives. A rank that comes early waits for the last one, so the time of each is the least over ranks.
struct CollectiveTimes {
  CollectiveKind kind = CollectiveKind::all_reduce;
  double bytes = 0;
  std::int64_t group_size = 0;  // 0: the trace does not say it
  std::size_t alone = 0;        // of them, seen by one rank only: their times may be waiting
  Times times;
};

/// Those with most time first. The order of `calls` of one file is their order in time.
std::vector<CollectiveTimes> collective_times(const std::vector<CollectiveCall>& calls);

}  // namespace pare::trace
