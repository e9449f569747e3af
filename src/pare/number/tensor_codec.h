// Whole tensors to codes and back, with a scale for the tensor, for each channel, or for each group of a channel.
// In parallel; results do not depend on the number of threads.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "pare/number/codec.h"

namespace pare::number {

/// How scales are laid over a tensor. tensor: one scale. channel: one for each index of an axis. group: the elements of
/// one channel, in row-major order, in runs of a group size (the last may be shorter): scales [channels, groups].
enum class Granularity { tensor, channel, group };

/// A row-major tensor seen as [outer, channels, inner]; an element's channel is its index on the chosen axis.
struct Layout {
  Granularity granularity = Granularity::tensor;
  std::size_t outer = 1, channels = 1, inner = 0;
  std::size_t group_size = 0;

  std::size_t elements() const { return outer * channels * inner; }
  std::size_t channel_elements() const { return outer * inner; }
  std::size_t groups() const;  // of one channel; 1 unless granularity is group
  std::size_t scales() const { return granularity == Granularity::tensor ? 1 : channels * groups(); }
};

/// Throws Error where the axis is out of range or the group size is not positive.
Layout layout(const std::vector<std::int64_t>& shape, Granularity granularity, std::int64_t axis,
              std::int64_t group_size);

/// The elements of one channel in row-major order: out [outer * inner].
void gather_channel(const float* x, const Layout& layout, std::size_t channel, float* out);

/// The scale of every element: out [layout.elements()].
std::vector<float> spread_scales(const Layout& layout, const float* scales);

/// x [layout.elements()], scales [layout.scales()].
void encode_tensor(const Format& format, Ties ties, const float* x, const Layout& layout, const float* scales,
                   std::uint8_t* codes);
void decode_tensor(const Format& format, const std::uint8_t* codes, const Layout& layout, const float* scales,
                   float* x);
/// decode(encode(x)); y may be x.
void round_tensor(const Format& format, Ties ties, const float* x, const Layout& layout, const float* scales, float* y);

}  // namespace pare::number
