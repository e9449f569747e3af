#include "pare/cli/plugin.h"

#include <dlfcn.h>

#include <array>
#include <filesystem>

#include "pare/base/error.h"

namespace pare::cli {
namespace fs = std::filesystem;

const TorchVerbs& torch_verbs(const Global& global) {
  if (global.device != "cpu")
    throw UsageError("'" + printable(global.device) + "' cannot be used: the lean torch that pare installs has no CUDA",
                     "--device", "choose cpu, or build against the whole torch wheel");
  const fs::path here = fs::read_symlink("/proc/self/exe").parent_path();
  for (const fs::path& folder : std::array{here, here / ".." / "lib"}) {
    const fs::path library = folder / "libpare_torch.so";
    if (!fs::exists(library)) continue;
    void* handle = ::dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!handle)
      throw Error(std::string("cannot be opened: ") + ::dlerror(), library.string(), "run ./quickstart again");
    const auto entry = reinterpret_cast<const TorchVerbs* (*)()>(::dlsym(handle, "pare_torch_verbs"));
    if (!entry) throw Error("is not the torch part of this pare", library.string(), "run ./quickstart again");
    const TorchVerbs* verbs = entry();
    verbs->set_up(global);
    return *verbs;
  }
  throw Error("this pare was built without torch, which this verb needs", "libpare_torch.so",
              "build with -DPARE_TORCH=ON, or run ./quickstart");
}

}  // namespace pare::cli
