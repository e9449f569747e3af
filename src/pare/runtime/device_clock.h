// How long work takes on a device.
#pragma once
#include <ATen/core/Tensor.h>

#include <functional>

namespace pare::runtime {

class DeviceClock {
 public:
  explicit DeviceClock(at::Device device);

  /// Of a processor: until the function returns. Of another device: from when all that was to be done before, `first`
  /// too, is done, to the end of what the function launched; caches hold nothing that it reads, and the host is ahead.
  double seconds(const std::function<void()>& run, const std::function<void()>& first = {});

 private:
  at::Device device_;
  at::Tensor swept_;  // between two runs
};

}  // namespace pare::runtime
