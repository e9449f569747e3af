// Bytes of a file's member, stored or deflated, read piece by piece, so that a header can be judged before anything of
// the size that it declares is allocated.
#pragma once
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>

namespace pare::io {

static_assert(std::endian::native == std::endian::little, "the formats of this room are read as they lie");

/// The little-endian T at `offset`, which must lie inside.
template <typename T>
T load(std::string_view bytes, std::size_t offset) {
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

/// Deflate codes 258 bytes in no fewer than two bits, so nothing expands more than this (zlib's technical notes).
constexpr std::uint64_t most_expansion = 1032;

class Source {
 public:
  virtual ~Source() = default;
  /// Fills `out` with up to `count` bytes; fewer only at the end. Throws Error for a damaged stream.
  virtual std::size_t read(char* out, std::size_t count) = 0;
};

enum class Coding { stored, deflate, gzip };

/// `bytes` must outlive the source; `where` names the file in errors.
std::unique_ptr<Source> open_source(std::string_view bytes, Coding coding, const std::string& where);

/// CRC-32 of `bytes`, going on from `crc` (0 at the start).
std::uint32_t crc32_of(std::string_view bytes, std::uint32_t crc = 0);

}  // namespace pare::io
