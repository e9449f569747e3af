// NumPy .npy and .npz files: stored or deflated members, little-endian; column-major arrays are turned into row-major.
#pragma once
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace pare::io {

struct Array {
  char kind = 'f';  // 'f' float, 'i' signed, 'u' unsigned, 'b' boolean; 'S' and 'U' text, kept as it lies
  int item_bytes = 4;
  std::vector<std::int64_t> shape;
  std::string bytes;

  std::size_t elements() const;
  std::vector<std::int64_t> integers() const;  // throws Error unless kind is i, u or b and all lie below 2^63
  std::vector<float> floats() const;           // of any numeric kind; throws Error for text
};

/// `where` names the file in errors. Throws Error for what is no sound array, and for pickled objects.
Array parse_npy(std::string_view bytes, const std::string& where);
/// An archive whose arrays are read when they are asked for: one that pare cannot read hurts nobody who needs another.
class Npz {
 public:
  /// The bytes must outlive it. Throws Error for what is not a sound archive.
  Npz(std::string_view bytes, const std::string& where);
  Npz(Npz&&) noexcept;
  ~Npz();

  std::vector<std::string> names() const;  // without ".npy"
  bool has(const std::string& name) const;
  /// Of a name that it has. Throws Error for what is no sound array.
  Array array(const std::string& name) const;

 private:
  class Zip;
  std::unique_ptr<const Zip> zip_;
};
/// All members, by name without ".npy". Throws Error for what is not a sound archive of sound arrays.
std::map<std::string, Array> read_npz(const std::filesystem::path& path);
std::map<std::string, Array> parse_npz(std::string_view bytes, const std::string& where);
/// The archive's bytes, members stored, not deflated; deterministic. Throws Error beyond 4 GiB.
std::string to_npz(const std::map<std::string, Array>& arrays);
/// The same into a file, written whole or not at all.
void write_npz(const std::filesystem::path& path, const std::map<std::string, Array>& arrays);

}  // namespace pare::io
