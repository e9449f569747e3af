// Just enough of CUDA's language for device code to be compiled for the processor: the threads of a block take turns,
// one running until it waits for the others or ends. It shows that the arithmetic and the indices are right, not that a
// device agrees about memory.
#pragma once
#include <ucontext.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <vector>

#define __global__
#define __device__
#define __shared__

namespace pare::kernels::cuda {

constexpr int shared_floats = 48 << 8;  // what a block may have without asking

struct Index {
  unsigned x = 0, y = 0;
};
inline Index threadIdx, blockIdx, blockDim;
alignas(64) float shared[shared_floats];

/// Runs one block of threads.
class Turns {
 public:
  Turns(unsigned threads, const std::function<void()>& work) : threads_(threads) {
    running() = this;
    for (unsigned i = 0; i < threads; ++i) {
      Thread& t = threads_[i];
      t.stack.resize(64 << 10);
      getcontext(&t.context);
      t.context.uc_stack.ss_sp = t.stack.data();
      t.context.uc_stack.ss_size = t.stack.size();
      t.context.uc_link = &back_;
      t.work = &work;
      makecontext(&t.context, &begin, 0);
    }
    for (bool more = true; more;) {
      more = false;
      for (unsigned i = 0; i < threads; ++i) {
        if (threads_[i].done) continue;
        current_ = i;
        threadIdx.x = i;
        swapcontext(&back_, &threads_[i].context);
        more |= !threads_[i].done;
      }
    }
  }
  static void wait() { swapcontext(&running()->threads_[running()->current_].context, &running()->back_); }

 private:
  struct Thread {
    ucontext_t context{};
    std::vector<char> stack;
    const std::function<void()>* work = nullptr;
    bool done = false;
  };
  static Turns*& running() {
    static Turns* turns = nullptr;
    return turns;
  }
  static void begin() {
    Thread& t = running()->threads_[running()->current_];
    (*t.work)();
    t.done = true;
  }

  std::vector<Thread> threads_;
  ucontext_t back_{};
  unsigned current_ = 0;
};

inline void __syncthreads() { Turns::wait(); }

/// As the launch of aggregate.cu.
struct LaunchOnHost {
  template <class Kernel, class... Arguments>
  void operator()(Kernel kernel, std::int64_t x, std::int64_t y, int threads, std::size_t bytes,
                  const Arguments&... arguments) const {
    if (bytes > sizeof(shared)) std::abort();
    blockDim.x = static_cast<unsigned>(threads);
    for (blockIdx.y = 0; blockIdx.y < static_cast<unsigned>(y); ++blockIdx.y)
      for (blockIdx.x = 0; blockIdx.x < static_cast<unsigned>(x); ++blockIdx.x) {
        for (float& f : shared) f = NAN;  // nothing is there before it is written
        Turns(blockDim.x, [&] { kernel(arguments...); });
      }
  }
};

}  // namespace pare::kernels::cuda
