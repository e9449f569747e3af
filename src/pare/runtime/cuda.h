// What torch offers for CUDA devices only, in a library of its own (libpare_torch_cuda.so) that is opened at first
// need: it takes a whole torch, with NVIDIA's libraries, to load.
#pragma once
#include <c10/util/intrusive_ptr.h>

#include <string>

namespace c10d {
class Backend;
class Store;
}  // namespace c10d

namespace pare::runtime {

struct Cuda {
  int (*devices)();  // that this process sees
  std::string (*name)(int device);
  /// Of c10d, over NCCL.
  c10::intrusive_ptr<c10d::Backend> (*nccl)(const c10::intrusive_ptr<c10d::Store>& store, int rank, int size);
};

/// Throws Error where this pare has none, its torch cannot be loaded, or there is no device. Starts threads.
const Cuda& cuda();

}  // namespace pare::runtime
