#include "pare/cli/plugin.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "pare/base/error.h"
#include "pare/cli/torch_folder.h"

namespace pare::cli {
namespace fs = std::filesystem;

namespace {

/// Torch looks for names among its own libraries first: the solver's libraries bring a plain sgemm_, which the command
/// would else put in place of torch's. Not where somebody put an allocator or a sanitizer before everything.
int mode() {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return RTLD_NOW | RTLD_LOCAL;
#else
  return RTLD_NOW | RTLD_LOCAL | (std::getenv("LD_PRELOAD") ? 0 : RTLD_DEEPBIND);
#endif
}

/// A build finds torch where it was linked; an installed pare opens it first, so that the library finds it loaded.
void* open_with_torch(const fs::path& library) {
  if (void* handle = ::dlopen(library.c_str(), mode())) return handle;
  std::string problem = ::dlerror();
  if (problem.find("libtorch") == std::string::npos && problem.find("libc10") == std::string::npos)
    throw Error("cannot be opened: " + problem, library.string(), "run ./quickstart again");
  const auto folders = torch_folders();
  for (const fs::path& folder : folders) {
    if (::dlopen((folder / "lib" / "libtorch_cpu.so").c_str(), (mode() & ~RTLD_LOCAL) | RTLD_GLOBAL))
      if (void* handle = ::dlopen(library.c_str(), mode())) return handle;
    problem = ::dlerror();
  }
  if (folders.empty()) throw Error("needs torch, which is not installed yet", "pare", "run: pare install-torch");
  throw Error("the torch found does not fit: " + printable(problem, 200), folders.back().string(),
              "remove it and run: pare install-torch");
}

}  // namespace

const TorchVerbs& torch_verbs(const Global& global, Devices devices) {
  if (global.device != "cpu" && global.device != "cuda")
    throw UsageError(fmt::format("no device is called '{}'", printable(global.device)), "--device",
                     "known are cpu and cuda");
  if (global.device != "cpu" && devices == Devices::cpu)
    throw UsageError("this verb does not run on '" + global.device + "'", "--device", "choose cpu");
  const fs::path here = fs::read_symlink("/proc/self/exe").parent_path();
  for (const fs::path& folder : std::array{here, here / ".." / "lib"}) {
    const fs::path library = folder / "libpare_torch.so";
    if (!fs::exists(library)) continue;
    void* handle = open_with_torch(library);
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
