// Images of bytes: decoding of PNG, JPEG and binary PGM/PPM, encoding of PNG, and resizing.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace pare::io {

/// The longest side, and the most bytes of one decoded image: what a header claims is believed up to here.
constexpr int most_side = 1 << 16;
constexpr std::uint64_t most_image_bytes = std::uint64_t{1} << 28;

struct ImageShape {
  int height = 0, width = 0, channels = 0;
};

/// Rows from the top, pixels [height, width, channels]; 1 channel is grey, 3 are red, green, blue.
struct Image {
  ImageShape shape;
  std::vector<std::uint8_t> pixels;
};

/// Decodes by the file's first bytes, not its name. Alpha is dropped, 16-bit channels keep their upper byte, palettes
/// are looked up, CMYK becomes RGB; colour profiles, gamma and EXIF orientation are not applied (as in Pillow).
/// `where` names the file in errors. Throws Error for what is cut off, damaged, too large or of another kind.
Image decode_image(std::string_view bytes, const std::string& where);

/// The same in 16 bits a channel.
struct DeepImage {
  ImageShape shape;
  std::vector<std::uint16_t> pixels;
};

/// All 16 bits of a PNG that has them; nothing for every other image. Throws Error as decode_image does.
std::optional<DeepImage> decode_deep_image(std::string_view bytes, const std::string& where);

/// The shape that decode_image will give, from the header alone: `bytes` may be the first part of a file.
ImageShape probe_image(std::string_view bytes, const std::string& where);

/// PNG of 8 or 16 bits a channel, grey or RGB; `pixels` [height, width, channels] below 2^bits. The same bytes for the
/// same pixels.
std::string encode_png(const ImageShape& shape, int bits, std::span<const std::uint16_t> pixels);

/// Bilinear, widened when shrinking so that every pixel counts (as Pillow does: the measured accuracy of ImageNet
/// networks depends on it), and to the same bytes; both passes round. Sides of `height` x `width` >= 1.
Image resize_image(const Image& image, int height, int width);

}  // namespace pare::io
