// PNG through libpng. It reports errors by longjmp, so everything with a destructor lives outside the function that
// it may leave.
#include <png.h>

#include <csetjmp>
#include <cstring>
#include <string>

#include "pare/base/error.h"
#include "pare/io/codecs.h"
#include "pare/io/source.h"

namespace pare::io {
namespace {

struct Reader {
  explicit Reader(std::string_view from) : bytes(from) {
    png = png_create_read_struct(PNG_LIBPNG_VER_STRING, this, fail, ignore);
    if (png) info = png_create_info_struct(png);
    if (!info) message = "out of memory";
  }
  ~Reader() { png_destroy_read_struct(&png, &info, nullptr); }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  static void fail(png_structp png, png_const_charp text) {
    auto& self = *static_cast<Reader*>(png_get_error_ptr(png));
    self.message = text;
    longjmp(png_jmpbuf(png), 1);
  }
  static void ignore(png_structp, png_const_charp) {}
  static void read(png_structp png, png_bytep out, std::size_t count) {
    auto& self = *static_cast<Reader*>(png_get_io_ptr(png));
    if (count > self.bytes.size()) png_error(png, "it is cut off");
    std::memcpy(out, self.bytes.data(), count);
    self.bytes.remove_prefix(count);
  }

  /// With `deep` channels keep 16 bits, in this machine's order.
  bool header(bool deep) {
    if (setjmp(png_jmpbuf(png))) return false;
    png_set_read_fn(png, this, read);
    png_set_user_limits(png, most_side, most_side);
    png_set_chunk_malloc_max(png, 8 << 20);
    png_read_info(png, info);
    bits = png_get_bit_depth(png, info);
    png_set_expand(png);
    deep ? png_set_swap(png) : png_set_strip_16(png);
    png_set_strip_alpha(png);
    png_set_interlace_handling(png);
    png_read_update_info(png, info);
    return true;
  }
  bool pixels(png_bytepp rows) {
    if (setjmp(png_jmpbuf(png))) return false;
    png_read_image(png, rows);
    png_read_end(png, nullptr);
    return true;
  }

  std::string_view bytes;
  std::string message;
  png_structp png = nullptr;
  png_infop info = nullptr;
  int bits = 8;  // of a channel in the file
};

/// The shape, once the header has been read.
ImageShape shape_of(Reader& reader) {
  const ImageShape shape{static_cast<int>(png_get_image_height(reader.png, reader.info)),
                         static_cast<int>(png_get_image_width(reader.png, reader.info)),
                         static_cast<int>(png_get_channels(reader.png, reader.info))};
  check_shape(static_cast<std::uint64_t>(shape.height), static_cast<std::uint64_t>(shape.width), shape.channels);
  return shape;
}

/// All pixels into `out`, whose elements are as wide as the channels.
template <typename T>
void read_pixels(Reader& reader, std::size_t total, std::vector<T>& out) {
  const std::size_t row = png_get_rowbytes(reader.png, reader.info),
                    count = row * png_get_image_height(reader.png, reader.info);
  // a palette of 1-bit entries makes 24 bytes out of one that deflate expanded
  if (count / (24 * most_expansion) > total) throw Error("it declares more pixels than its bytes can hold", "");
  out.resize(count / sizeof(T));
  std::vector<png_bytep> rows;
  for (std::size_t at = 0; at < count; at += row) rows.push_back(reinterpret_cast<png_bytep>(out.data()) + at);
  if (!reader.pixels(rows.data())) throw Error(printable(reader.message), "");
}

}  // namespace

Image decode_png(std::string_view bytes, bool header_only) {
  Reader reader(bytes);
  if (!reader.info || !reader.header(false)) throw Error(printable(reader.message), "");
  Image image{shape_of(reader), {}};
  if (!header_only) read_pixels(reader, bytes.size(), image.pixels);
  return image;
}

std::optional<DeepImage> decode_deep_png(std::string_view bytes) {
  Reader reader(bytes);
  if (!reader.info || !reader.header(true)) throw Error(printable(reader.message), "");
  if (reader.bits != 16) return std::nullopt;
  DeepImage image{shape_of(reader), {}};
  read_pixels(reader, bytes.size(), image.pixels);
  return image;
}

}  // namespace pare::io
