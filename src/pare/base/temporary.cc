#include "pare/base/temporary.h"

#include <stdlib.h>

#include <cerrno>
#include <cstring>

#include "pare/base/error.h"

namespace pare {

TemporaryFolder::TemporaryFolder(const std::string& name) {
  std::string pattern = (std::filesystem::temp_directory_path() / (name + "-XXXXXX")).string();
  if (!::mkdtemp(pattern.data())) throw Error(std::string("cannot be made: ") + std::strerror(errno), pattern);
  path_ = pattern;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace pare
