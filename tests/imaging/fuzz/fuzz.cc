// One libFuzzer program a format: what can be parsed can be run, and what cannot throws Error. PARE_FUZZ_FORMAT names
// the function.
#include <cstdint>
#include <string>
#include <string_view>

#include "pare/base/error.h"
#include "pare/imaging/interpret.h"
#include "pare/imaging/network.h"
#include "pare/imaging/parse.h"
#include "pare/model/onnx.h"

namespace pare::imaging {

/// On an image of zeros and its largest values; codes of outputs must be those of their types.
void pipe(std::string_view bytes) {
  const Pipeline pipeline = parse_pipeline(std::string(bytes), "fuzz", "fuzz");
  const std::vector<int> step = steps(pipeline);
  std::size_t nodes = 0;
  for (const Stage& stage : pipeline.stages) nodes += stage.nodes.size();
  if (nodes > 10000) return;
  int side = 1;
  for (const int s : step) side = std::max(side, s);
  if (side > 64) return;
  while (side < 16) side *= 2;
  std::vector<Frame> inputs;
  for (std::size_t i = 0; i < step.size(); ++i) {
    const Stage& stage = pipeline.stages[i];
    if (!stage.is_input) continue;
    const int width = side / step[i];
    if (width < 1) return;
    Frame frame{width, width, stage.type.channels, {}};
    const Range all = codes(stage.type);
    for (int k = 0; k < width * width * stage.type.channels; ++k)
      frame.codes.push_back(k % 3 == 0 ? 0 : k % 3 == 1 ? all.low : all.high);
    inputs.push_back(std::move(frame));
  }
  std::size_t output = 0;
  const std::vector<Frame> outputs = interpret(pipeline, inputs);
  for (const Stage& stage : pipeline.stages) {
    if (!stage.is_output) continue;
    const Range all = codes(stage.type);
    for (const std::int64_t code : outputs.at(output).codes)
      if (code < all.low || code > all.high) __builtin_trap();
    ++output;
  }
}

/// What is a chain gives text that is a pipeline, or one that is refused.
void network(std::string_view bytes) {
  Chain chain = take_chain(model::parse_onnx(bytes, "fuzz"), {});
  std::vector<int> channels;
  for (int c = 0; c < chain.layers.back().outputs; ++c) channels.push_back(c);
  keep_channels(chain, channels);
  if (!chain.from_image) return;
  const auto count = static_cast<std::size_t>(chain.channels);
  const Normalisation normalisation{std::vector<double>(count, 0.3), std::vector<double>(count, 0.5)};
  const IntegerChain integers = to_integers(chain, normalisation, bounds(chain, normalisation), {});
  parse_pipeline(to_text(chain, integers), "fuzz", "fuzz");
}

}  // namespace pare::imaging

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    pare::imaging::PARE_FUZZ_FORMAT({reinterpret_cast<const char*>(data), size});
  } catch (const pare::Error&) {
  }
  return 0;
}
