#include "pare/quantize/tensor_search.h"

#include <fmt/format.h>

#include <algorithm>

#include "pare/base/error.h"
#include "pare/base/parallel.h"

namespace pare::quantize {
namespace {

/// The pieces of a tensor that have a scale of their own: work(index of the scale, first value, count).
template <typename Work>
void over_pieces(const float* x, const number::Layout& layout, const Work& work) {
  using number::Granularity;
  if (layout.granularity == Granularity::tensor) {
    work(0, x, layout.elements());
    return;
  }
  const std::size_t n = layout.channel_elements(), groups = layout.groups();
  const std::size_t size = layout.granularity == Granularity::group ? layout.group_size : n;
  parallel_for(layout.channels, [&](std::size_t c) {
    std::vector<float> gathered;
    const float* channel = x + c * layout.inner;
    if (layout.outer > 1) {
      gathered.resize(n);
      number::gather_channel(x, layout, c, gathered.data());
      channel = gathered.data();
    }
    for (std::size_t g = 0; g < groups; ++g) work(c * groups + g, channel + g * size, std::min(size, n - g * size));
  });
}

}  // namespace

std::vector<FormatFit> fit_formats(const float* x, const number::Layout& layout,
                                   const std::vector<number::Format>& formats, const Window& window) {
  std::vector<FormatFit> fits;
  std::vector<std::vector<double>> errors;
  for (const auto& format : formats) {
    fits.push_back({format, std::vector<float>(layout.scales(), 1.0f), 0});
    errors.emplace_back(layout.scales(), 0.0);
  }
  over_pieces(x, layout, [&](std::size_t piece, const float* first, std::size_t count) {
    const SortedValues sorted(first, count);
    for (std::size_t f = 0; f < formats.size(); ++f) {
      const Scale best = sorted.best_scale(formats[f], window);
      fits[f].scales[piece] = best.scale;
      errors[f][piece] = best.squared_error;
    }
  });
  // summed in a fixed order, so that the choice does not depend on the threads
  for (std::size_t f = 0; f < formats.size(); ++f)
    for (const double error : errors[f]) fits[f].squared_error += error;
  return fits;
}

const FormatFit& least_error(const std::vector<FormatFit>& fits) {
  return *std::ranges::min_element(fits, {}, &FormatFit::squared_error);
}

std::vector<number::Format> formats_of(const std::vector<std::string>& families, int bits, bool is_signed,
                                       number::IntRange range) {
  if (bits < 3 || bits > 8) throw UsageError(fmt::format("{} bits are not possible", bits), "--bits", "choose 3 to 8");
  std::vector<number::Format> formats;
  for (const std::string& family : families) {
    number::Format format{.bits = bits, .is_signed = is_signed};
    const int k = number::magnitude_bits(format);
    if (family == "int") {
      format.family = number::Family::integer;
      if (is_signed) format.range = range;
    } else if (family == "pot") {
      format.family = number::Family::power_of_two;
    } else if (family == "flint") {
      format.family = number::Family::flint;
    } else if (family == "float") {
      format.family = number::Family::floating;
      format.exponent_bits = std::min(3, k);
    } else if (family.size() == 2 && family[0] == 'e' && family[1] >= '1' && family[1] <= '8') {
      format.family = number::Family::floating;
      format.exponent_bits = family[1] - '0';
    } else {
      throw UsageError(fmt::format("'{}' is no family of formats", printable(family)), "--formats",
                       "choose among int, pot, float, flint and the float splits e1 to e7");
    }
    number::check(format);
    formats.push_back(format);
  }
  return formats;
}

}  // namespace pare::quantize
