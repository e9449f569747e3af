// Profiles: events run for real on two ranks of this machine (DistSim: two devices stand for all).
#pragma once
#include "pare/cluster/events.h"
#include "pare/cluster/profile.h"

namespace pare::cluster {

struct MeasureOptions {
  int rounds = 15;  // every event runs once a round; its figure is the median
};

/// Computation by both ranks at once, as in training, in rounds over all events, so that each meets the caches as the
/// others leave them; collectives and messages over Gloo, at the sizes asked for and in between. The events are those
/// of float32. Throws Error for an event that cannot be run here.
Profile measure(const Events& events, const MeasureOptions& options);

}  // namespace pare::cluster
