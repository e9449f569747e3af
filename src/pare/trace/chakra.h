// Chakra execution traces, one file a rank.
#pragma once
#include "pare/trace/stream.h"
#include "pare/trace/trace.h"

namespace pare::trace {

/// Adds what the file says to the trace. Throws Error for a damaged file, for nodes that depend on none that there is,
/// and for those that depend on themselves.
void read_chakra(Stream& stream, Trace& trace);

}  // namespace pare::trace
