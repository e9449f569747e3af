// JPEG through libjpeg-turbo. It reports errors by longjmp, so everything with a destructor lives outside the function
// that it may leave.
#include <cstddef>
#include <cstdio>
// jpeglib.h needs the two above
#include <jerror.h>
#include <jpeglib.h>

#include <csetjmp>
#include <string>

#include "pare/base/error.h"
#include "pare/io/codecs.h"

namespace pare::io {
namespace {

/// Scans of a progressive image: real ones have about ten, each costs a pass over the whole image.
constexpr int most_scans = 200;

class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {
    state_.err = jpeg_std_error(&errors_);
    state_.client_data = this;
    errors_.error_exit = [](j_common_ptr state) { leave(state, nullptr); };
    errors_.emit_message = [](j_common_ptr state, int level) {
      // the library would fill the rest with grey
      if (level < 0 && state->err->msg_code == JWRN_JPEG_EOF) leave(state, "it is cut off");
    };
    monitor_.progress_monitor = [](j_common_ptr state) {
      if (reinterpret_cast<j_decompress_ptr>(state)->input_scan_number > most_scans)
        leave(state, "it has more scans than any real image");
    };
  }
  ~Reader() { jpeg_destroy_decompress(&state_); }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  bool header() {
    if (setjmp(back_)) return false;
    jpeg_create_decompress(&state_);
    state_.progress = &monitor_;
    jpeg_mem_src(&state_, reinterpret_cast<const unsigned char*>(bytes_.data()), bytes_.size());
    jpeg_read_header(&state_, TRUE);
    const bool four = state_.jpeg_color_space == JCS_CMYK || state_.jpeg_color_space == JCS_YCCK;
    if (state_.jpeg_color_space != JCS_GRAYSCALE) state_.out_color_space = four ? JCS_CMYK : JCS_RGB;
    jpeg_calc_output_dimensions(&state_);
    return true;
  }
  /// `out` has room for height x width x components.
  bool pixels(std::uint8_t* out) {
    if (setjmp(back_)) return false;
    jpeg_start_decompress(&state_);
    const std::size_t row = std::size_t{state_.output_width} * static_cast<std::size_t>(state_.output_components);
    while (state_.output_scanline < state_.output_height) {
      JSAMPROW line = out + state_.output_scanline * row;
      jpeg_read_scanlines(&state_, &line, 1);
    }
    return true;
  }

  const jpeg_decompress_struct& state() const { return state_; }
  const char* message() const { return message_; }

 private:
  [[noreturn]] static void leave(j_common_ptr state, const char* message) {
    auto& self = *static_cast<Reader*>(state->client_data);
    if (message)
      std::snprintf(self.message_, sizeof self.message_, "%s", message);
    else
      state->err->format_message(state, self.message_);
    longjmp(self.back_, 1);
  }

  std::string_view bytes_;
  jpeg_decompress_struct state_{};
  jpeg_error_mgr errors_{};
  jpeg_progress_mgr monitor_{};
  std::jmp_buf back_{};
  char message_[JMSG_LENGTH_MAX] = {};
};

}  // namespace

Image decode_jpeg(std::string_view bytes, bool header_only) {
  Reader reader(bytes);
  if (!reader.header()) throw Error(printable(reader.message()), "");
  const jpeg_decompress_struct& state = reader.state();
  const int components = state.output_components;
  check_shape(state.output_height, state.output_width, components);
  Image image;
  image.shape = {static_cast<int>(state.output_height), static_cast<int>(state.output_width),
                 components == 4 ? 3 : components};
  if (header_only) return image;
  image.pixels.resize(std::size_t{state.output_height} * state.output_width * static_cast<std::size_t>(components));
  if (!reader.pixels(image.pixels.data())) throw Error(printable(reader.message()), "");
  if (components == 4) {
    // Adobe writes inks inverted: 255 is none
    const bool inverted = state.saw_Adobe_marker;
    std::size_t to = 0;
    for (std::size_t from = 0; from < image.pixels.size(); from += 4)
      for (std::size_t c = 0; c < 3; ++c) {
        const int ink = image.pixels[from + c], black = image.pixels[from + 3];
        const int product = inverted ? ink * black : (255 - ink) * (255 - black);
        image.pixels[to++] = static_cast<std::uint8_t>((product + 127) / 255);
      }
    image.pixels.resize(to);
  }
  return image;
}

}  // namespace pare::io
