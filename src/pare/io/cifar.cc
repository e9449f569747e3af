// CIFAR-10's binary form: records of a label byte and 3 x 32 x 32 bytes, planar (cs.toronto.edu/~kriz/cifar.html).
#include <fmt/format.h>

#include <algorithm>
#include <system_error>

#include "pare/base/error.h"
#include "pare/base/file.h"
#include "pare/io/samples.h"

namespace pare::io {
namespace {
namespace fs = std::filesystem;

constexpr std::size_t image_bytes = std::size_t{3} * 32 * 32, record_bytes = image_bytes + 1;
constexpr int classes = 10;

/// Files in `folder` named prefix*.bin, by name.
std::vector<fs::path> batches(const fs::path& folder, const std::string& prefix) {
  std::vector<fs::path> out;
  std::error_code code;
  for (const auto& entry : fs::directory_iterator(folder, code)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with(prefix) && entry.path().extension() == ".bin") out.push_back(entry.path());
  }
  std::ranges::sort(out);
  return out;
}

}  // namespace

std::vector<fs::path> cifar_files(const fs::path& path) {
  std::error_code code;
  if (fs::is_regular_file(path, code)) return {path};
  if (!fs::is_directory(path, code)) {
    if (!path.filename().string().starts_with("data_batch")) return {};
    return batches(path.has_parent_path() ? path.parent_path() : ".", path.filename().string() + "_");
  }
  const auto training = batches(path, "data_batch_"), test = batches(path, "test_batch");
  if (!training.empty() && !test.empty())
    throw Error(
        "holds both training and test batches of CIFAR-10", path.string(),
        fmt::format("name one of them: {} or {}", (path / "test_batch.bin").string(), (path / "data_batch").string()));
  return training.empty() ? test : training;
}

Pixels read_cifar(const std::vector<fs::path>& files) {
  Pixels out{.shape = {32, 32, 3}, .planar = true};
  for (const fs::path& file : files) {
    const std::string bytes = read_file(file);
    if (bytes.empty() || bytes.size() % record_bytes != 0)
      throw Error(fmt::format("has {} bytes, which are no whole number of CIFAR-10's records of {}", bytes.size(),
                              record_bytes),
                  file.string(), "the file is of another kind, or cut off");
    for (std::size_t at = 0; at < bytes.size(); at += record_bytes) {
      const int label = static_cast<unsigned char>(bytes[at]);
      if (label >= classes)
        throw Error(fmt::format("record {} has the label {}, CIFAR-10 has 0 to 9", at / record_bytes, label),
                    file.string(), "the file is of another kind, or damaged");
      out.labels.push_back(label);
      out.bytes.append(bytes, at + 1, image_bytes);
    }
  }
  out.count = out.labels.size();
  return out;
}

}  // namespace pare::io
