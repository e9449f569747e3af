#include "pare/io/dataset.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <cstring>
#include <fstream>
#include <system_error>

#include "pare/base/error.h"
#include "pare/base/parallel.h"
#include "pare/io/npz.h"
#include "pare/io/samples.h"

namespace pare::io {
namespace {
namespace fs = std::filesystem;

std::string shown(const std::vector<std::int64_t>& shape) { return fmt::format("[{}]", fmt::join(shape, ", ")); }

/// Images of bytes held in memory, turned into floats when read.
class ByteSet final : public Dataset {
 public:
  ByteSet(Pixels pixels, const Preprocess& preprocess, const std::string& where)
      : pixels_(check(std::move(pixels), where)), finisher_(preprocess, pixels_.shape, where), where_(where) {
    name_ = set_name(where);
    size_ = pixels_.count;
    labels_ = pixels_.labels;
    sample_shape_ = finisher_.sample_shape();
  }

  void read(std::span<const std::size_t> samples, float* out) const override {
    const std::size_t elements = finisher_.elements(), image = pixels_.bytes.size() / pixels_.count;
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(pixels_.bytes.data());
    parallel_for(samples.size(), [&](std::size_t i) {
      assert(samples[i] < size_);
      finisher_.finish(bytes + samples[i] * image, pixels_.shape, pixels_.planar, out + i * elements, where_);
    });
  }

 private:
  static Pixels check(Pixels pixels, const std::string& where) {
    const auto& [height, width, channels] = pixels.shape;
    if (pixels.count == 0 || height == 0 || width == 0 || channels == 0) throw Error("holds no samples", where);
    if (channels > 4)
      throw Error(fmt::format("has images of {} channels", channels), where,
                  "store images as [samples, height, width, channels] with 1 or 3 channels");
    return pixels;
  }

  Pixels pixels_;
  Finisher finisher_;
  std::string where_;
};

/// Floats of any shape, as they lie in the file; less mean, by std where these are given.
class FloatSet final : public Dataset {
 public:
  FloatSet(const Array& x, std::vector<std::int64_t> labels, const Preprocess& preprocess, const std::string& where) {
    io::check(preprocess, where);
    name_ = set_name(where);
    if (preprocess.resize != 0 || preprocess.size != 0)
      throw Error("holds floats, which are not resized or cut", where, "leave out resize and size, or store bytes");
    values_ = x.floats();
    size_ = static_cast<std::size_t>(x.shape[0]);
    sample_shape_.assign(x.shape.begin() + 1, x.shape.end());
    elements_ = values_.size() / size_;
    labels_ = std::move(labels);
    normalise(preprocess, where);
  }

  void read(std::span<const std::size_t> samples, float* out) const override {
    for (std::size_t i = 0; i < samples.size(); ++i) {
      assert(samples[i] < size_);
      std::memcpy(out + i * elements_, values_.data() + samples[i] * elements_, elements_ * sizeof(float));
    }
  }

 private:
  void normalise(const Preprocess& preprocess, const std::string& where) {
    if (preprocess.mean.empty() && preprocess.std.empty()) return;
    // channels are the first or the last dimension of a sample, as layout says
    const bool first = preprocess.layout == Layout::nchw;
    const std::int64_t channels = sample_shape_.empty() ? 1 : first ? sample_shape_.front() : sample_shape_.back();
    for (const auto* values : {&preprocess.mean, &preprocess.std})
      if (values->size() > 1 && static_cast<std::int64_t>(values->size()) != channels)
        throw Error(fmt::format("mean or std has {} figures where samples {} have {} channels", values->size(),
                                shown(sample_shape_), channels),
                    where, "give one figure for all channels or one for each, and the right layout");
    const auto pick = [](const std::vector<float>& values, std::size_t c, float otherwise) {
      return values.empty() ? otherwise : values[values.size() == 1 ? 0 : c];
    };
    const auto count = static_cast<std::size_t>(channels);
    const std::size_t inner = first ? elements_ / count : 1;
    for (std::size_t i = 0; i < values_.size(); ++i) {
      const std::size_t c = i / inner % count;
      values_[i] = (values_[i] - pick(preprocess.mean, c, 0)) / pick(preprocess.std, c, 1);
    }
  }

  std::vector<float> values_;
  std::size_t elements_ = 0;
};

std::vector<std::int64_t> labels_of(const Array& y, std::int64_t samples, const std::string& where) {
  if (y.kind != 'i' && y.kind != 'u' && y.kind != 'b')
    throw Error("its labels 'y' are no whole numbers", where, "save y as integers, one class number a sample");
  if (y.elements() != static_cast<std::size_t>(samples) || y.shape.empty() || y.shape[0] != samples)
    throw Error(fmt::format("has labels y {} for {} samples", shown(y.shape), samples), where,
                "save one class number a sample");
  std::vector<std::int64_t> labels;
  try {
    labels = y.integers();
  } catch (const Error& error) {
    throw Error("its labels 'y': " + error.problem(), where, "number the classes from 0");
  }
  for (std::size_t i = 0; i < labels.size(); ++i)
    if (labels[i] < 0)
      throw Error(fmt::format("sample {} has the label {}", i, labels[i]), where, "number the classes from 0");
  return labels;
}

std::unique_ptr<Dataset> open_npz(const fs::path& path, const Preprocess& preprocess) {
  const std::string where = path.string();
  auto arrays = read_npz(path);
  if (!arrays.contains("x")) {
    std::string names;
    for (const auto& [name, array] : arrays) names += (names.empty() ? "" : ", ") + printable(name);
    throw Error(fmt::format("has no array x (it has: {})", printable(names)), where,
                "save samples as x and class numbers as y");
  }
  Array& x = arrays.at("x");
  if (x.shape.empty() || x.elements() == 0)
    throw Error(fmt::format("holds no samples: x is {}", shown(x.shape)), where);
  std::vector<std::int64_t> labels;
  if (arrays.contains("y")) labels = labels_of(arrays.at("y"), x.shape[0], where);
  if (x.kind == 'f') return std::make_unique<FloatSet>(x, std::move(labels), preprocess, where);
  if (x.kind != 'u' || x.item_bytes != 1)
    throw Error(fmt::format("has samples x of type {}{}", x.kind, 8 * x.item_bytes), where,
                "save images as uint8, or preprocessed samples as float32");
  if (x.shape.size() < 3 || x.shape.size() > 4 ||
      std::any_of(x.shape.begin() + 1, x.shape.end(), [](std::int64_t side) { return side > most_side; }))
    throw Error(fmt::format("has bytes x {}, which are no images", shown(x.shape)), where,
                "save images as [samples, height, width, channels] or [samples, height, width]");
  return std::make_unique<ByteSet>(Pixels{.bytes = std::move(x.bytes),
                                          .count = static_cast<std::size_t>(x.shape[0]),
                                          .shape = {static_cast<int>(x.shape[1]), static_cast<int>(x.shape[2]),
                                                    x.shape.size() == 4 ? static_cast<int>(x.shape[3]) : 1},
                                          .planar = false,
                                          .labels = std::move(labels)},
                                   preprocess, where);
}

bool is_zip(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  char start[2] = {};
  return in.read(start, 2) && start[0] == 'P' && start[1] == 'K';
}

std::unique_ptr<Dataset> open(const fs::path& path, const Preprocess& preprocess) {
  const std::string where = path.string();
  std::error_code code;
  const std::vector<fs::path> cifar = fs::is_regular_file(path, code) ? std::vector<fs::path>{} : cifar_files(path);
  if (!cifar.empty()) return std::make_unique<ByteSet>(read_cifar(cifar), preprocess, where);
  if (!fs::exists(path, code)) throw Error("does not exist", where, "name a file or folder of samples");
  if (fs::is_directory(path, code)) return open_image_folder(path, preprocess);
  if (path.extension() == ".tsv") return open_sentences(path, preprocess);
  if (is_zip(path) || path.extension() == ".npz") return open_npz(path, preprocess);
  if (path.extension() == ".bin") return std::make_unique<ByteSet>(read_cifar({path}), preprocess, where);
  if (is_idx(path)) return std::make_unique<ByteSet>(read_idx(path), preprocess, where);
  throw Error("is no set of samples that pare knows", where,
              "give an .npz with x and y, a folder of images, a CIFAR-10 .bin, an IDX file or a .tsv of sentences");
}

}  // namespace

void Dataset::read_tokens(std::size_t, std::int64_t*) const { throw Error("holds no sentences", name_); }

std::string set_name(const fs::path& path) {
  std::error_code code;
  const fs::path name = fs::absolute(path, code).lexically_normal();
  if (fs::is_directory(path, code)) return (name.has_filename() ? name : name.parent_path()).filename().string();
  return (name.extension() == ".gz" ? name.stem() : name).stem().string();
}

std::unique_ptr<Dataset> open_dataset(const fs::path& path, const Preprocess& preprocess) {
  // "folder/" and "folder" are one
  return open(path.has_filename() || path.parent_path() == path ? path : path.parent_path(), preprocess);
}

}  // namespace pare::io
