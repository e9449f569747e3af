// A trace as a study.
#pragma once
#include "pare/study/study.h"
#include "pare/trace/trace.h"

namespace pare::trace {

/// One candidate, the run as it was traced; its operators and collectives are details, those with most time first.
study::Candidate to_candidate(const Trace& trace);

}  // namespace pare::trace
