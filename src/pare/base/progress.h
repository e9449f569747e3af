// Progress of long work on stderr, and a polite answer to Ctrl-C.
#pragma once
#include <chrono>
#include <cstddef>
#include <string>

namespace pare {

/// One line on stderr, redrawn at most ten times a second, with the time left; silent where stderr is no terminal or
/// set_quiet(true) was called. The line is cleared when the object goes.
class Progress {
 public:
  Progress(std::string label, std::size_t steps);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// Marks `count` more steps as done. Throws Interrupted after Ctrl-C, so every loop that reports can be stopped.
  void step(std::size_t count = 1);

 private:
  std::string label_;
  std::size_t steps_, done_ = 0;
  std::chrono::steady_clock::time_point start_, drawn_;
  bool visible_;
};

void set_quiet(bool quiet);

/// Ctrl-C was pressed. Not an Error: nothing is to be mended.
struct Interrupted {};

/// From now on Ctrl-C sets a flag that Progress::step turns into Interrupted; a second one ends the process.
void catch_interrupts();
/// Throws Interrupted after Ctrl-C: for loops that report nothing.
void stop_if_interrupted();

}  // namespace pare
