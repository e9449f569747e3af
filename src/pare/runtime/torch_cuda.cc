// libpare_torch_cuda.so: the part of torch for CUDA devices. Loading it brings the kernels, too.
#include <ATen/cuda/CUDAContext.h>

#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>

#include "pare/runtime/cuda.h"

namespace pare::runtime {
namespace {

int devices() { return at::cuda::device_count(); }

std::string name(int device) { return at::cuda::getDeviceProperties(device)->name; }

c10::intrusive_ptr<c10d::Backend> nccl(const c10::intrusive_ptr<c10d::Store>& store, int rank, int size) {
  return c10::make_intrusive<c10d::ProcessGroupNCCL>(store, rank, size);
}

}  // namespace

extern "C" const Cuda* pare_cuda() {
  static const Cuda all{devices, name, nccl};
  return &all;
}

}  // namespace pare::runtime
