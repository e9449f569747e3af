#include "pare/base/parallel.h"

#include <omp.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <vector>

namespace pare {
namespace {

int chosen = 0;

/// One thread's part of a loop; on a cache line of its own, as threads count it up at once.
struct alignas(64) Share {
  std::atomic<std::size_t> next;
  std::size_t end;
};

}  // namespace

int threads() { return chosen > 0 ? chosen : std::max(1, omp_get_num_procs()); }

void set_threads(int count) { chosen = std::max(1, count); }

void parallel_for(std::size_t count, const std::function<void(std::size_t)>& work) {
  const std::size_t team = std::min<std::size_t>(count, static_cast<std::size_t>(threads()));
  if (team <= 1) {
    for (std::size_t i = 0; i < count; ++i) work(i);
    return;
  }
  // Neighbours go to one thread, the same in every loop of that length, so that caches keep what the last loop left
  // there; who is done helps the others.
  std::vector<Share> shares(team);
  for (std::size_t t = 0; t < team; ++t) {
    shares[t].next = count * t / team;
    shares[t].end = count * (t + 1) / team;
  }
  std::exception_ptr failure;
  std::atomic<bool> failed{false};
  const int wanted = static_cast<int>(team);
#pragma omp parallel num_threads(wanted)
  for (std::size_t k = 0; k < team; ++k) {
    Share& share = shares[(static_cast<std::size_t>(omp_get_thread_num()) + k) % team];
    for (std::size_t i; !failed.load(std::memory_order_relaxed) &&
                        (i = share.next.fetch_add(1, std::memory_order_relaxed)) < share.end;) {
      try {
        work(i);
      } catch (...) {
#pragma omp critical(pare_parallel_for_failure)
        if (!failed.exchange(true)) failure = std::current_exception();
      }
    }
  }
  if (failure) std::rethrow_exception(failure);
}

}  // namespace pare
