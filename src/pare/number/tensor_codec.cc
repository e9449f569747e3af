#include "pare/number/tensor_codec.h"

#include <fmt/format.h>

#include <algorithm>

#include "pare/base/error.h"
#include "pare/base/parallel.h"

namespace pare::number {
namespace {

constexpr std::size_t chunk = std::size_t{1} << 16;  // elements a task; large enough to hide the start of a thread

/// Calls work(first, count) over [0, n) in chunks, in parallel.
template <typename Work>
void in_chunks(std::size_t n, const Work& work) {
  parallel_for((n + chunk - 1) / chunk, [&](std::size_t i) { work(i * chunk, std::min(chunk, n - i * chunk)); });
}

/// Calls work(channel) for blocks of channels in parallel, each block with about `chunk` elements.
template <typename Work>
void over_channels(const Layout& layout, const Work& work) {
  const std::size_t each = std::max<std::size_t>(1, layout.channel_elements());
  const std::size_t block = std::max<std::size_t>(1, chunk / each);
  parallel_for((layout.channels + block - 1) / block, [&](std::size_t b) {
    for (std::size_t c = b * block; c < std::min(layout.channels, (b + 1) * block); ++c) work(c);
  });
}

/// The runs of one channel that share a scale: work(first, count, scale) over [0, channel_elements()).
template <typename Work>
void over_runs(const Layout& layout, const float* scales, std::size_t channel, const Work& work) {
  const std::size_t n = layout.channel_elements(), groups = layout.groups();
  const std::size_t size = layout.granularity == Granularity::group ? layout.group_size : n;
  for (std::size_t g = 0; g < groups; ++g) {
    const std::size_t first = g * size;
    work(first, std::min(size, n - first), scales[channel * groups + g]);
  }
}

template <typename T>
void gather(const T* x, const Layout& l, std::size_t channel, T* out) {
  for (std::size_t o = 0; o < l.outer; ++o)
    std::copy_n(x + (o * l.channels + channel) * l.inner, l.inner, out + o * l.inner);
}

template <typename T>
void scatter(const T* channel_data, const Layout& l, std::size_t channel, T* x) {
  for (std::size_t o = 0; o < l.outer; ++o)
    std::copy_n(channel_data + o * l.inner, l.inner, x + (o * l.channels + channel) * l.inner);
}

/// Applies work(in, count, scale, out) run by run, moving channels that are not contiguous through a buffer.
template <typename In, typename Out, typename Work>
void transform(const In* x, const Layout& l, const float* scales, Out* y, const Work& work) {
  if (l.granularity == Granularity::tensor) {
    in_chunks(l.elements(), [&](std::size_t first, std::size_t n) { work(x + first, n, scales[0], y + first); });
    return;
  }
  over_channels(l, [&](std::size_t c) {
    if (l.outer == 1) {
      const std::size_t at = c * l.inner;
      over_runs(l, scales, c,
                [&](std::size_t first, std::size_t n, float scale) { work(x + at + first, n, scale, y + at + first); });
      return;
    }
    std::vector<In> in(l.channel_elements());
    std::vector<Out> out(l.channel_elements());
    gather(x, l, c, in.data());
    over_runs(l, scales, c, [&](std::size_t first, std::size_t n, float scale) {
      work(in.data() + first, n, scale, out.data() + first);
    });
    scatter(out.data(), l, c, y);
  });
}

}  // namespace

std::size_t Layout::groups() const {
  if (granularity != Granularity::group) return 1;
  return std::max<std::size_t>(1, (channel_elements() + group_size - 1) / group_size);
}

Layout layout(const std::vector<std::int64_t>& shape, Granularity granularity, std::int64_t axis,
              std::int64_t group_size) {
  Layout l{.granularity = granularity};
  const auto rank = static_cast<std::int64_t>(shape.size());
  if (granularity == Granularity::tensor) {
    l.inner = 1;
    for (const auto size : shape) l.inner *= static_cast<std::size_t>(size);
    return l;
  }
  if (axis < 0) axis += rank;
  if (axis < 0 || axis >= rank)
    throw Error(fmt::format("axis {} is out of range for a tensor of rank {}", axis, rank), "scales");
  if (granularity == Granularity::group) {
    if (group_size < 1) throw Error(fmt::format("a group of {} values is not possible", group_size), "scales");
    l.group_size = static_cast<std::size_t>(group_size);
  }
  l.inner = 1;
  for (std::int64_t i = 0; i < rank; ++i) {
    const auto size = static_cast<std::size_t>(shape[static_cast<std::size_t>(i)]);
    (i < axis ? l.outer : i == axis ? l.channels : l.inner) *= size;
  }
  return l;
}

void gather_channel(const float* x, const Layout& layout, std::size_t channel, float* out) {
  gather(x, layout, channel, out);
}

std::vector<float> spread_scales(const Layout& layout, const float* scales) {
  std::vector<float> spread(layout.elements());
  transform(spread.data(), layout, scales, spread.data(),
            [](const float*, std::size_t n, float scale, float* out) { std::fill_n(out, n, scale); });
  return spread;
}

void encode_tensor(const Format& format, Ties ties, const float* x, const Layout& layout, const float* scales,
                   std::uint8_t* codes) {
  transform(x, layout, scales, codes, [&](const float* in, std::size_t n, float scale, std::uint8_t* out) {
    encode(format, ties, in, n, scale, out);
  });
}

void decode_tensor(const Format& format, const std::uint8_t* codes, const Layout& layout, const float* scales,
                   float* x) {
  transform(codes, layout, scales, x,
            [&](const std::uint8_t* in, std::size_t n, float scale, float* out) { decode(format, in, n, scale, out); });
}

void round_tensor(const Format& format, Ties ties, const float* x, const Layout& layout, const float* scales,
                  float* y) {
  transform(x, layout, scales, y, [&](const float* in, std::size_t n, float scale, float* out) {
    round_to(format, ties, in, n, scale, out);
  });
}

}  // namespace pare::number
