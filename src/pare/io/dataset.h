// Labelled samples from files, preprocessed for a network's input.
#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace pare::io {

enum class Layout { nchw, nhwc };

/// What happens to an image between the file and the network, in this order: resized so that its shorter side is
/// `resize` (0: not), the middle `size` x `size` cut out (0: not), divided by 255 where the file holds bytes, less mean,
/// by std (per channel; empty: not), laid out.
struct Preprocess {
  std::vector<float> mean, std;
  int resize = 0, size = 0;
  Layout layout = Layout::nchw;

  /// From a TOML beside the data (keys mean, std, resize, size, layout). Throws Error for an unknown key.
  static Preprocess from_toml(const std::filesystem::path& path);
};

/// Samples in a fixed order. Reading is safe from several threads.
class Dataset {
 public:
  virtual ~Dataset() = default;

  std::size_t size() const { return size_; }
  /// After preprocessing, without the batch dimension: [3, 32, 32].
  const std::vector<std::int64_t>& sample_shape() const { return sample_shape_; }
  /// One a sample, from 0; empty where the file has none.
  const std::vector<std::int64_t>& labels() const { return labels_; }
  const std::string& name() const { return name_; }

  /// Samples of those numbers one after the other: out [samples, sample_shape...].
  virtual void read(std::span<const std::size_t> samples, float* out) const = 0;

 protected:
  std::size_t size_ = 0;
  std::vector<std::int64_t> sample_shape_, labels_;
  std::string name_;
};

/// Opens what lies at `path`: an .npz with x (and y), a folder with one folder of images a class (or loose images), a
/// CIFAR-10 binary file or folder, an IDX file (also .gz; labels beside it are found by their name). Throws Error.
std::unique_ptr<Dataset> open_dataset(const std::filesystem::path& path, const Preprocess& preprocess = {});

}  // namespace pare::io
