// Parallel loops over independent pieces of work.
#pragma once
#include <cstddef>
#include <functional>

namespace pare {

/// Threads that parallel loops use; at least 1. Default: what OpenMP says, the cores this process may run on or
/// OMP_NUM_THREADS.
int threads();
void set_threads(int count);
/// Where none are set, as many as that says from now on.
void follow_threads(int (*count)());

/// Calls `work(i)` once for every i in [0, count), on threads() threads, in any order. `work` must not depend on the
/// order, so that results do not depend on the number of threads. The first exception is thrown again to the caller.
void parallel_for(std::size_t count, const std::function<void(std::size_t)>& work);

/// The same in few calls, work(first, last) for every i in [first, last): where each i takes a microsecond or so, about
/// the same for all.
void parallel_ranges(std::size_t count, const std::function<void(std::size_t, std::size_t)>& work);

}  // namespace pare
