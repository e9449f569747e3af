// A chain in integers: weights and values as codes, scales as multipliers and shifts (Jacob et al., "Quantization and
// Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference", CVPR 2018, section 2.2).
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "pare/base/error.h"
#include "pare/imaging/builder.h"
#include "pare/imaging/network.h"

namespace pare::imaging {
namespace {

constexpr int most_shift_of_scale = 40;  // a factor below 2^-40 is 0
constexpr double most_value = 0x1p60;    // what the language can hold, with room for rounding

/// Levels of `bits` bits for values of this extent.
Levels levels_for(const Extent& extent, int bits, int channels) {
  Levels out;
  double scale = 0;
  if (extent.low >= 0) {
    out.high = (std::int64_t{1} << bits) - 1;
    scale = extent.high / static_cast<double>(out.high);
  } else {
    out.high = (std::int64_t{1} << (bits - 1)) - 1;
    out.low = -out.high;
    scale = std::max(std::abs(extent.low), std::abs(extent.high)) / static_cast<double>(out.high);
  }
  if (!(scale > 0)) scale = 1;
  out.scales.assign(static_cast<std::size_t>(channels), scale);
  return out;
}

/// Each output's weights rounded to as many bits, the largest to the largest integer.
CodedWeights coded(const Layer& layer, int bits) {
  CodedWeights out;
  const std::size_t each = layer.weights.size() / static_cast<std::size_t>(layer.outputs);
  const auto top = static_cast<double>((std::int64_t{1} << (bits - 1)) - 1);
  for (std::size_t first = 0; first < layer.weights.size(); first += each) {
    double largest = 0;
    for (std::size_t i = first; i < first + each; ++i) largest = std::max(largest, std::abs(layer.weights[i]));
    const double scale = largest > 0 ? largest / top : 1;
    for (std::size_t i = first; i < first + each; ++i) {
      out.integers.push_back(static_cast<std::int64_t>(std::round(layer.weights[i] / scale)));
      out.scales.push_back(scale);
    }
  }
  return out;
}

class Conversion {
 public:
  Conversion(const Chain& chain, const Normalisation& normalisation, const std::vector<Extent>& extents,
             const IntegerOptions& options)
      : chain_(chain), normalisation_(normalisation), extents_(extents), options_(options) {}

  IntegerChain run() {
    input();
    choose_levels();
    for (std::size_t l = 0; l < chain_.layers.size(); ++l) {
      const Layer& layer = chain_.layers[l];
      IntegerLayer& made = out_.layers[l];
      const Levels& in = l == 0 ? out_.levels : out_.layers[l - 1].levels;
      if (layer.kind == LayerKind::convolution)
        convolution(layer, in, made, l == 0);
      else
        pooling(layer, in, made, l == 0);
      activation(layer, made);
      if (made.passes) made.range = l == 0 ? Range{in.low, in.high} : out_.layers[l - 1].range;
      check_width(layer, in, made);
    }
    return std::move(out_);
  }

 private:
  void input() {
    const auto channels = static_cast<std::size_t>(chain_.channels);
    if (!chain_.from_image) {
      out_.levels = *chain_.levels;
      out_.input = {.is_signed = out_.levels.low < 0,
                    .bits = bits_of({out_.levels.low, out_.levels.high}),
                    .fraction = 0,
                    .channels = chain_.channels};
      return;
    }
    out_.input.channels = chain_.channels;
    shift_.assign(channels, 0);
    if (chain_.levels) {
      out_.levels = *chain_.levels;
      for (std::size_t c = 0; c < channels; ++c) {
        std::vector<std::int64_t>& table = out_.lookup.emplace_back();
        for (int byte = 0; byte < 256; ++byte)
          table.push_back(
              integer((byte / 255.0 - normalisation_.mean[c]) / normalisation_.std[c] / out_.levels.scales[c]));
      }
      return;
    }
    // bytes less the one that is 0: what that is off from a whole number goes to the offsets of the first layer
    out_.levels = {.scales = {}, .low = 0, .high = 255, .uneven = {}};
    std::int64_t least = 0, most = 0;
    for (std::size_t c = 0; c < channels; ++c) {
      const double zero = 255 * normalisation_.mean[c];
      out_.zeros.push_back(static_cast<std::int64_t>(std::round(zero)));
      out_.levels.scales.push_back(1 / (255 * normalisation_.std[c]));
      shift_[c] = (static_cast<double>(out_.zeros[c]) - zero) * out_.levels.scales[c];
      least = std::max(least, out_.zeros[c]), most = std::min(c == 0 ? out_.zeros[c] : most, out_.zeros[c]);
    }
    out_.levels.low = -least, out_.levels.high = 255 - most;
    if (least == 0 && most == 0) out_.zeros.clear();
  }

  /// The level nearest to x, an integer.
  std::int64_t integer(double x) const {
    const Levels& levels = out_.levels;
    x = std::clamp(x, static_cast<double>(levels.low), static_cast<double>(levels.high));
    if (levels.uneven.empty()) return static_cast<std::int64_t>(std::round(x));
    return *std::ranges::min_element(levels.uneven, {},
                                     [&](std::int64_t v) { return std::abs(static_cast<double>(v) - x); });
  }

  /// Those of the recipe; a maximum takes integers as it will give them; others from what values reach.
  void choose_levels() {
    out_.layers.resize(chain_.layers.size());
    for (std::size_t l = chain_.layers.size(); l-- > 0;) {
      const Layer& layer = chain_.layers[l];
      const Layer* next = l + 1 < chain_.layers.size() ? &chain_.layers[l + 1] : nullptr;
      if (layer.levels)
        out_.layers[l].levels = *layer.levels;
      else if (next && next->kind == LayerKind::maximum && next->slope == 1)
        out_.layers[l].levels = out_.layers[l + 1].levels;
      else  // a mean of integers is finer than they are
        out_.layers[l].levels =
            levels_for(extents_[l], options_.bits + (next && next->kind == LayerKind::average ? 2 : 0), layer.outputs);
    }
  }

  /// Sums are taken apart by the scale that their products have.
  void convolution(const Layer& layer, const Levels& in, IntegerLayer& made, bool is_first) {
    const CodedWeights weights = layer.coded ? *layer.coded : coded(layer, options_.bits);
    const auto outputs = static_cast<std::size_t>(layer.outputs), taps = static_cast<std::size_t>(layer.taps);
    const std::size_t each = taps * layer.window();
    std::vector<std::map<double, std::size_t>> parts(outputs);
    std::size_t count = 1;
    const auto scale_at = [&](std::size_t i) {
      return weights.scales[i] * in.scales[static_cast<std::size_t>(layer.reads[i / layer.window()])];
    };
    for (std::size_t i = 0; i < weights.integers.size(); ++i) {
      auto& known = parts[i / each];
      if (weights.integers[i] != 0) known.try_emplace(scale_at(i), known.size());
      count = std::max(count, known.size());
    }
    constexpr std::size_t most_parts = 64;
    if (count > most_parts)
      throw Error(fmt::format("has {} scales for one output", count), layer.node,
                  fmt::format("quantise with larger groups, at most {} scales", most_parts));
    if (count * weights.integers.size() > most_table)
      throw Error(fmt::format("has {} weights, of at most {}", count * weights.integers.size(), most_table), layer.node,
                  "take fewer --layers or --channels");
    made.parts = static_cast<int>(count);
    made.weights.assign(count * weights.integers.size(), 0);
    std::vector<std::vector<double>> factors(outputs, std::vector<double>(count, 0));
    for (std::size_t o = 0; o < outputs; ++o) {
      double offset = layer.offsets[o];
      for (std::size_t i = o * each; i < (o + 1) * each; ++i) {
        if (weights.integers[i] == 0) continue;
        const double scale = scale_at(i);
        const std::size_t part = parts[o].at(scale);
        made.weights[part * weights.integers.size() + i] = weights.integers[i];
        factors[o][part] = layer.gains[o] * scale / made.levels.scales[o];
        if (is_first && !shift_.empty())
          offset += layer.gains[o] * weights.scales[i] * static_cast<double>(weights.integers[i]) *
                    shift_[static_cast<std::size_t>(layer.reads[i / layer.window()])];
      }
      requantise(layer, factors[o], offset / made.levels.scales[o], made);
    }
    order_multipliers(outputs, made);
  }

  void pooling(const Layer& layer, const Levels& in, IntegerLayer& made, bool is_first) {
    const auto outputs = static_cast<std::size_t>(layer.outputs);
    const double share = layer.kind == LayerKind::average ? 1 / static_cast<double>(layer.window()) : 1;
    for (std::size_t o = 0; o < outputs; ++o) {
      const auto c = static_cast<std::size_t>(layer.reads[o]);
      requantise(layer, {share * in.scales[c] / made.levels.scales[o]},
                 is_first && !shift_.empty() ? shift_[c] / made.levels.scales[o] : 0, made);
    }
    made.passes = layer.kind == LayerKind::maximum && layer.slope == 1 && in.low == made.levels.low &&
                  in.high == made.levels.high && in.uneven == made.levels.uneven &&
                  std::ranges::all_of(made.multipliers, [](auto m) { return m == 1; }) &&
                  std::ranges::all_of(made.shifts, [](int s) { return s == 0; }) &&
                  std::ranges::all_of(made.offsets, [](auto c) { return c == 0; });
  }

  /// Factors of one output's parts and its offset, as integers over one power of two.
  void requantise(const Layer& layer, const std::vector<double>& factors, double offset, IntegerLayer& made) const {
    double largest = 0;
    for (const double f : factors) largest = std::max(largest, std::abs(f));
    int shift =
        largest > 0 ? std::clamp(options_.multiplier_bits - 1 - std::ilogb(largest), 0, most_shift_of_scale) : 8;
    if (std::abs(std::ldexp(offset, shift)) > most_value || std::ldexp(largest, shift) > most_value)
      throw Error(fmt::format("multiplies by {:g} and adds {:g}, beyond 62 bits", largest, offset), layer.node,
                  "its scales and its weights lie too far apart");
    std::vector<std::int64_t> numbers;
    numbers.reserve(factors.size() + 1);
    for (const double f : factors) numbers.push_back(static_cast<std::int64_t>(std::round(std::ldexp(f, shift))));
    numbers.push_back(static_cast<std::int64_t>(std::round(std::ldexp(offset, shift))));
    const auto is_even = [](std::int64_t n) { return n % 2 == 0; };
    for (; shift > 0 && std::ranges::all_of(numbers, is_even); --shift)
      for (std::int64_t& n : numbers) n /= 2;
    made.offsets.push_back(numbers.back());
    made.multipliers.insert(made.multipliers.end(), numbers.begin(), numbers.end() - 1);
    made.shifts.push_back(shift);
  }

  /// From [outputs, parts] to [parts, outputs].
  static void order_multipliers(std::size_t outputs, IntegerLayer& made) {
    const auto parts = static_cast<std::size_t>(made.parts);
    std::vector<std::int64_t> ordered(made.multipliers.size());
    for (std::size_t o = 0; o < outputs; ++o)
      for (std::size_t p = 0; p < parts; ++p) ordered[p * outputs + o] = made.multipliers[o * parts + p];
    made.multipliers = std::move(ordered);
  }

  void activation(const Layer& layer, IntegerLayer& made) const {
    if (layer.slope != 1) {
      made.leak_shift = std::clamp(options_.multiplier_bits - 1 - std::ilogb(layer.slope), 0, most_shift_of_scale);
      made.leak = static_cast<std::int64_t>(std::round(std::ldexp(layer.slope, made.leak_shift)));
      for (; made.leak_shift > 0 && made.leak % 2 == 0; --made.leak_shift) made.leak /= 2;
    }
    const Levels& levels = made.levels;
    const double halves = levels.uneven.empty() ? 1 : 2;
    double least = 0, most = 0;
    for (std::size_t o = 0; o < levels.scales.size(); ++o) {
      const auto bound = [&](double b) {
        return std::clamp(std::floor(b / levels.scales[o] * halves + (halves == 1 ? 0.5 : 0)) / halves,
                          static_cast<double>(levels.low), static_cast<double>(levels.high));
      };
      made.low.push_back(bound(layer.low)), made.high.push_back(bound(layer.high));
      least = o == 0 ? made.low[o] : std::min(least, made.low[o]);
      most = o == 0 ? made.high[o] : std::max(most, made.high[o]);
    }
    if (!levels.uneven.empty()) {
      const auto worth = [](std::int64_t v) { return static_cast<double>(v); };
      made.range = {levels.low, *std::ranges::lower_bound(levels.uneven, most, {}, worth)};
      for (const std::int64_t v : levels.uneven)
        if (worth(v) <= least) made.range.low = v;
    } else {
      made.range = {static_cast<std::int64_t>(least), static_cast<std::int64_t>(most)};
    }
    made.passes = made.passes && least == static_cast<double>(levels.low) && most == static_cast<double>(levels.high);
  }

  static void check_width(const Layer& layer, const Levels& in, const IntegerLayer& made) {
    const auto outputs = static_cast<std::size_t>(layer.outputs);
    const double largest = std::max(std::abs(static_cast<double>(in.low)), std::abs(static_cast<double>(in.high)));
    const std::size_t each = static_cast<std::size_t>(layer.taps) * layer.window();
    for (std::size_t o = 0; o < outputs; ++o) {
      double sum = std::abs(static_cast<double>(made.offsets[o]));
      for (std::size_t p = 0; p < static_cast<std::size_t>(made.parts); ++p) {
        double part = layer.kind == LayerKind::average ? static_cast<double>(layer.window()) : 1;
        if (layer.kind == LayerKind::convolution) {
          part = 0;
          for (std::size_t i = 0; i < each; ++i)
            part += std::abs(static_cast<double>(made.weights[(p * outputs + o) * each + i]));
        }
        sum += largest * part * std::abs(static_cast<double>(made.multipliers[p * outputs + o]));
      }
      if (layer.slope != 1) sum *= std::max(1.0, static_cast<double>(made.leak));
      if (sum > most_value)
        throw Error(fmt::format("needs sums of {} bits, of at most 62", std::ilogb(sum) + 2), layer.node,
                    "quantise it in a format whose values lie closer, or with fewer --multiplier-bits");
    }
  }

  const Chain& chain_;
  const Normalisation& normalisation_;
  const std::vector<Extent>& extents_;
  const IntegerOptions& options_;
  IntegerChain out_;
  std::vector<double> shift_;  // what the network's input has more than its integers say, by channel
};

}  // namespace

IntegerChain to_integers(const Chain& chain, const Normalisation& normalisation, const std::vector<Extent>& extents,
                         const IntegerOptions& options) {
  return Conversion(chain, normalisation, extents, options).run();
}

}  // namespace pare::imaging
