// The main of a small tool that shows what a room makes of a file: run() gets the words of the command and says the
// exit code; bad input is one line and exit code 1.
#include "probe_main.h"

#include <fmt/format.h>

#include "pare/base/error.h"

int main(int count, char** words) {
  try {
    return run({words + 1, words + count});
  } catch (const pare::Error& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 1;
  }
}
