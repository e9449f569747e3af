#include "pare/cli/torch_folder.h"

#include <unistd.h>

#include <cstdlib>
#include <string>
#include <system_error>

namespace pare::cli {
namespace {

namespace fs = std::filesystem;

const fs::path machines_folder = "/var/lib/pare/torch";

fs::path from_environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? fs::path(value) : fs::path();
}

fs::path users_folder() {
  const fs::path data = from_environment("XDG_DATA_HOME"), home = from_environment("HOME");
  if (!data.empty()) return data / "pare" / "torch";
  return home.empty() ? fs::path() : home / ".local" / "share" / "pare" / "torch";
}

}  // namespace

fs::path own_torch_folder() { return ::geteuid() == 0 ? machines_folder : users_folder(); }

std::vector<fs::path> torch_folders() {
  std::vector<fs::path> found;
  std::error_code code;
  if (const fs::path given = from_environment("PARE_TORCH_DIR"); !given.empty()) found.push_back(given);
  for (const fs::path& environment : {users_folder(), machines_folder})
    for (const auto& entry : fs::directory_iterator(environment / "lib", code))
      if (entry.path().filename().string().starts_with("python3"))
        found.push_back(entry.path() / "site-packages" / "torch");
  std::erase_if(found, [&](const fs::path& folder) { return !fs::exists(folder / "lib" / "libtorch_cpu.so", code); });
  return found;
}

}  // namespace pare::cli
