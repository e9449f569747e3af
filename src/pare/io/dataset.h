// Labelled samples from files, preprocessed for a network's input.
#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace pare::io {

enum class Layout { nchw, nhwc };

/// What happens to an image between the file and the network, in this order: resized so that its shorter side is
/// `resize` (0: not), the middle `size` x `size` cut out (0: not), divided by 255 where the file holds bytes, less
/// mean, by std (one figure for all channels or one for each; empty: not), laid out. Grey images become three equal
/// channels where mean or std has three figures. Floats of an .npz are neither resized nor laid out anew. Sentences are
/// cut into the pieces of a WordPiece `vocabulary`, `max_tokens` of them at most.
struct Preprocess {
  std::vector<float> mean, std;
  int resize = 0, size = 0;
  Layout layout = Layout::nchw;
  std::filesystem::path vocabulary;  // of sentences: vocab.txt
  bool cased = false;                // sentences keep upper case and accents
  std::size_t max_tokens = 512;      // with [CLS] and [SEP]

  /// From a TOML beside the data (keys mean, std, resize, size, layout, vocabulary, cased, max_tokens; a vocabulary is
  /// found from the TOML's folder). Throws Error for an unknown key.
  static Preprocess from_toml(const std::filesystem::path& path);
};

/// Samples in a fixed order. Reading is safe from several threads.
class Dataset {
 public:
  virtual ~Dataset() = default;

  std::size_t size() const { return size_; }
  /// After preprocessing, without the batch dimension: [3, 32, 32]; empty where samples are sentences.
  const std::vector<std::int64_t>& sample_shape() const { return sample_shape_; }
  /// One a sample, from 0; empty where the file has none.
  const std::vector<std::int64_t>& labels() const { return labels_; }
  const std::string& name() const { return name_; }

  /// Tokens of each sample, where samples are sentences; else empty.
  const std::vector<std::size_t>& lengths() const { return lengths_; }

  /// Samples of those numbers one after the other: out [samples, sample_shape...]. Not for sentences.
  virtual void read(std::span<const std::size_t> samples, float* out) const = 0;
  /// The ids of one sentence: out [lengths()[sample]]. For sentences only.
  virtual void read_tokens(std::size_t sample, std::int64_t* out) const;

 protected:
  std::size_t size_ = 0;
  std::vector<std::int64_t> sample_shape_, labels_;
  std::vector<std::size_t> lengths_;
  std::string name_;
};

/// The TOML that lies beside the data and says how it is preprocessed, if there is one: `<path>.toml`, `path` with its
/// extension replaced, or preprocess.toml in the folder of the data.
std::optional<std::filesystem::path> preprocess_beside(const std::filesystem::path& path);

/// Opens what lies at `path`. Throws Error.
/// - .npz: x uint8 [n, h, w, c] or [n, h, w], or floats [n, ...]; y, where there are labels, integers [n].
/// - A folder with one folder of png, jpg, ppm or pgm images a class, numbered by name, or with loose images (no
/// labels).
/// - CIFAR-10 in binary: a .bin file, a folder of batches, or folder/data_batch for its training batches.
/// - Sentences: .tsv, a sentence, a tab and its label a line; needs preprocess.vocabulary.
/// - IDX images (also .gz); labels beside them are found by name: train-images-idx3-ubyte, train-labels-idx1-ubyte.
std::unique_ptr<Dataset> open_dataset(const std::filesystem::path& path, const Preprocess& preprocess = {});

}  // namespace pare::io
