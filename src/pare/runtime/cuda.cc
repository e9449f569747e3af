#include "pare/runtime/cuda.h"

#include <dlfcn.h>

#include <filesystem>
#include <torch/csrc/distributed/c10d/Backend.hpp>
#include <torch/csrc/distributed/c10d/Store.hpp>

#include "pare/base/error.h"

namespace pare::runtime {
namespace {

/// Beside the library that this is in.
std::filesystem::path library() {
  Dl_info info{};
  ::dladdr(reinterpret_cast<const void*>(&cuda), &info);
  return std::filesystem::path(info.dli_fname).parent_path() / "libpare_torch_cuda.so";
}

const Cuda& open() {
  const auto path = library();
  if (!std::filesystem::exists(path))
    throw Error("this pare has no part for CUDA devices", path.filename().string(),
                "build with -DPARE_CUDA=ON against a whole torch (docs/cluster.md), or choose --device cpu");
  void* handle = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!handle)
    throw Error(std::string("cannot be opened: ") + printable(::dlerror(), 200), path.string(),
                "give PARE_TORCH_DIR the torch folder of a whole installation, with NVIDIA's libraries");
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
