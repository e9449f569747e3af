#include "pare/runtime/device_clock.h"

#include <ATen/ATen.h>
#include <c10/core/Event.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include "pare/base/stopwatch.h"

namespace pare::runtime {
namespace {

constexpr std::int64_t swept_bytes = 512 << 20;  // more than any cache
constexpr int most_sweeps = 64;

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
  // with `first` another rank takes part, which must run as often
  for (int sweeps = first ? 8 : 1;; sweeps *= 2) {
    c10::Event start(device_.type(), c10::EventFlag::BACKEND_DEFAULT);
    c10::Event end(device_.type(), c10::EventFlag::BACKEND_DEFAULT);
    for (int i = 0; i < sweeps; ++i) swept_.zero_();
    if (first) first();
    start.record(stream);
    run();
    end.record(stream);
    // where the device has begun before the host has launched it all, it had to wait for it
    const bool ahead = !start.query();
    end.synchronize();
    if (ahead || first || sweeps >= most_sweeps) return 1e-3 * start.elapsedTime(end);
  }
}

}  // namespace pare::runtime
