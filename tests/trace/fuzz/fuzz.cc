// One libFuzzer program a format: what can be read has times that add up, and what cannot throws Error.
// PARE_FUZZ_FORMAT names the function.
#include <cmath>
#include <cstdint>
#include <string_view>

#include "pare/base/error.h"
#include "pare/trace/chakra.h"
#include "pare/trace/kineto.h"
#include "pare/trace/study.h"

namespace pare::trace {

void check(const Trace& trace) {
  for (std::size_t i = 0; i < trace.calls.size(); ++i) {
    const Call& call = trace.calls[i];
    if (call.parent != no_call && call.parent >= i) __builtin_trap();
    if (!(call.own_s >= 0) || !(call.whole_s >= call.own_s)) __builtin_trap();
  }
  if (to_candidate(trace).details.dump().empty()) __builtin_trap();
}

void kineto(std::string_view bytes) {
  Trace trace;
  std::map<std::int64_t, std::string> ranks;
  Stream stream(bytes, "fuzz");
  read_kineto(stream, trace, ranks);
  check(trace);
}

void chakra(std::string_view bytes) {
  Trace trace;
  Stream stream(bytes, "fuzz");
  read_chakra(stream, trace);
  check(trace);
}

}  // namespace pare::trace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    pare::trace::PARE_FUZZ_FORMAT({reinterpret_cast<const char*>(data), size});
  } catch (const pare::Error&) {
  }
  return 0;
}
