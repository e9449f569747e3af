#include "pare/base/file.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <system_error>

#include "pare/base/error.h"
#include "pare/base/staged_file.h"

namespace pare {
namespace fs = std::filesystem;

std::string read_file(const fs::path& path, std::size_t most) {
  std::error_code code;
  if (fs::is_directory(path, code)) throw Error("is a folder, not a file", path.string());
  std::ifstream in(path, std::ios::binary);
  if (!in) throw Error(std::string("cannot be read: ") + std::strerror(errno), path.string());
  std::string bytes;
  char block[1 << 16];
  while (in.read(block, sizeof block) || in.gcount() > 0) {
    bytes.append(block, static_cast<std::size_t>(in.gcount()));
    if (bytes.size() > most) throw Error(fmt::format("is larger than the limit of {} bytes", most), path.string());
  }
  if (in.bad()) throw Error("could not be read to its end", path.string());
  return bytes;
}

void write_file(const fs::path& path, std::string_view bytes) { StagedFile(path, bytes).keep(); }

std::string content_hash(std::string_view bytes) {
  std::uint64_t hash = 0xcbf29ce484222325u;
  const auto mix = [&hash](std::uint64_t word) {
    hash = (hash ^ word) * 0x100000001b3u;
    hash ^= hash >> 29;
  };
  std::size_t i = 0;
  for (; i + 8 <= bytes.size(); i += 8) {
    std::uint64_t word;
    std::memcpy(&word, bytes.data() + i, 8);
    mix(word);
  }
  std::uint64_t tail = 0;
  if (i < bytes.size()) std::memcpy(&tail, bytes.data() + i, bytes.size() - i);
  mix(tail);
  mix(bytes.size());
  return fmt::format("{:016x}", hash);
}

}  // namespace pare
