// Profiles: events run for real on two ranks (DistSim: two devices stand for all).
#pragma once
#include <optional>

#include "pare/cluster/events.h"
#include "pare/cluster/profile.h"

namespace pare::cluster {

struct MeasureOptions {
  int rounds = 15;    // every event runs once a round; its figure is the median
  bool cuda = false;  // on the first two CUDA devices, or on the one there is
};

/// Computation by both ranks at once, as in training; collectives and messages over Gloo or NCCL, at the sizes asked
/// for and in between. On processors in rounds over all events, so that each meets the caches as the others leave them;
/// on CUDA devices each by itself, on caches that were cleared, timed by the device. One device alone has no
/// collectives. The ranks are processes of this machine, or the two of torchrun's environment, perhaps on two nodes; of
/// those the second has no profile. Throws Error for an event that cannot be run here.
std::optional<Profile> measure(const Events& events, const MeasureOptions& options);

}  // namespace pare::cluster
