#include "pare/io/image.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>

#include "pare/base/error.h"
#include "pare/io/codecs.h"

namespace pare::io {
namespace {

/// What `read` makes, its errors with the file's name.
template <typename F>
auto named(const std::string& where, F read) {
  try {
    return read();
  } catch (const Error& error) {
    throw Error("is an image that cannot be read: " + error.problem(), where, "replace it, or take it out of the set");
  }
}

bool is_png(std::string_view bytes) { return bytes.starts_with("\x89PNG"); }

Image decode(std::string_view bytes, bool header_only, const std::string& where) {
  auto* decoder = is_png(bytes)                                        ? decode_png
                  : bytes.starts_with("\xff\xd8")                      ? decode_jpeg
                  : bytes.starts_with("P5") || bytes.starts_with("P6") ? decode_pnm
                                                                       : nullptr;
  if (decoder) return named(where, [&] { return decoder(bytes, header_only); });
  throw Error("is no PNG, JPEG, PGM or PPM image (its first bytes are others)", where,
              "replace it, or take it out of the set");
}

/// Weights are whole numbers of 2^-22, and a half rounds up: Pillow's arithmetic, so that ties fall as they do there.
/// 255 times their sum fits in 31 bits.
constexpr int weight_bits = 22;

/// Weights of the input pixels [first, first + weights.size()) in one output pixel; their sum is 1.
struct Taps {
  int first = 0;
  std::vector<std::int32_t> weights;
};

std::vector<Taps> taps_of(int from, int to) {
  std::vector<Taps> out(static_cast<std::size_t>(to));
  const double scale = static_cast<double>(from) / to, reach = std::max(scale, 1.0);
  for (int i = 0; i < to; ++i) {
    Taps& taps = out[static_cast<std::size_t>(i)];
    const double centre = (i + 0.5) * scale;
    taps.first = std::max(0, static_cast<int>(std::lround(centre - reach)));
    const int end = std::min(from, static_cast<int>(std::lround(centre + reach)));
    double sum = 0;
    std::vector<double> triangle;
    for (int x = taps.first; x < end; ++x) {
      triangle.push_back(std::max(0.0, 1 - std::abs(x + 0.5 - centre) / reach));
      sum += triangle.back();
    }
    for (const double weight : triangle)
      taps.weights.push_back(static_cast<int>(std::lround(weight / sum * (1 << weight_bits))));
  }
  return out;
}

std::uint8_t to_byte(std::int32_t sum) { return static_cast<std::uint8_t>(std::clamp(sum >> weight_bits, 0, 255)); }

constexpr std::int32_t half = 1 << (weight_bits - 1);

template <std::size_t channels>
Image with_columns(const Image& image, const std::vector<Taps>& columns) {
  const auto height = static_cast<std::size_t>(image.shape.height), row = image.pixels.size() / height;
  Image out{.shape = {image.shape.height, static_cast<int>(columns.size()), image.shape.channels}, .pixels = {}};
  out.pixels.resize(height * columns.size() * channels);
  std::uint8_t* to = out.pixels.data();
  for (std::size_t y = 0; y < height; ++y)
    for (const Taps& taps : columns) {
      const std::uint8_t* in = image.pixels.data() + y * row + static_cast<std::size_t>(taps.first) * channels;
      std::array<std::int32_t, channels> sums;
      sums.fill(half);
      for (const std::int32_t weight : taps.weights)
        for (std::size_t c = 0; c < channels; ++c) sums[c] += weight * *in++;
      for (const std::int32_t sum : sums) *to++ = to_byte(sum);
    }
  return out;
}

Image with_rows(const Image& image, const std::vector<Taps>& rows) {
  const std::size_t row = image.pixels.size() / static_cast<std::size_t>(image.shape.height);
  Image out{.shape = {static_cast<int>(rows.size()), image.shape.width, image.shape.channels}, .pixels = {}};
  out.pixels.resize(rows.size() * row);
  std::vector<std::int32_t> sums(row);
  for (std::size_t y = 0; y < rows.size(); ++y) {
    std::ranges::fill(sums, half);
    for (std::size_t k = 0; k < rows[y].weights.size(); ++k) {
      const std::uint8_t* in = image.pixels.data() + (static_cast<std::size_t>(rows[y].first) + k) * row;
      const std::int32_t weight = rows[y].weights[k];
      for (std::size_t x = 0; x < row; ++x) sums[x] += weight * in[x];
    }
    std::ranges::transform(sums, out.pixels.begin() + static_cast<std::ptrdiff_t>(y * row), to_byte);
  }
  return out;
}

/// The whole number at `at`, after blanks and comments.
std::optional<std::uint64_t> pnm_number(std::string_view bytes, std::size_t& at) {
  const auto blank = [](char c) { return c == ' ' || (c >= '\t' && c <= '\r'); };
  while (at < bytes.size() && (blank(bytes[at]) || bytes[at] == '#')) {
    if (bytes[at] == '#')
      while (at < bytes.size() && bytes[at] != '\n') ++at;
    else
      ++at;
  }
  const std::size_t start = at;
  std::uint64_t value = 0;
  for (; at < bytes.size() && bytes[at] >= '0' && bytes[at] <= '9' && at - start < 10; ++at)
    value = value * 10 + static_cast<std::uint64_t>(bytes[at] - '0');
  if (at == start) return std::nullopt;
  return value;
}

}  // namespace

void check_shape(std::uint64_t height, std::uint64_t width, int channels) {
  if (height == 0 || width == 0) throw Error("it has no pixels", "");
  if (height > most_side || width > most_side ||
      height * width * static_cast<std::uint64_t>(channels) > most_image_bytes)
    throw Error(fmt::format("{} x {} pixels are more than the limit of {} MiB", width, height, most_image_bytes >> 20),
                "");
}

Image decode_pnm(std::string_view bytes, bool header_only) {
  std::size_t at = 2;
  const auto width = pnm_number(bytes, at), height = pnm_number(bytes, at), largest = pnm_number(bytes, at);
  if (!width || !height || !largest || at == bytes.size()) throw Error("its header is malformed or cut off", "");
  ++at;  // a single blank before the pixels
  if (*largest == 0 || *largest > 255) throw Error("it has more than 8 bits a channel", "");
  const int channels = bytes[1] == '6' ? 3 : 1;
  check_shape(*height, *width, channels);
  Image image{.shape = {static_cast<int>(*height), static_cast<int>(*width), channels}, .pixels = {}};
  if (header_only) return image;
  const std::size_t count = *height * *width * static_cast<std::size_t>(channels);
  if (bytes.size() - at < count) throw Error("it is cut off", "");
  image.pixels.assign(bytes.begin() + static_cast<std::ptrdiff_t>(at),
                      bytes.begin() + static_cast<std::ptrdiff_t>(at + count));
  const auto top = static_cast<int>(*largest);
  if (top != 255)
    for (std::uint8_t& pixel : image.pixels)
      pixel = static_cast<std::uint8_t>((std::min<int>(pixel, top) * 255 + top / 2) / top);
  return image;
}

Image decode_image(std::string_view bytes, const std::string& where) { return decode(bytes, false, where); }

std::optional<DeepImage> decode_deep_image(std::string_view bytes, const std::string& where) {
  if (!is_png(bytes)) return std::nullopt;
  return named(where, [&] { return decode_deep_png(bytes); });
}

ImageShape probe_image(std::string_view bytes, const std::string& where) { return decode(bytes, true, where).shape; }

Image resize_image(const Image& image, int height, int width) {
  Image wide;
  const Image* now = &image;
  if (width != image.shape.width) {
    wide = image.shape.channels == 3   ? with_columns<3>(image, taps_of(image.shape.width, width))
           : image.shape.channels == 1 ? with_columns<1>(image, taps_of(image.shape.width, width))
           : image.shape.channels == 2 ? with_columns<2>(image, taps_of(image.shape.width, width))
                                       : with_columns<4>(image, taps_of(image.shape.width, width));
    now = &wide;
  }
  return height == image.shape.height ? *now : with_rows(*now, taps_of(image.shape.height, height));
}

}  // namespace pare::io
