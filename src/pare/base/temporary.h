// Folders that end with whoever made them.
#pragma once
#include <filesystem>
#include <string>

namespace pare {

/// An empty folder below the system's place for temporary files, removed with what is in it.
class TemporaryFolder {
 public:
  /// Throws Error when it cannot be made. name: how the folder's name begins.
  explicit TemporaryFolder(const std::string& name);
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace pare
