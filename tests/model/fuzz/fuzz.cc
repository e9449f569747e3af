// One libFuzzer program a format: a reader of outside bytes returns or throws Error. PARE_FUZZ_FORMAT names the
// function.
#include <cstdint>
#include <string_view>

#include "pare/base/error.h"
#include "pare/model/count.h"
#include "pare/model/fuse.h"
#include "pare/model/onnx.h"
#include "pare/model/recipe.h"

namespace pare::model {

/// What can be read can be written and read again, counted and fused.
void network(std::string_view bytes) {
  const Model model = parse_onnx(bytes, "fuzz");
  const std::string written = to_onnx(model);
  const Model again = parse_onnx(written, "written");
  if (again.outputs.size() != model.outputs.size() || again.inputs.size() != model.inputs.size()) __builtin_trap();
  fuse(model);
  count(model);
}

/// The JSON, a zero byte, the numbers.
void recipe(std::string_view bytes) {
  const std::size_t end = bytes.find('\0');
  if (end == std::string_view::npos) return;
  const Recipe recipe = parse_recipe(bytes.substr(0, end), bytes.substr(end + 1), "fuzz");
  stored_bytes(recipe);
}

}  // namespace pare::model

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    pare::model::PARE_FUZZ_FORMAT({reinterpret_cast<const char*>(data), size});
  } catch (const pare::Error&) {
  }
  return 0;
}
