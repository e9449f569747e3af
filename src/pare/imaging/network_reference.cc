// A chain in double precision, and what its values can reach.
#include <algorithm>
#include <cassert>
#include <cmath>

#include "pare/imaging/network.h"

namespace pare::imaging {
namespace {

double activate(const Layer& layer, double v) { return std::clamp(v < 0 ? layer.slope * v : v, layer.low, layer.high); }

double nearest(const Levels& levels, double x, double scale) {
  const double raised = x / scale;
  if (levels.uneven.empty())
    return scale * std::clamp(std::round(raised), static_cast<double>(levels.low), static_cast<double>(levels.high));
  const auto next = std::ranges::lower_bound(levels.uneven, raised, {}, [](auto v) { return static_cast<double>(v); });
  if (next == levels.uneven.begin()) return scale * static_cast<double>(*next);
  if (next == levels.uneven.end()) return scale * static_cast<double>(levels.uneven.back());
  const auto below = static_cast<double>(*(next - 1)), above = static_cast<double>(*next);
  return scale * (raised - below < above - raised ? below : above);
}

void round_to(const Levels& levels, Maps& maps) {
  for (int c = 0; c < maps.channels; ++c)
    for (int y = 0; y < maps.height; ++y)
      for (int x = 0; x < maps.width; ++x)
        maps.at(c, y, x) = nearest(levels, maps.at(c, y, x), levels.scales[static_cast<std::size_t>(c)]);
}

double pixel(const Layer& layer, const Maps& in, int o, int y, int x) {
  const auto output = static_cast<std::size_t>(o), taps = static_cast<std::size_t>(layer.taps);
  double sum = layer.kind == LayerKind::maximum ? -std::numeric_limits<double>::infinity() : 0;
  for (std::size_t k = 0; k < taps; ++k)
    for (int i = 0; i < layer.height; ++i)
      for (int j = 0; j < layer.width; ++j) {
        const int row = layer.stride * y - layer.top + layer.dilation_y * i,
                  column = layer.stride * x - layer.left + layer.dilation_x * j;
        if (row < 0 || row >= in.height || column < 0 || column >= in.width) continue;
        const double value = in.at(layer.reads[output * taps + k], row, column);
        if (layer.kind == LayerKind::maximum)
          sum = std::max(sum, value);
        else if (layer.kind == LayerKind::average)
          sum += value / static_cast<double>(layer.window());
        else
          sum += value *
                 layer.weights[(output * taps + k) * layer.window() + static_cast<std::size_t>(i * layer.width + j)];
      }
  return activate(layer, layer.gains[output] * sum + layer.offsets[output]);
}

}  // namespace

std::vector<Maps> evaluate(const Chain& chain, const Maps& image, bool rounded) {
  Maps input = image;
  if (rounded && chain.levels) round_to(*chain.levels, input);
  std::vector<Maps> out;
  out.reserve(chain.layers.size());
  int step = 1;
  for (const Layer& layer : chain.layers) {
    const Maps& in = out.empty() ? input : out.back();
    step *= layer.stride;
    Maps made{layer.outputs, image.width / step - layer.lost_columns, image.height / step - layer.lost_rows, {}};
    assert(made.width > 0 && made.height > 0);
    made.values.resize(static_cast<std::size_t>(made.channels) * static_cast<std::size_t>(made.width) *
                       static_cast<std::size_t>(made.height));
    for (int o = 0; o < made.channels; ++o)
      for (int y = 0; y < made.height; ++y)
        for (int x = 0; x < made.width; ++x) made.at(o, y, x) = pixel(layer, in, o, y, x);
    if (rounded && layer.levels) round_to(*layer.levels, made);
    out.push_back(std::move(made));
  }
  return out;
}

std::vector<Extent> bounds(const Chain& chain, const Normalisation& normalisation) {
  std::vector<Extent> now;
  for (std::size_t c = 0; c < static_cast<std::size_t>(chain.channels); ++c)
    if (chain.from_image)
      now.push_back(
          {-normalisation.mean[c] / normalisation.std[c], (1 - normalisation.mean[c]) / normalisation.std[c]});
    else
      now.push_back({chain.levels->scales[c] * static_cast<double>(chain.levels->low),
                     chain.levels->scales[c] * static_cast<double>(chain.levels->high)});
  std::vector<Extent> out;
  for (const Layer& layer : chain.layers) {
    std::vector<Extent> next;
    Extent all{std::numeric_limits<double>::infinity(), -std::numeric_limits<double>::infinity()};
    const auto taps = static_cast<std::size_t>(layer.taps);
    for (std::size_t o = 0; o < static_cast<std::size_t>(layer.outputs); ++o) {
      Extent sum;
      for (std::size_t r = o * taps; r < (o + 1) * taps; ++r) {
        Extent in = now[static_cast<std::size_t>(layer.reads[r])];
        if (layer.has_padding() && layer.kind != LayerKind::maximum)
          in = {std::min(in.low, 0.0), std::max(in.high, 0.0)};
        if (layer.kind != LayerKind::convolution) {
          sum = in;
          continue;
        }
        for (std::size_t i = 0; i < layer.window(); ++i) {
          const double w = layer.weights[r * layer.window() + i];
          sum.low += std::min(w * in.low, w * in.high);
          sum.high += std::max(w * in.low, w * in.high);
        }
      }
      const double a = activate(layer, layer.gains[o] * sum.low + layer.offsets[o]),
                   b = activate(layer, layer.gains[o] * sum.high + layer.offsets[o]);
      next.push_back({std::min(a, b), std::max(a, b)});
      all = {std::min(all.low, next.back().low), std::max(all.high, next.back().high)};
    }
    out.push_back(all);
    now = std::move(next);
  }
  return out;
}

}  // namespace pare::imaging
