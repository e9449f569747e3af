#include "pare/trace/read.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "pare/base/error.h"
#include "pare/base/file.h"
#include "pare/base/progress.h"
#include "pare/trace/chakra.h"
#include "pare/trace/kineto.h"

namespace pare::trace {
namespace {

using Ranks = std::map<std::int64_t, std::string>;

/// JSON starts with a bracket and has no control characters; those of Chakra's lengths and tags are all over the file.
bool is_json(std::string_view start) {
  const auto first = start.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos || (start[first] != '{' && start[first] != '[')) return false;
  return std::ranges::none_of(start.substr(0, 256), [](char c) {
    return static_cast<unsigned char>(c) < ' ' && c != '\t' && c != '\r' && c != '\n';
  });
}

void add(std::string_view bytes, const std::string& where, Trace& trace, Ranks& ranks) {
  Stream stream(bytes, where);
  const std::string_view start = stream.start();
  if (start.empty()) throw Error("is empty", where, "give a trace of torch.profiler or of Chakra");
  if (start.starts_with("\xEF\xBB\xBF"))
    throw Error("begins with a byte order mark", where, "save it as UTF-8 without one");
  if (is_json(start))
    read_kineto(stream, trace, ranks);
  else
    read_chakra(stream, trace);
}

}  // namespace

Trace read_traces(const std::vector<std::filesystem::path>& files) {
  Trace trace;
  Ranks ranks;
  std::map<std::string, std::string> seen;  // by content: Chakra's files name no rank, as Kineto's do
  Progress progress("traces", files.size());
  for (const auto& file : files) {
    const std::string bytes = read_file(file, most_file_bytes);
    add(bytes, file.string(), trace, ranks);
    const std::string hash = content_hash(bytes);
    if (const auto [first, is_new] = seen.emplace(hash, file.string()); !is_new)
      throw Error(fmt::format("holds what {} does", first->second), file.string(), "give each rank's trace once");
    trace.hash = content_hash(trace.hash + hash);
    progress.step();
  }
  return trace;
}

Trace parse_trace(std::string_view bytes, const std::string& where) {
  Trace trace;
  Ranks ranks;
  add(bytes, where, trace, ranks);
  return trace;
}

}  // namespace pare::trace
