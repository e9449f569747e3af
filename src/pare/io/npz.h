// NumPy .npy and .npz files (stored or deflated members, little-endian, C order).
#pragma once
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace pare::io {

struct Array {
  char kind = 'f';  // 'f' float, 'i' signed, 'u' unsigned, 'b' boolean
  int item_bytes = 4;
  std::vector<std::int64_t> shape;
  std::string bytes;

  std::size_t elements() const;
  std::vector<std::int64_t> integers() const;  // throws Error unless kind is i, u or b
  std::vector<float> floats() const;           // of any numeric kind
};

Array parse_npy(std::string_view bytes, const std::string& where);
/// All members, by name without ".npy". Throws Error for what is not a sound archive.
std::map<std::string, Array> read_npz(const std::filesystem::path& path);
std::map<std::string, Array> parse_npz(std::string_view bytes, const std::string& where);
/// Stored, not deflated; written whole or not at all.
void write_npz(const std::filesystem::path& path, const std::map<std::string, Array>& arrays);

}  // namespace pare::io
