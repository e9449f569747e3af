#include "pare/runtime/device_clock.h"

#include <ATen/ATen.h>
#include <c10/core/Event.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include "pare/base/stopwatch.h"

namespace pare::runtime {
namespace {

// more than any cache, and long enough to fill (0.1 ms and more) for the host to launch what is timed
constexpr std::int64_t swept_bytes = 512 << 20;

}  // namespace

DeviceClock::DeviceClock(at::Device device) : device_(device) {
  if (!device.is_cpu()) swept_ = at::empty({swept_bytes}, at::TensorOptions(at::kByte).device(device));
}

double DeviceClock::seconds(const std::function<void()>& run, const std::function<void()>& first) {
  if (device_.is_cpu()) {
    if (first) first();
    return seconds_of(run);
  }
  const c10::Stream stream = c10::impl::VirtualGuardImpl(device_.type()).getStream(device_);
  c10::Event start(device_.type(), c10::EventFlag::BACKEND_DEFAULT),
      end(device_.type(), c10::EventFlag::BACKEND_DEFAULT);
  swept_.zero_();
  if (first) first();
  start.record(stream);
  run();
  end.record(stream);
  end.synchronize();
  return 1e-3 * start.elapsedTime(end);
}

}  // namespace pare::runtime
