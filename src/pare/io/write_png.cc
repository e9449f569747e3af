// PNG out of libpng, whose errors leave by longjmp: nothing with a destructor lives in the function that they leave.
#include <png.h>

#include <cassert>
#include <csetjmp>

#include "pare/base/error.h"
#include "pare/io/image.h"

namespace pare::io {
namespace {

struct Writer {
  Writer() {
    png = png_create_write_struct(PNG_LIBPNG_VER_STRING, this, fail, ignore);
    if (png) info = png_create_info_struct(png);
  }
  ~Writer() { png_destroy_write_struct(&png, &info); }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  static void fail(png_structp png, png_const_charp text) {
    static_cast<Writer*>(png_get_error_ptr(png))->message = text;
    longjmp(png_jmpbuf(png), 1);
  }
  static void ignore(png_structp, png_const_charp) {}
  static void write(png_structp png, png_bytep bytes, std::size_t count) {
    static_cast<Writer*>(png_get_io_ptr(png))->out.append(reinterpret_cast<const char*>(bytes), count);
  }
  static void flush(png_structp) {}

  bool run(const ImageShape& shape, int bits, png_bytepp rows) {
    if (setjmp(png_jmpbuf(png))) return false;
    png_set_write_fn(png, this, write, flush);
    png_set_IHDR(png, info, static_cast<png_uint_32>(shape.width), static_cast<png_uint_32>(shape.height), bits,
                 shape.channels == 1 ? PNG_COLOR_TYPE_GRAY : PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_write_info(png, info);
    png_write_image(png, rows);
    png_write_end(png, nullptr);
    return true;
  }

  png_structp png = nullptr;
  png_infop info = nullptr;
  std::string message = "out of memory", out;
};

}  // namespace

std::string encode_png(const ImageShape& shape, int bits, std::span<const std::uint16_t> pixels) {
  const auto height = static_cast<std::size_t>(shape.height);
  assert((bits == 8 || bits == 16) && (shape.channels == 1 || shape.channels == 3));
  assert(pixels.size() == height * static_cast<std::size_t>(shape.width) * static_cast<std::size_t>(shape.channels));
  std::vector<png_byte> bytes;  // channels of 16 bits have their upper byte first
  bytes.reserve(pixels.size() * static_cast<std::size_t>(bits / 8));
  for (const std::uint16_t v : pixels) {
    if (bits == 16) bytes.push_back(static_cast<png_byte>(v >> 8));
    bytes.push_back(static_cast<png_byte>(v & 0xff));
  }
  std::vector<png_bytep> rows;
  for (std::size_t y = 0; y < height; ++y) rows.push_back(bytes.data() + y * (bytes.size() / height));
  Writer writer;
  if (!writer.info || !writer.run(shape, bits, rows.data())) throw Error(printable(writer.message), "PNG");
  return std::move(writer.out);
}

}  // namespace pare::io
