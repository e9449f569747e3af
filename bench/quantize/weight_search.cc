// Chooses format and scales for every array of an npz as for weights (by output channel, published window):
// weight_search FILE.npz BITS; prints each array's format and error, then the seconds of the search alone.
#include <fmt/format.h>

#include <chrono>
#include <cstdlib>

#include "pare/base/error.h"
#include "pare/base/parallel.h"
#include "pare/io/npz.h"
#include "pare/quantize/tensor_search.h"

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  try {
    using namespace pare;
    const int bits = std::atoi(argv[2]);
    const auto arrays = io::read_npz(argv[1]);
    const auto formats = quantize::formats_of({"int", "flint", "pot"}, bits, true, number::IntRange::symmetric);
    std::string text;
    const auto start = std::chrono::steady_clock::now();
    for (const auto& [name, array] : arrays) {
      const auto layout = number::layout(array.shape, number::Granularity::channel, 0, 0);
      const auto fits = quantize::fit_formats(reinterpret_cast<const float*>(array.bytes.data()), layout, formats,
                                              quantize::Window::published(bits));
      const auto& best = quantize::least_error(fits);
      text += fmt::format("{} {} {:.9g}\n", name, number::name(best.format), best.squared_error);
    }
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    fmt::print("{}{:.4f} seconds on {} threads\n", text, seconds, threads());
  } catch (const std::exception& e) {
    fmt::print(stderr, "{}\n", e.what());
    return 1;
  }
  return 0;
}
