// One libFuzzer program a format: a memory that can be read holds any line, and what cannot be read throws Error.
// PARE_FUZZ_FORMAT names the function.
#include <cstdint>
#include <string>
#include <string_view>

#include "pare/base/error.h"
#include "pare/rtl/memory.h"

namespace pare::rtl {

void memory(std::string_view bytes) {
  const Memory made = parse_memory(std::string(bytes), "fuzz");
  for (const int words : {1, 480, 1 << 16})
    for (const int bits : {1, 48, 48 * 256})
      if (blocks_for(made, words, bits) < 1) __builtin_trap();
}

}  // namespace pare::rtl

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    pare::rtl::PARE_FUZZ_FORMAT({reinterpret_cast<const char*>(data), size});
  } catch (const pare::Error&) {
  }
  return 0;
}
