#include "pare/base/parallel.h"

#include <gtest/gtest.h>

#include <atomic>
#include <vector>

#include "pare/base/error.h"

namespace pare {
namespace {

class Parallel : public testing::Test {
 protected:
  Parallel() : before_(threads()) {}
  ~Parallel() override { set_threads(before_); }

  int before_;
};

TEST_F(Parallel, DoesEveryPieceOnce) {
  for (const int count : {1, 2, 5}) {
    set_threads(count);
    EXPECT_EQ(threads(), count);
    for (const std::size_t n : {0u, 1u, 2u, 7u, 127u, 128u, 1000u}) {
      std::vector<std::atomic<int>> done(n);
      parallel_for(n, [&](std::size_t i) { ++done[i]; });
      parallel_ranges(n, [&](std::size_t first, std::size_t last) {
        ASSERT_LT(first, last);
        ASSERT_LE(last, n);
        for (std::size_t i = first; i < last; ++i) ++done[i];
      });
      for (std::size_t i = 0; i < n; ++i) EXPECT_EQ(done[i], 2) << i << " of " << n << " on " << count;
    }
  }
}

TEST_F(Parallel, GivesTheCallerTheException) {
  for (const int count : {1, 4}) {
    set_threads(count);
    std::atomic<int> done{0};
    const auto work = [&](std::size_t i) {
      if (i == 3) throw Error("piece 3 failed", "");
      ++done;
    };
    EXPECT_THROW(parallel_for(100, work), Error);
    EXPECT_LT(done, 100);
    for (const std::size_t n : {100u, 1000u})
      EXPECT_THROW(parallel_ranges(n,
                                   [](std::size_t first, std::size_t) {
                                     if (first == 0) throw Error("the first failed", "");
                                   }),
                   Error);
  }
}

TEST_F(Parallel, AtLeastOneThread) {
  EXPECT_GE(threads(), 1);
  set_threads(0);
  EXPECT_EQ(threads(), 1);
  set_threads(-5);
  EXPECT_EQ(threads(), 1);
}

}  // namespace
}  // namespace pare
