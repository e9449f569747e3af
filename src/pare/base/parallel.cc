#include "pare/base/parallel.h"

#include <omp.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <vector>

namespace pare {
namespace {

int chosen = 0;
int (*source)() = omp_get_max_threads;

/// What one thread has left; on a cache line of its own, as threads count it up at once.
struct alignas(64) Share {
  std::atomic<std::size_t> next;
  std::size_t end;
};

/// What went wrong first in any thread.
class Failure {
 public:
  bool seen() const { return seen_.load(std::memory_order_relaxed); }
  void keep() {
#pragma omp critical(pare_parallel_failure)
    if (!seen_.exchange(true)) first_ = std::current_exception();
  }
  void rethrow() const {
    if (first_) std::rethrow_exception(first_);
  }

 private:
  std::atomic<bool> seen_{false};
  std::exception_ptr first_;
};

using Range = std::function<void(std::size_t, std::size_t)>;

/// Neighbours go to one thread, the same in every loop of that length, so that caches keep what the last loop left
/// there. So many quarters of its share each thread does in one call; of the others one at a time, and who is done
/// helps.
void share_out(std::size_t count, std::size_t quarters, const Range& work) {
  const std::size_t team = std::min<std::size_t>(count, static_cast<std::size_t>(threads()));
  if (team <= 1) {
    if (count > 0) work(0, count);
    return;
  }
  const auto begin = [=](std::size_t t) { return count * t / team; };
  const auto middle = [=](std::size_t t) { return begin(t) + (begin(t + 1) - begin(t)) * quarters / 4; };
  std::vector<Share> shares(quarters < 4 ? team : 0);
  for (std::size_t t = 0; t < shares.size(); ++t) {
    shares[t].next = middle(t);
    shares[t].end = begin(t + 1);
  }
  Failure failure;
  const auto run = [&](std::size_t first, std::size_t last) {
    if (first == last || failure.seen()) return;
    try {
      work(first, last);
    } catch (...) {
      failure.keep();
    }
  };
  const int wanted = static_cast<int>(team);
#pragma omp parallel num_threads(wanted)
  {
    const auto me = static_cast<std::size_t>(omp_get_thread_num());
    const auto all = static_cast<std::size_t>(omp_get_num_threads());  // may be fewer than wanted
    for (std::size_t t = me; t < team; t += all) run(begin(t), middle(t));
    for (std::size_t k = 0; k < shares.size(); ++k) {
      Share& share = shares[(me + k) % team];
      for (std::size_t i; !failure.seen() && (i = share.next.fetch_add(1, std::memory_order_relaxed)) < share.end;)
        run(i, i + 1);
    }
  }
  failure.rethrow();
}

}  // namespace

int threads() { return chosen > 0 ? chosen : std::max(1, source()); }

void set_threads(int count) { chosen = std::max(1, count); }

void follow_threads(int (*count)()) { source = count; }

void parallel_for(std::size_t count, const std::function<void(std::size_t)>& work) {
  share_out(count, 0, [&](std::size_t first, std::size_t last) {
    for (std::size_t i = first; i < last; ++i) work(i);
  });
}

void parallel_ranges(std::size_t count, const Range& work) {
  // in shorter shares, threads that ask each other for more cost what they bring
  constexpr std::size_t worth_helping = 64;
  share_out(count, count < worth_helping * static_cast<std::size_t>(threads()) ? 4 : 3, work);
}

}  // namespace pare
