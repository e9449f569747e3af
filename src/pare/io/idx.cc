// IDX files as of MNIST: two zero bytes, element type, number of dimensions, sizes as big-endian 32 bits, elements;
// often gzipped (yann.lecun.com/exdb/mnist).
#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <optional>
#include <system_error>

#include "pare/base/error.h"
#include "pare/base/file.h"
#include "pare/io/samples.h"
#include "pare/io/source.h"

namespace pare::io {
namespace {
namespace fs = std::filesystem;

constexpr int unsigned_bytes = 8;
constexpr const char* mend = "copy or download the file again";

struct Idx {
  std::vector<std::uint64_t> sizes;
  std::string bytes;
};

bool gzipped(std::string_view bytes) { return bytes.starts_with("\x1f\x8b"); }

Idx parse(std::string_view bytes, const std::string& where) {
  const bool packed = gzipped(bytes);
  const auto source = open_source(bytes, packed ? Coding::gzip : Coding::stored, where);
  const auto take = [&](std::size_t count) {
    std::string out(count, '\0');
    if (source->read(out.data(), count) != count) throw Error("is cut off in its header", where, mend);
    return out;
  };
  const std::string magic = take(4);
  if (magic[0] != 0 || magic[1] != 0) throw Error("is no IDX file (its first bytes are others)", where);
  if (magic[2] != unsigned_bytes)
    throw Error(
        fmt::format("holds IDX elements of type {}, pare reads bytes (type 8)", static_cast<unsigned char>(magic[2])),
        where);
  const auto rank = static_cast<unsigned char>(magic[3]);
  if (rank < 1 || rank > 4) throw Error(fmt::format("has {} dimensions, pare reads 1 to 4", rank), where);
  Idx out;
  std::uint64_t need = 1;
  for (int d = 0; d < rank; ++d) {
    const auto size = __builtin_bswap32(load<std::uint32_t>(take(4), 0));
    out.sizes.push_back(size);
    if (__builtin_mul_overflow(need, std::uint64_t{size}, &need)) throw Error("has an impossible shape", where, mend);
  }
  const std::uint64_t header = 4 + 4 * std::uint64_t{rank};
  if (packed ? need / most_expansion > bytes.size() : need != bytes.size() - header)
    throw Error(
        fmt::format("is {} bytes long, too few or too many for the {} that its header declares", bytes.size(), need),
        where, mend);
  out.bytes = take(need);
  char more;
  if (source->read(&more, 1) != 0) throw Error("has more bytes than its header declares", where, mend);
  return out;
}

/// Labels beside images, by the names in use: train-images-idx3-ubyte.gz, t10k-images.idx3-ubyte; gzipped or not.
std::optional<fs::path> labels_beside(const fs::path& images) {
  std::string name = images.filename().string();
  const std::size_t at = name.rfind("images");
  if (at == std::string::npos) return std::nullopt;
  name.replace(at, 6, "labels");
  for (const char* rank : {"idx3", "idx4"})
    if (const std::size_t found = name.rfind(rank); found != std::string::npos) name[found + 3] = '1';
  std::error_code code;
  const std::string other = name.ends_with(".gz") ? name.substr(0, name.size() - 3) : name + ".gz";
  for (const std::string& candidate : {name, other})
    if (const fs::path path = images.parent_path() / candidate; fs::is_regular_file(path, code)) return path;
  return std::nullopt;
}

}  // namespace

bool is_idx(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::string start(64, '\0');
  in.read(start.data(), 64);
  start.resize(static_cast<std::size_t>(in.gcount()));
  // gzip is how IDX files travel, and no other format of this room is one
  if (gzipped(start)) return true;
  return start.size() >= 4 && start[0] == 0 && start[1] == 0 && start[2] >= 8 && start[2] <= 14 && start[3] > 0 &&
         start[3] <= 4;
}

Pixels parse_idx(std::string_view bytes, const std::string& where) {
  Idx idx = parse(bytes, where);
  if (idx.sizes.size() < 3)
    throw Error(fmt::format("has {} dimensions: labels, not images", idx.sizes.size()), where,
                "name the file of images; labels are found beside it");
  for (std::size_t d = 1; d < idx.sizes.size(); ++d)
    if (idx.sizes[d] > most_side) throw Error(fmt::format("has images of a side of {}", idx.sizes[d]), where, mend);
  return {.bytes = std::move(idx.bytes),
          .count = idx.sizes[0],
          .shape = {static_cast<int>(idx.sizes[1]), static_cast<int>(idx.sizes[2]),
                    idx.sizes.size() == 4 ? static_cast<int>(idx.sizes[3]) : 1},
          .planar = false,
          .labels = {}};
}

Pixels read_idx(const fs::path& path) {
  Pixels out = parse_idx(read_file(path), path.string());
  if (const auto beside = labels_beside(path)) {
    const Idx labels = parse(read_file(*beside), beside->string());
    if (labels.sizes.size() != 1)
      throw Error(fmt::format("has {} dimensions where labels have one", labels.sizes.size()), beside->string(), mend);
    for (const char label : labels.bytes) out.labels.push_back(static_cast<unsigned char>(label));
    if (out.labels.size() != out.count)
      throw Error(fmt::format("has {} labels for the {} images of {}", out.labels.size(), out.count, path.string()),
                  beside->string(), "take images and labels of the same set");
  }
  return out;
}

}  // namespace pare::io
