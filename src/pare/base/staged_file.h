// A file that gets its name last.
#pragma once
#include <filesystem>
#include <string_view>

namespace pare {

/// Written under a temporary name beside `path`, which it loses by keep(): a reader sees the old file or the whole new
/// one. What is not kept is removed. Makes missing folders. Throws Error when it cannot.
class StagedFile {
 public:
  StagedFile(std::filesystem::path path, std::string_view bytes);
  ~StagedFile();
  StagedFile(const StagedFile&) = delete;
  StagedFile& operator=(const StagedFile&) = delete;

  void keep() const;

 private:
  std::filesystem::path path_, temporary_;
};

}  // namespace pare
