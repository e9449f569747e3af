// What ranks say to each other arrives where it should.
#include "pare/runtime/rank_group.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "pare/base/temporary.h"
#include "pare/runtime/ranks.h"

namespace pare::runtime {
namespace {

TEST(RankGroup, PartsReachWhomTheyAreFor) {
  const TemporaryFolder folder("pare-test");
  const auto said = run_ranks(2, [&](int rank) {
    RankGroup both(folder.path() / "store", "both", rank, 2);
    const at::Tensor from = at::arange(4, at::kFloat) + 10 * rank, to = at::zeros({4});
    both.all_to_all(to, from);
    const at::Tensor theirs = at::zeros({4});
    both.exchange(from, theirs, 1 - rank);
    const at::Tensor back = at::zeros({4});
    if (rank == 0) {
      both.send(to, 1, 0)();
    } else {
      both.receive(back, 0, 0)();
    }
    both.barrier();
    std::string out;
    for (const at::Tensor& x : {to, theirs, back})
      for (int i = 0; i < 4; ++i) out += fmt::format("{} ", x[i].item<float>());
    return out;
  });
  EXPECT_EQ(said[0], "0 1 10 11 10 11 12 13 0 0 0 0 ");
  EXPECT_EQ(said[1], "2 3 12 13 0 1 2 3 0 1 10 11 ");
}

}  // namespace
}  // namespace pare::runtime
