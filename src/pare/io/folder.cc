// Folders of image files, decoded when they are read.
#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <fstream>
#include <optional>
#include <system_error>

#include "pare/base/error.h"
#include "pare/base/file.h"
#include "pare/base/parallel.h"
#include "pare/io/samples.h"

namespace pare::io {
namespace {
namespace fs = std::filesystem;

constexpr std::size_t most_file_bytes = std::size_t{1} << 30;

bool hidden(const fs::path& path) { return path.filename().string().starts_with('.'); }

bool is_image(const fs::path& path) {
  std::string extension = path.extension().string();
  for (char& c : extension)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  for (const char* known : {".png", ".jpg", ".jpeg", ".ppm", ".pgm"})
    if (extension == known) return !hidden(path);
  return false;
}

template <typename Iterator>
std::vector<fs::path> sorted(const fs::path& folder, bool folders) {
  std::vector<fs::path> out;
  try {
    for (const auto& entry : Iterator(folder))
      if (folders ? entry.is_directory() && !hidden(entry.path()) : entry.is_regular_file() && is_image(entry.path()))
        out.push_back(entry.path());
  } catch (const fs::filesystem_error& error) {
    throw Error("cannot be listed: " + error.code().message(), folder.string());
  }
  std::ranges::sort(out);
  return out;
}

/// The shape from the first part of the file, or, where a header is longer, from all of it.
ImageShape probe(const fs::path& path) {
  std::string start(1 << 16, '\0');
  std::ifstream in(path, std::ios::binary);
  in.read(start.data(), static_cast<std::streamsize>(start.size()));
  start.resize(static_cast<std::size_t>(in.gcount()));
  try {
    return probe_image(start, path.string());
  } catch (const Error&) {
    return probe_image(read_file(path, most_file_bytes), path.string());
  }
}

class ImageFolder final : public Dataset {
 public:
  ImageFolder(const fs::path& path, const Preprocess& preprocess) {
    find(path);
    name_ = set_name(path);
    const ImageShape first = probe(files_[0]);
    finisher_.emplace(preprocess, first, files_[0].string());
    sample_shape_ = finisher_->sample_shape();
    // what is cut to one size may differ before; otherwise say so now, not after hours of work
    if (preprocess.size == 0)
      parallel_for(files_.size(), [&](std::size_t i) {
        const ImageShape shape = finisher_->output(probe(files_[i]), files_[i].string());
        const ImageShape expected = finisher_->output(first, files_[0].string());
        if (shape.height != expected.height || shape.width != expected.width)
          throw Error(fmt::format("is an image of {} x {}, {} one of {} x {}", shape.width, shape.height,
                                  files_[0].filename().string(), expected.width, expected.height),
                      files_[i].string(), "give resize and size, so that all become alike");
      });
  }

  void read(std::span<const std::size_t> samples, float* out) const override {
    const std::size_t elements = finisher_->elements();
    parallel_for(samples.size(), [&](std::size_t i) {
      assert(samples[i] < size_);
      const std::string name = files_[samples[i]].string();
      const Image image = decode_image(read_file(files_[samples[i]], most_file_bytes), name);
      finisher_->finish(image.pixels.data(), image.shape, false, out + i * elements, name);
    });
  }

 private:
  void find(const fs::path& path) {
    files_ = sorted<fs::directory_iterator>(path, false);
    const std::vector<fs::path> classes = sorted<fs::directory_iterator>(path, true);
    if (!files_.empty() && !classes.empty())
      throw Error("holds both images and folders", path.string(), "keep either loose images or one folder a class");
    for (std::size_t label = 0; label < classes.size(); ++label) {
      const auto images = sorted<fs::recursive_directory_iterator>(classes[label], false);
      if (images.empty())
        throw Error("is the folder of a class but holds no png, jpg, ppm or pgm image", classes[label].string(),
                    "fill or delete it");
      files_.insert(files_.end(), images.begin(), images.end());
      labels_.insert(labels_.end(), images.size(), static_cast<std::int64_t>(label));
    }
    if (files_.empty())
      throw Error("holds no png, jpg, ppm or pgm images", path.string(),
                  "name a folder with images or one folder a class");
    size_ = files_.size();
  }

  std::vector<fs::path> files_;
  std::optional<Finisher> finisher_;
};

}  // namespace

std::unique_ptr<Dataset> open_image_folder(const fs::path& path, const Preprocess& preprocess) {
  return std::make_unique<ImageFolder>(path, preprocess);
}

}  // namespace pare::io
