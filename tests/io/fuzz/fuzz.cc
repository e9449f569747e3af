// One libFuzzer program a format: a reader of outside bytes returns or throws Error. PARE_FUZZ_FORMAT names the
// function.
#include <cstdint>
#include <string_view>

#include "pare/base/error.h"
#include "pare/io/image.h"
#include "pare/io/npz.h"
#include "pare/io/safetensors.h"
#include "pare/io/samples.h"

namespace pare::io {

// What is read is also converted: the arrays' sizes must hold what their shapes promise.
void npz(std::string_view bytes) {
  for (const auto& [name, array] : parse_npz(bytes, "fuzz")) {
    if (array.bytes.size() != array.elements() * static_cast<std::size_t>(array.item_bytes)) __builtin_trap();
    if (array.kind == 'f') array.floats();
    if (array.kind != 'S' && array.kind != 'U' && array.kind != 'f') array.integers();
  }
}

void safetensors(std::string_view bytes) {
  const auto tensors = parse_safetensors(bytes, "fuzz");
  const std::string again = to_safetensors(tensors);
  if (to_safetensors(parse_safetensors(again, "fuzz")) != again) __builtin_trap();
}

void idx(std::string_view bytes) {
  const Pixels pixels = parse_idx(bytes, "fuzz");
  const auto& [height, width, channels] = pixels.shape;
  const auto image = static_cast<std::size_t>(height) * static_cast<std::size_t>(width);
  if (pixels.bytes.size() != pixels.count * image * static_cast<std::size_t>(channels)) __builtin_trap();
}

void image(std::string_view bytes) {
  const Image image = decode_image(bytes, "fuzz");
  const auto& [height, width, channels] = image.shape;
  const auto count = static_cast<std::size_t>(height) * static_cast<std::size_t>(width);
  if (image.pixels.size() != count * static_cast<std::size_t>(channels)) __builtin_trap();
  if (count < 10000) resize_image(image, 1 + width % 50, 1 + height % 50);
}

void toml(std::string_view bytes) { parse_preprocess(bytes, "fuzz"); }

}  // namespace pare::io

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    pare::io::PARE_FUZZ_FORMAT({reinterpret_cast<const char*>(data), size});
  } catch (const pare::Error&) {
  }
  return 0;
}
