// install-torch: what an installed pare needs for networks, fetched once.
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "pare/base/error.h"
#include "pare/cli/context.h"
#include "pare/cli/torch_folder.h"

namespace pare::cli {

void add_install_torch(CLI::App& app, const Global&) {
  CLI::App* verb =
      add_verb(app, "install-torch", "Set-up",
               "Installs the torch that this pare was built for, which the verbs on networks need",
               {"pare install-torch", "PARE_TORCH_DIR=.../site-packages/torch pare report   # another one"});
  verb->callback([] {
    namespace fs = std::filesystem;
    const fs::path here = fs::read_symlink("/proc/self/exe").parent_path();
    const fs::path script = here / ".." / "share" / "pare" / "install-torch";
    if (!fs::exists(script))
      throw Error("is not an installed pare", here.string(), "in a source tree ./quickstart installs torch");
    const fs::path folder = own_torch_folder();
    if (folder.empty()) throw Error("neither HOME nor XDG_DATA_HOME is set", "install-torch");
    ::execl(script.c_str(), script.c_str(), folder.c_str(), nullptr);
    throw Error(std::string("cannot be run: ") + std::strerror(errno), script.string());
  });
}

}  // namespace pare::cli
