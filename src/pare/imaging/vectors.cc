#include "pare/imaging/vectors.h"

#include <fmt/format.h>

#include <algorithm>
#include <random>

#include "pare/base/error.h"
#include "pare/imaging/frames.h"

namespace pare::imaging {
namespace {

/// Where pixel i of an endless row lies in an image of n pixels and its mirror images side by side.
int mirrored(int i, int n) {
  const int at = i % (2 * n);
  return at < n ? at : 2 * n - 1 - at;
}

Frame noise(const Stage& stage, int width, int height, std::mt19937& random) {
  const Range all = codes(stage.type);
  Frame out{width, height, stage.type.channels, {}};
  out.codes.resize(static_cast<std::size_t>(width) * static_cast<std::size_t>(height) *
                   static_cast<std::size_t>(out.channels));
  std::uniform_int_distribution<std::int64_t> any(all.low, all.high);
  std::ranges::generate(out.codes, [&] { return any(random); });
  return out;
}

/// The image's part from column and row `moved` on.
Frame part(const Frame& image, const Stage& stage, int width, int height, int moved, bool negative) {
  const Range all = codes(stage.type);
  Frame out{width, height, image.channels, {}};
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x)
      for (int c = 0; c < image.channels; ++c) {
        const std::int64_t code = image.at(mirrored(x + moved, image.width), mirrored(y + moved, image.height), c);
        out.codes.push_back(negative ? all.low + all.high - code : code);
      }
  return out;
}

}  // namespace

std::vector<std::vector<Frame>> test_frames(const Pipeline& pipeline, const Graph& graph,
                                            const std::vector<std::string>& images, int count) {
  const bool is_noise = images.size() == 1 && images[0] == "noise";
  std::vector<const Stage*> inputs;
  for (const Stage& stage : pipeline.stages)
    if (stage.is_input) inputs.push_back(&stage);
  std::vector<Frame> read;
  if (!is_noise) {
    const std::vector<std::string> files = files_of(inputs, images);
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      read.push_back(read_frame(files[i], inputs[i]->type));
      if (read[i].channels != inputs[i]->type.channels)
        throw Error(fmt::format("the image has {} channels, input '{}' has {}", read[i].channels, inputs[i]->name,
                                inputs[i]->type.channels),
                    files[i], "convert the image");
    }
  }
  std::mt19937 random(1);
  std::vector<std::vector<Frame>> out(static_cast<std::size_t>(count));
  for (int f = 0; f < count; ++f)
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      const int step = graph.stages[static_cast<std::size_t>(inputs[i] - pipeline.stages.data())].step;
      const int width = graph.width / step, height = graph.height / step;
      out[static_cast<std::size_t>(f)].push_back(is_noise
                                                     ? noise(*inputs[i], width, height, random)
                                                     : part(read[i], *inputs[i], width, height, 17 * f, f % 2 == 1));
    }
  return out;
}

}  // namespace pare::imaging
