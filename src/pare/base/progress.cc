#include "pare/base/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <utility>

namespace pare {
namespace {

bool quiet_progress = false;
volatile std::sig_atomic_t interrupted = 0;

extern "C" void on_interrupt(int) {
  interrupted = 1;
  std::signal(SIGINT, SIG_DFL);
}

}  // namespace

void set_quiet(bool quiet) { quiet_progress = quiet; }

void catch_interrupts() { std::signal(SIGINT, on_interrupt); }

void stop_if_interrupted() {
  if (interrupted) throw Interrupted{};
}

Progress::Progress(std::string label, std::size_t steps)
    : label_(std::move(label)),
      steps_(std::max<std::size_t>(steps, 1)),
      start_(std::chrono::steady_clock::now()),
      drawn_(start_),
      visible_(!quiet_progress && ::isatty(STDERR_FILENO) == 1) {}

Progress::~Progress() {
  if (visible_) fmt::print(stderr, "\r\033[K");
}

void Progress::step(std::size_t count) {
  stop_if_interrupted();
  done_ += count;
  if (!visible_) return;
  const auto now = std::chrono::steady_clock::now();
  if (now - drawn_ < std::chrono::milliseconds(100)) return;
  drawn_ = now;
  const double elapsed = std::chrono::duration<double>(now - start_).count();
  const double share = std::min(1.0, static_cast<double>(done_) / static_cast<double>(steps_));
  fmt::print(stderr, "\r\033[K{} {:3.0f} %, {:.0f} s left", label_, 100 * share, elapsed / share - elapsed);
  std::fflush(stderr);
}

}  // namespace pare
