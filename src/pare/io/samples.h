// What the data formats of this room share: images as they lie in a file, and their way into a network's input.
#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "pare/io/dataset.h"
#include "pare/io/image.h"

namespace pare::io {

/// Images of one shape, one after the other: [count, height, width, channels], or planar [count, channels, height,
/// width]. Alpha may be there (2 or 4 channels); it is not read.
struct Pixels {
  std::string bytes;
  std::size_t count = 0;
  ImageShape shape;
  bool planar = false;
  std::vector<std::int64_t> labels;  // empty or one an image
};

Pixels read_cifar(const std::vector<std::filesystem::path>& files);
/// The CIFAR-10 files meant by `path`: itself, the batches in a folder, or those whose names it begins
/// (folder/data_batch); empty where there are none.
std::vector<std::filesystem::path> cifar_files(const std::filesystem::path& path);

bool is_idx(const std::filesystem::path& path);  // by its first bytes, unpacked where it is gzipped
Pixels read_idx(const std::filesystem::path& path);
/// One file's bytes; its labels are not looked for.
Pixels parse_idx(std::string_view bytes, const std::string& where);

std::unique_ptr<Dataset> open_image_folder(const std::filesystem::path& path, const Preprocess& preprocess);
std::unique_ptr<Dataset> open_sentences(const std::filesystem::path& path, const Preprocess& preprocess);

/// What a set is called in reports: its file's name without endings, or its folder's.
std::string set_name(const std::filesystem::path& path);

/// Throws Error for a std of 0, sizes below 0 or beyond the limits, figures that are not finite.
void check(const Preprocess& preprocess, const std::string& where);
/// The text of a preprocessing TOML. Throws Error.
Preprocess parse_preprocess(std::string_view text, const std::string& where);

/// Takes images of bytes to the network's input, as Preprocess says.
class Finisher {
 public:
  /// `first` is the shape of an image of the set; grey images become three channels where mean or std have three.
  Finisher(const Preprocess& preprocess, ImageShape first, const std::string& where);

  /// [channels, height, width] or [height, width, channels].
  std::vector<std::int64_t> sample_shape() const;
  std::size_t elements() const;
  /// Height and width after resizing and cutting. Throws Error for images smaller than what is to be cut out.
  ImageShape output(ImageShape image, const std::string& where) const;
  /// `pixels` of that shape to out [sample_shape...]. Throws Error where the result would have another shape.
  void finish(const std::uint8_t* pixels, ImageShape shape, bool planar, float* out, const std::string& where) const;

 private:
  ImageShape resized(ImageShape image) const;

  Preprocess preprocess_;
  int height_ = 0, width_ = 0, channels_ = 0;
  std::vector<float> tables_;  // [channels, 256]: the float of every byte
};

}  // namespace pare::io
