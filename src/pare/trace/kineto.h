// Chrome trace JSON of torch's profiler, one file a rank.
#pragma once
#include <map>

#include "pare/trace/stream.h"
#include "pare/trace/trace.h"

namespace pare::trace {

/// Adds what the file says to the trace. Where the file says its rank, it must not be one of `ranks`, which it joins.
void read_kineto(Stream& stream, Trace& trace, std::map<std::int64_t, std::string>& ranks);

}  // namespace pare::trace
