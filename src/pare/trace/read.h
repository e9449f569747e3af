// Traces of a run, whichever of the known formats they have.
#pragma once
#include <filesystem>
#include <string_view>
#include <vector>

#include "pare/trace/trace.h"

namespace pare::trace {

/// One file a rank. JSON is taken as Kineto's, other bytes as Chakra's; both may be gzip'ed.
Trace read_traces(const std::vector<std::filesystem::path>& files);

/// One file out of memory.
Trace parse_trace(std::string_view bytes, const std::string& where);

}  // namespace pare::trace
