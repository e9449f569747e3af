#include "pare/imaging/frames.h"

#include <fmt/format.h>

#include <algorithm>

#include "pare/base/error.h"
#include "pare/base/file.h"
#include "pare/io/image.h"
#include "pare/io/npy.h"

namespace pare::imaging {
namespace {

Frame from_array(const io::Array& array, const std::string& where) {
  const auto& shape = array.shape;
  if (shape.size() != 2 && shape.size() != 3)
    throw Error(fmt::format("has {} dimensions", shape.size()), where, "[height, width] or [height, width, channels]");
  const std::int64_t channels = shape.size() == 3 ? shape[2] : 1;
  if (shape[0] < 1 || shape[0] > most_side || shape[1] < 1 || shape[1] > most_side || channels < 1 || channels > 256)
    throw Error(fmt::format("is {} x {} pixels of {} channels", shape[1], shape[0], channels), where,
                fmt::format("sides are 1 to {}, channels 1 to 256", most_side));
  Frame frame{static_cast<int>(shape[1]), static_cast<int>(shape[0]), static_cast<int>(channels), {}};
  try {
    frame.codes = array.integers();
  } catch (const Error& e) {
    throw Error(e.problem(), where, "save codes: integers");
  }
  return frame;
}

Frame from_image(const io::Image& image, const Type& type) {
  const bool holds_bytes = codes(type).high >= std::int64_t{255} << type.fraction;
  Frame frame{image.shape.width, image.shape.height, image.shape.channels, {}};
  frame.codes.reserve(image.pixels.size());
  for (const std::uint8_t v : image.pixels) frame.codes.push_back(std::int64_t{v} << (holds_bytes ? type.fraction : 0));
  return frame;
}

template <typename T>
std::string packed(const std::vector<std::int64_t>& codes) {
  std::string out;
  out.reserve(codes.size() * sizeof(T));
  for (const std::int64_t code : codes) {
    const auto value = static_cast<T>(code);
    out.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  return out;
}

}  // namespace

Frame decode_frame(const std::string& bytes, const Type& type, const std::string& where) {
  if (bytes.starts_with("\x93NUMPY")) return from_array(io::parse_npy(bytes, where), where);
  if (const auto deep = io::decode_deep_image(bytes, where))
    return {deep->shape.width, deep->shape.height, deep->shape.channels, {deep->pixels.begin(), deep->pixels.end()}};
  return from_image(io::decode_image(bytes, where), type);
}

Frame read_frame(const std::filesystem::path& path, const Type& type) {
  return decode_frame(read_file(path), type, path.string());
}

bool has_png(const Type& type) {
  return !type.is_signed && type.bits <= 16 && (type.channels == 1 || type.channels == 3);
}

std::string to_png(const Frame& frame, const Type& type) {
  const std::vector<std::uint16_t> pixels(frame.codes.begin(), frame.codes.end());
  return io::encode_png({frame.height, frame.width, frame.channels}, type.bits <= 8 ? 8 : 16, pixels);
}

std::string to_npy(const Frame& frame, const Type& type) {
  io::Array array{.kind = type.is_signed ? 'i' : 'u', .shape = {frame.height, frame.width}};
  if (frame.channels > 1) array.shape.push_back(frame.channels);
  array.item_bytes = type.bits <= 8 ? 1 : type.bits <= 16 ? 2 : type.bits <= 32 ? 4 : 8;
  array.bytes = array.item_bytes == 1   ? packed<std::int8_t>(frame.codes)
                : array.item_bytes == 2 ? packed<std::int16_t>(frame.codes)
                : array.item_bytes == 4 ? packed<std::int32_t>(frame.codes)
                                        : packed<std::int64_t>(frame.codes);
  return io::npy_header(array) + array.bytes;
}

std::filesystem::path write_frame(const std::filesystem::path& stem, const Frame& frame, const Type& type,
                                  bool as_array) {
  std::filesystem::path path = stem;
  const bool is_png = has_png(type) && !as_array;
  path += is_png ? ".png" : ".npy";
  write_file(path, is_png ? to_png(frame, type) : to_npy(frame, type));
  return path;
}

std::vector<std::string> files_of(const std::vector<const Stage*>& inputs, const std::vector<std::string>& images) {
  std::vector<std::string> files(inputs.size()), unnamed;
  for (const std::string& image : images) {
    const auto named =
        std::ranges::find_if(inputs, [&](const Stage* stage) { return image.starts_with(stage->name + "="); });
    if (named == inputs.end()) {
      unnamed.push_back(image);
      continue;
    }
    std::string& file = files[static_cast<std::size_t>(named - inputs.begin())];
    if (!file.empty()) throw UsageError(fmt::format("'{}' is given twice", (*named)->name), "IMAGE");
    file = image.substr((*named)->name.size() + 1);
  }
  auto next = unnamed.begin();
  for (std::string& file : files)
    if (file.empty() && next != unnamed.end()) file = *next++;
  if (next != unnamed.end() || std::ranges::find(files, "") != files.end()) {
    std::string names;
    for (const Stage* input : inputs) names += fmt::format("{}{}", names.empty() ? "" : ", ", input->name);
    throw UsageError(fmt::format("{} images are given, the pipeline's inputs are {}", images.size(), names), "IMAGE",
                     "one image for each, in this order or as NAME=FILE");
  }
  return files;
}

}  // namespace pare::imaging
