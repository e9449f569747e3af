#include "pare/base/file.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <system_error>

#include "pare/base/error.h"

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

void write_file(const fs::path& path, std::string_view bytes) {
  std::error_code code;
  if (path.has_parent_path()) fs::create_directories(path.parent_path(), code);
  if (code) throw Error("cannot make its folder: " + code.message(), path.string(), "choose a writable place with -o");
  const fs::path temporary = path.string() + fmt::format(".{}.part", ::getpid());
  std::FILE* file = std::fopen(temporary.c_str(), "wb");
  if (!file)
    throw Error(std::string("cannot be written: ") + std::strerror(errno), path.string(),
                "choose a writable place with -o");
  const bool whole = std::fwrite(bytes.data(), 1, bytes.size(), file) == bytes.size();
  const bool closed = std::fclose(file) == 0;
  if (whole && closed) fs::rename(temporary, path, code);
  if (!whole || !closed || code) {
    const std::string reason = code ? code.message() : std::strerror(errno);
    fs::remove(temporary, code);
    throw Error("cannot be written: " + reason, path.string());
  }
}

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
