// A profile out of the traces of a run.
#pragma once
#include <string>
#include <vector>

#include "pare/cluster/profile.h"
#include "pare/trace/trace.h"

namespace pare::cluster {

/// Operators of one name that are no operation that pare knows, or whose shapes the trace does not say.
struct Unmapped {
  std::string name;
  std::size_t count = 0;
  double seconds = 0;
};

struct TracedProfile {
  Profile profile;                   // medians
  double mapped_s = 0;               // of all operators that went into it
  std::vector<Unmapped> unmapped;    // those with most time first
  std::size_t collectives_left = 0;  // of kinds that a profile does not have, or of one rank or unknown size
};

/// Groups of ranks are taken to lie in one node: traces do not say more.
TracedProfile to_profile(const trace::Trace& trace);

}  // namespace pare::cluster
