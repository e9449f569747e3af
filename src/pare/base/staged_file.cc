#include "pare/base/staged_file.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <system_error>
#include <utility>

#include "pare/base/error.h"

namespace pare {
namespace fs = std::filesystem;

StagedFile::StagedFile(fs::path path, std::string_view bytes)
    : path_(std::move(path)), temporary_(path_.string() + fmt::format(".{}.part", ::getpid())) {
  std::error_code code;
  if (path_.has_parent_path()) fs::create_directories(path_.parent_path(), code);
  if (code) throw Error("cannot make its folder: " + code.message(), path_.string(), "choose a writable place with -o");
  if (fs::is_directory(path_, code)) throw Error("cannot be written: is a folder", path_.string());
  std::FILE* file = std::fopen(temporary_.c_str(), "wb");
  if (!file)
    throw Error(std::string("cannot be written: ") + std::strerror(errno), path_.string(),
                "choose a writable place with -o");
  const bool whole = std::fwrite(bytes.data(), 1, bytes.size(), file) == bytes.size();
  const bool closed = std::fclose(file) == 0;
  if (whole && closed) return;
  const std::string reason = std::strerror(errno);
  fs::remove(temporary_, code);
  throw Error("cannot be written: " + reason, path_.string());
}

StagedFile::~StagedFile() {
  std::error_code code;
  fs::remove(temporary_, code);
}

void StagedFile::keep() const {
  std::error_code code;
  fs::rename(temporary_, path_, code);
  if (code) throw Error("cannot be written: " + code.message(), path_.string());
}

}  // namespace pare
