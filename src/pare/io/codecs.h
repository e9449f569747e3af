// The decoders behind decode_image; each throws Error{what} and leaves naming the file to decode_image.
#pragma once
#include <optional>
#include <string_view>

#include "pare/io/image.h"

namespace pare::io {

// With `header_only` the pixels stay empty.
Image decode_png(std::string_view bytes, bool header_only);
std::optional<DeepImage> decode_deep_png(std::string_view bytes);
Image decode_jpeg(std::string_view bytes, bool header_only);
Image decode_pnm(std::string_view bytes, bool header_only);

/// Throws Error unless the sides and the bytes of an image of this shape are within the limits and above 0.
void check_shape(std::uint64_t height, std::uint64_t width, int channels);

}  // namespace pare::io
