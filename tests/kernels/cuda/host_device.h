// Just enough of CUDA's language for device code to be compiled for the processor: the threads of a block take turns,
// one running until it waits for the others or ends. It shows that the arithmetic and the indices are right, not that a
// device agrees about memory.
#pragma once
#include <ucontext.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <functional>
#include <memory>
#include <utility>

#define __global__
#define __device__
#define __shared__

namespace pare::kernels::cuda {

constexpr int shared_floats = 48 << 8;  // what a block may have without asking

struct Index {
  unsigned x = 0, y = 0;
};
inline Index threadIdx, blockIdx, blockDim, gridDim;
alignas(64) float shared[shared_floats];

/// Runs one block of threads; stacks are kept from block to block.
class Turns {
 public:
  static void run(unsigned threads, const std::function<void()>& work) {
    Turns& all = turns();
    all.work_ = &work;
    if (all.threads_.size() < threads) all.threads_.resize(threads);
    for (unsigned i = 0; i < threads; ++i) {
      Thread& t = all.threads_[i];
      if (!t.stack) t.stack = std::make_unique<char[]>(stack_bytes);
      getcontext(&t.context);
      t.context.uc_stack.ss_sp = t.stack.get();
      t.context.uc_stack.ss_size = stack_bytes;
      t.context.uc_link = &all.back_;
      t.done = false;
      makecontext(&t.context, &begin, 0);
    }
    for (bool more = true; more;) {
      more = false;
      for (unsigned i = 0; i < threads; ++i) {
        if (all.threads_[i].done) continue;
        all.current_ = threadIdx.x = i;
        swapcontext(&all.back_, &all.threads_[i].context);
        more |= !all.threads_[i].done;
      }
    }
  }
  static void wait() { swapcontext(&turns().threads_[turns().current_].context, &turns().back_); }

 private:
  static constexpr std::size_t stack_bytes = 64 << 10;
  struct Thread {
    ucontext_t context{};
    std::unique_ptr<char[]> stack;
    bool done = false;
  };
  static Turns& turns() {
    static Turns all;
    return all;
  }
  static void begin() {
    Turns& all = turns();
    (*all.work_)();
    all.threads_[all.current_].done = true;
  }

  std::deque<Thread> threads_;
  const std::function<void()>* work_ = nullptr;
  ucontext_t back_{};
  unsigned current_ = 0;
};

inline void __syncthreads() { Turns::wait(); }
inline void __syncwarp(unsigned) { Turns::wait(); }
inline void __threadfence() {}

/// Threads of a warp that ask at the same turn leave their value first.
template <class T>
T __shfl_sync(unsigned mask, T value, int lane) {
  static T left[1024];
  const unsigned first = threadIdx.x / 32 * 32;
  if (!(mask >> (threadIdx.x % 32) & 1) || !(mask >> lane & 1)) std::abort();
  left[threadIdx.x] = value;
  Turns::wait();
  const T theirs = left[first + static_cast<unsigned>(lane)];
  Turns::wait();
  return theirs;
}
template <class T>
T __shfl_xor_sync(unsigned mask, T value, int step) {
  return __shfl_sync(mask, value, static_cast<int>(threadIdx.x % 32) ^ step);
}

inline int atomicAdd(std::int32_t* to, int value) { return std::exchange(*to, *to + value); }
inline float __ldcg(const float* p) { return *p; }

/// As the launch of aggregate.cu.
struct LaunchOnHost {
  template <class Kernel, class... Arguments>
  void operator()(Kernel kernel, std::int64_t x, std::int64_t y, int threads, std::size_t bytes,
                  const Arguments&... arguments) const {
    if (bytes > sizeof(shared)) std::abort();
    blockDim.x = static_cast<unsigned>(threads);
    gridDim = {static_cast<unsigned>(x), static_cast<unsigned>(y)};
    for (blockIdx.y = 0; blockIdx.y < static_cast<unsigned>(y); ++blockIdx.y)
      for (blockIdx.x = 0; blockIdx.x < static_cast<unsigned>(x); ++blockIdx.x) {
        std::fill_n(shared, bytes / sizeof(float), NAN);  // nothing is there before it is written
        Turns::run(blockDim.x, [&] { kernel(arguments...); });
      }
  }
};

}  // namespace pare::kernels::cuda
