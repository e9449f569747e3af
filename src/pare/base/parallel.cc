#include "pare/base/parallel.h"

#include <omp.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <limits>
#include <vector>

namespace pare {
namespace {

int chosen = 0;

/// One thread's part of a loop; on a cache line of its own, as threads count it up at once.
struct alignas(64) Share {
  std::atomic<std::size_t> next;
  std::size_t end;

  /// Moves [first, last) out of it: one, or a part of what is left.
  bool take(std::size_t part, std::size_t& first, std::size_t& last) {
    first = next.load(std::memory_order_relaxed);
    do {
      if (first >= end) return false;
      last = first + std::max<std::size_t>(1, (end - first) / part);
    } while (!next.compare_exchange_weak(first, last, std::memory_order_relaxed));
    return true;
  }
};

constexpr std::size_t one = std::numeric_limits<std::size_t>::max();

/// part: each call gets that part of what its thread has left, or `one`.
void share_out(std::size_t count, std::size_t part, const std::function<void(std::size_t, std::size_t)>& work) {
  const std::size_t team = std::min<std::size_t>(count, static_cast<std::size_t>(threads()));
  if (team <= 1) {
    if (count > 0) work(0, count);
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
    for (std::size_t first, last; !failed.load(std::memory_order_relaxed) && share.take(part, first, last);) {
      try {
        work(first, last);
      } catch (...) {
#pragma omp critical(pare_parallel_failure)
        if (!failed.exchange(true)) failure = std::current_exception();
      }
    }
  }
  if (failure) std::rethrow_exception(failure);
}

}  // namespace

int threads() { return chosen > 0 ? chosen : std::max(1, omp_get_num_procs()); }

void set_threads(int count) { chosen = std::max(1, count); }

void parallel_for(std::size_t count, const std::function<void(std::size_t)>& work) {
  share_out(count, one, [&](std::size_t first, std::size_t last) {
    for (std::size_t i = first; i < last; ++i) work(i);
  });
}

void parallel_ranges(std::size_t count, const std::function<void(std::size_t, std::size_t)>& work) {
  share_out(count, 4, work);
}

}  // namespace pare
