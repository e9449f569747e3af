#include "pare/base/parallel.h"

#include <omp.h>

#include <algorithm>
#include <atomic>
#include <exception>

namespace pare {
namespace {
int chosen = 0;
}

int threads() { return chosen > 0 ? chosen : std::max(1, omp_get_num_procs()); }

void set_threads(int count) { chosen = std::max(1, count); }

void parallel_for(std::size_t count, const std::function<void(std::size_t)>& work) {
  std::exception_ptr failure;
  std::atomic<bool> failed{false};
  const int team = static_cast<int>(std::min<std::size_t>(count, static_cast<std::size_t>(threads())));
  if (team <= 1) {
    for (std::size_t i = 0; i < count; ++i) work(i);
    return;
  }
#pragma omp parallel for schedule(dynamic) num_threads(team)
  for (std::size_t i = 0; i < count; ++i) {
    if (failed.load(std::memory_order_relaxed)) continue;
    try {
      work(i);
    } catch (...) {
#pragma omp critical(pare_parallel_for_failure)
      if (!failed.exchange(true)) failure = std::current_exception();
    }
  }
  if (failure) std::rethrow_exception(failure);
}

}  // namespace pare
