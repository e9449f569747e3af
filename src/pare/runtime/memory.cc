#include "pare/runtime/memory.h"

#include <cstdlib>
#include <fstream>
#include <string>
#include <string_view>

namespace pare::runtime {
namespace {

std::int64_t status_bytes(std::string_view field) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with(field)) return std::strtoll(line.c_str() + field.size(), nullptr, 10) * 1024;
  return 0;
}

}  // namespace

void reset_peak_memory() { std::ofstream("/proc/self/clear_refs") << "5"; }

std::int64_t resident_memory_bytes() { return status_bytes("VmRSS:"); }

std::int64_t peak_memory_bytes() { return status_bytes("VmHWM:"); }

}  // namespace pare::runtime
