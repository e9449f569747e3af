#include "pare/runtime/cuda.h"

#include <ATen/Parallel.h>
#include <dlfcn.h>

#include <filesystem>
#include <torch/csrc/distributed/c10d/Backend.hpp>
#include <torch/csrc/distributed/c10d/Store.hpp>

#include "pare/base/error.h"

namespace pare::runtime {
namespace {

std::filesystem::path folder_of(const void* symbol) {
  Dl_info info{};
  ::dladdr(symbol, &info);
  return std::filesystem::path(info.dli_fname).parent_path();
}

void* load(const std::filesystem::path& library, int mode) {
  if (void* handle = ::dlopen(library.c_str(), RTLD_NOW | mode)) return handle;
  throw Error(std::string("cannot be opened: ") + printable(::dlerror(), 200), library.string(),
              "take a torch installed with NVIDIA's libraries: PARE_TORCH_DIR names its folder, to CMake or, of an "
              "installed pare, in the environment");
}

const Cuda& open() {
  const auto path = folder_of(reinterpret_cast<const void*>(&cuda)) / "libpare_torch_cuda.so";
  if (!std::filesystem::exists(path))
    throw Error("this pare has no part for CUDA devices", path.filename().string(),
                "build with -DPARE_CUDA=ON against a whole torch (docs/cluster.md), or choose --device cpu");
  // an installed pare knows only the torch that was opened before it
  load(folder_of(reinterpret_cast<const void*>(&at::get_num_threads)) / "libtorch_cuda.so", RTLD_GLOBAL);
  void* handle = load(path, RTLD_LOCAL);
  const auto entry = reinterpret_cast<const Cuda* (*)()>(::dlsym(handle, "pare_cuda"));
  if (!entry) throw Error("is not the CUDA part of this pare", path.string(), "build it again");
  const Cuda& found = *entry();
  if (found.devices() == 0)
    throw Error("no CUDA device is to be seen", "--device", "does nvidia-smi list one? Or choose cpu");
  return found;
}

}  // namespace

const Cuda& cuda() {
  static const Cuda& found = open();
  return found;
}

}  // namespace pare::runtime
