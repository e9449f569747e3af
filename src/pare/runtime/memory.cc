#include "pare/runtime/memory.h"

#include <cstdlib>
#include <fstream>
#include <limits>
#include <string>
#include <string_view>

namespace pare::runtime {
namespace {

/// Of a file of lines "field: n kB".
std::int64_t bytes_in(const char* file, std::string_view field, std::int64_t otherwise = 0) {
  std::ifstream lines(file);
  for (std::string line; std::getline(lines, line);)
    if (line.starts_with(field)) return std::strtoll(line.c_str() + field.size(), nullptr, 10) * 1024;
  return otherwise;
}

std::int64_t status_bytes(std::string_view field) { return bytes_in("/proc/self/status", field); }

}  // namespace

std::int64_t available_memory_bytes() {
  return bytes_in("/proc/meminfo", "MemAvailable:", std::numeric_limits<std::int64_t>::max());
}

void reset_peak_memory() { std::ofstream("/proc/self/clear_refs") << "5"; }

std::int64_t resident_memory_bytes() { return status_bytes("VmRSS:"); }

std::int64_t peak_memory_bytes() { return status_bytes("VmHWM:"); }

}  // namespace pare::runtime
