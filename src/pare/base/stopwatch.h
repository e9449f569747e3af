// How long work takes.
#pragma once
#include <chrono>

namespace pare {

/// Runs from when it is made.
class Stopwatch {
 public:
  double seconds() const { return std::chrono::duration<double>(Clock::now() - start_).count(); }

 private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point start_ = Clock::now();
};

double seconds_of(const auto& work) {
  const Stopwatch watch;
  work();
  return watch.seconds();
}

}  // namespace pare
