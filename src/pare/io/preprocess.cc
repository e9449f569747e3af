// From bytes of an image to floats of a network's input, and the TOML that says how.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <system_error>

#include "pare/base/error.h"
#include "pare/base/file.h"
#include "pare/io/samples.h"
#include "pare/io/toml.h"

namespace pare::io {
namespace {

/// Channels that carry colour: 2 and 4 channels end in alpha.
int colours(int channels) { return channels >= 3 ? 3 : 1; }

float of_channel(const std::vector<float>& values, int channel, float otherwise) {
  if (values.empty()) return otherwise;
  return values[values.size() == 1 ? 0 : static_cast<std::size_t>(channel)];
}

}  // namespace

void check(const Preprocess& preprocess, const std::string& where) {
  const auto finite = [](float value) { return std::isfinite(value); };
  if (!std::ranges::all_of(preprocess.mean, finite) || !std::ranges::all_of(preprocess.std, finite))
    throw Error("mean or std holds a figure that is not finite", where, "give one finite figure a channel");
  if (std::ranges::any_of(preprocess.std, [](float value) { return value <= 0; }))
    throw Error("std must be above 0", where, "leave std out where nothing is to be divided");
  if (preprocess.resize < 0 || preprocess.resize > most_side || preprocess.size < 0 || preprocess.size > most_side)
    throw Error(fmt::format("resize and size must lie between 0 and {}", most_side), where, "0 leaves the step out");
}

Finisher::Finisher(const Preprocess& preprocess, ImageShape first, const std::string& where)
    : preprocess_(preprocess), channels_(colours(first.channels)) {
  check(preprocess, where);
  for (const auto* values : {&preprocess.mean, &preprocess.std})
    if (values->size() == 3) channels_ = 3;
  for (const auto* values : {&preprocess.mean, &preprocess.std})
    if (values->size() > 1 && values->size() != static_cast<std::size_t>(channels_))
      throw Error(
          fmt::format("mean or std has {} figures where the images have {} channels", values->size(), channels_), where,
          "give one figure for all channels or one for each");
  const ImageShape out = output(first, where);
  height_ = out.height;
  width_ = out.width;
  tables_.resize(static_cast<std::size_t>(channels_) * 256);
  for (int c = 0; c < channels_; ++c)
    for (int byte = 0; byte < 256; ++byte)
      tables_[static_cast<std::size_t>(c) * 256 + static_cast<std::size_t>(byte)] =
          (static_cast<float>(byte) / 255.f - of_channel(preprocess.mean, c, 0)) / of_channel(preprocess.std, c, 1);
}

std::vector<std::int64_t> Finisher::sample_shape() const {
  if (preprocess_.layout == Layout::nchw) return {channels_, height_, width_};
  return {height_, width_, channels_};
}

std::size_t Finisher::elements() const {
  return static_cast<std::size_t>(height_) * static_cast<std::size_t>(width_) * static_cast<std::size_t>(channels_);
}

ImageShape Finisher::resized(ImageShape image) const {
  if (preprocess_.resize == 0) return image;
  // the longer side is cut to a whole number, as torchvision does
  const std::int64_t shorter = std::min(image.height, image.width), longer = std::max(image.height, image.width);
  const std::int64_t length = preprocess_.resize * longer / shorter;
  if (length > most_side) return {most_side + 1, most_side + 1, image.channels};
  const int side = preprocess_.resize, other = static_cast<int>(length);
  return image.height <= image.width ? ImageShape{side, other, image.channels}
                                     : ImageShape{other, side, image.channels};
}

ImageShape Finisher::output(ImageShape image, const std::string& where) const {
  const ImageShape now = resized(image);
  if (static_cast<std::uint64_t>(now.height) * static_cast<std::uint64_t>(now.width) * 4 > most_image_bytes)
    throw Error(fmt::format("an image of {} x {} is too large after resizing", image.width, image.height), where,
                "lower resize");
  const int size = preprocess_.size;
  if (size == 0) return now;
  if (now.height < size || now.width < size)
    throw Error(
        fmt::format("an image of {} x {} is smaller than the {} x {} to be cut out", now.width, now.height, size, size),
        where, fmt::format("give resize = {} or more, or a smaller size", size));
  return {size, size, image.channels};
}

void Finisher::finish(const std::uint8_t* pixels, ImageShape shape, bool planar, float* out,
                      const std::string& where) const {
  const ImageShape result = output(shape, where);
  if (result.height != height_ || result.width != width_)
    throw Error(fmt::format("is an image of {} x {} in a set of {} x {}", result.width, result.height, width_, height_),
                where, "give resize and size, so that all become alike");
  if (colours(shape.channels) > channels_)
    throw Error("is a coloured image in a set of grey ones", where,
                "give mean with three figures, so that all become coloured");
  Image image;
  if (const ImageShape now = resized(shape); now.height != shape.height || now.width != shape.width) {
    image = {
        .shape = shape,
        .pixels = {pixels, pixels + static_cast<std::size_t>(shape.height) * static_cast<std::size_t>(shape.width) *
                                        static_cast<std::size_t>(shape.channels)}};
    if (planar) {
      const std::size_t plane = static_cast<std::size_t>(shape.height) * static_cast<std::size_t>(shape.width);
      const auto channels = static_cast<std::size_t>(shape.channels);
      for (std::size_t i = 0; i < plane; ++i)
        for (std::size_t c = 0; c < channels; ++c) image.pixels[i * channels + c] = pixels[c * plane + i];
      planar = false;
    }
    image = resize_image(image, now.height, now.width);
    pixels = image.pixels.data();
    shape = image.shape;
  }
  // halves round to even, as torchvision's centre does
  const auto middle = [](int all, int part) { return static_cast<std::size_t>(std::nearbyint((all - part) / 2.0)); };
  const std::size_t top = middle(shape.height, height_), left = middle(shape.width, width_);
  const auto height = static_cast<std::size_t>(height_), width = static_cast<std::size_t>(width_),
             channels = static_cast<std::size_t>(channels_), wide = static_cast<std::size_t>(shape.width),
             deep = static_cast<std::size_t>(shape.channels);
  const std::size_t in_pixel = planar ? 1 : deep, in_row = wide * in_pixel;
  const std::size_t in_channel = planar ? wide * static_cast<std::size_t>(shape.height) : 1;
  const bool first_channels = preprocess_.layout == Layout::nchw;
  const std::size_t out_pixel = first_channels ? 1 : channels;
  for (std::size_t c = 0; c < channels; ++c) {
    const float* table = tables_.data() + c * 256;
    const std::size_t from = colours(shape.channels) == 1 ? 0 : c;
    for (std::size_t y = 0; y < height; ++y) {
      const std::uint8_t* in = pixels + from * in_channel + (top + y) * in_row + left * in_pixel;
      float* to = out + (first_channels ? c * height * width : c) + y * width * out_pixel;
      for (std::size_t x = 0; x < width; ++x) to[x * out_pixel] = table[in[x * in_pixel]];
    }
  }
}

Preprocess parse_preprocess(std::string_view text, const std::string& where) {
  const toml::table table = parse_toml(text, where, "write it as TOML: size = 224");
  Preprocess out;
  for (const auto& entry : table) {
    const toml::node& node = entry.second;  // not a structured binding: clang 14 cannot capture those
    const std::string name(entry.first.str());
    const auto fail = [&](const std::string& what, const std::string& mend) {
      throw Error(fmt::format("line {}: {} {}", node.source().begin.line, printable(name), what), where, mend);
    };
    if (name == "mean" || name == "std") {
      std::vector<float>& values = name == "mean" ? out.mean : out.std;
      const auto add = [&](const toml::node& value) {
        if (!value.is_number()) fail("holds something that is no number", name + " = [0.5, 0.5, 0.5]");
        values.push_back(value.value<float>().value_or(NAN));
      };
      if (const toml::array* list = node.as_array())
        for (const toml::node& value : *list) add(value);
      else
        add(node);
    } else if (name == "resize" || name == "size") {
      const auto value = node.as_integer();
      if (!value || value->get() < 0 || value->get() > most_side)
        fail(fmt::format("must be a whole number from 0 to {}", most_side), name + " = 224");
      (name == "size" ? out.size : out.resize) = static_cast<int>(value->get());
    } else if (name == "layout") {
      const std::string layout = node.value<std::string>().value_or("");
      if (layout != "nchw" && layout != "nhwc") fail("must be \"nchw\" or \"nhwc\"", "layout = \"nchw\"");
      out.layout = layout == "nchw" ? Layout::nchw : Layout::nhwc;
    } else if (name == "vocabulary") {
      out.vocabulary = node.value<std::string>().value_or("");
      if (out.vocabulary.empty()) fail("must be the name of a file", "vocabulary = \"vocab.txt\"");
    } else if (name == "cased") {
      if (!node.is_boolean()) fail("must be true or false", "cased = false");
      out.cased = node.value<bool>().value_or(false);
    } else if (name == "max_tokens") {
      const auto value = node.as_integer();
      if (!value || value->get() < 2 || value->get() > 1 << 20)
        fail("must be a whole number from 2 to 1048576", "max_tokens = 512");
      out.max_tokens = static_cast<std::size_t>(value->get());
    } else {
      fail("is a key that pare does not know",
           "the keys are mean, std, resize, size, layout, vocabulary, cased and max_tokens");
    }
  }
  check(out, where);
  return out;
}

Preprocess Preprocess::from_toml(const std::filesystem::path& path) {
  Preprocess out = parse_preprocess(read_file(path, std::size_t{1} << 20), path.string());
  if (out.vocabulary.is_relative() && !out.vocabulary.empty()) out.vocabulary = path.parent_path() / out.vocabulary;
  return out;
}

std::optional<std::filesystem::path> preprocess_beside(const std::filesystem::path& path) {
  namespace fs = std::filesystem;
  std::error_code code;
  const bool folder = fs::is_directory(path, code);
  const fs::path data = path.has_filename() ? path : path.parent_path();
  fs::path stem = data;
  if (stem.extension() == ".gz") stem.replace_extension();
  std::vector<fs::path> places{data.string() + ".toml"};
  if (!folder) places.push_back(stem.replace_extension(".toml"));
  places.push_back((folder ? data : data.parent_path()) / "preprocess.toml");
  for (const fs::path& place : places)
    if (fs::is_regular_file(place, code)) return place;
  return std::nullopt;
}

}  // namespace pare::io
