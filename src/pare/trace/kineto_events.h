// Chrome trace JSON as torch's profiler (Kineto) writes it: the events that say something about operators, kernels and
// collectives, as they stand in the file.
#pragma once
#include <cstdint>
#include <optional>
#include <set>
#include <vector>

#include "pare/trace/stream.h"
#include "pare/trace/trace.h"

namespace pare::trace {

enum class EventKind : std::uint8_t {
  other,   // not kept
  host,    // an operator or an annotation, on a thread of the CPU
  launch,  // a call of the device's runtime, on a thread of the CPU
  kernel,  // and copies, on the device
};

struct KinetoEvent {
  EventKind kind = EventKind::other;
  Texts::Id name = 0, shapes = 0, types = 0, values = 0;
  Texts::Id thread = 0;  // with its process
  double start_us = 0, duration_us = 0;
  std::int64_t external = 0;      // number that an operator and its kernels share; 0: not said
  std::int64_t correlation = -1;  // number that a launch and its kernel share
  std::int32_t collective = -1;   // in KinetoEvents::collectives
};

/// What torch says of a collective.
struct KinetoCollective {
  Texts::Id name = 0, type = 0;
  Texts::Id group = 0;  // name and ranks
  std::int64_t in_elements = -1, out_elements = -1, group_size = 0, sequence = -1;
  std::int64_t source = -1, target = -1;  // ranks, of a transfer
};

struct KinetoEvents {
  std::vector<KinetoEvent> events;
  std::vector<KinetoCollective> collectives;
  std::string device;
  std::optional<std::int64_t> rank;
  std::set<std::int64_t> group_sizes;  // of all groups of the run
};

/// Throws Error when the bytes are not such JSON, naming the event that lacks what it needs.
KinetoEvents read_kineto_events(Stream& stream, Texts& texts);

}  // namespace pare::trace
