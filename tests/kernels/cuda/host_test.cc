// The device code, compiled for the processor.
#include "host_device.h"
#include "pare/kernels/aggregate_device.h"
#include "random_jobs.h"

namespace pare::kernels {
namespace {

void run_on_host(const Case& c) {
  for (std::size_t i = 0; i < c.layouts.size(); ++i) {
    Job job = c.job;
    job.layout = c.layouts[i];
    job.first = i == 0;
    job.last = i + 1 == c.layouts.size();
    cuda::Split split;
    cuda::Pieces pieces;
    std::vector<float> sums;
    if (job.layout.block == 0 && job.reduce != Reduce::max) {
      pieces = cuda::pieces_of(job.layout.inter.begin, job.layout.rows);
      sums.assign(pieces.piece.size() * static_cast<std::size_t>(job.x.width), NAN);
      split = {cuda::longest_row,
               static_cast<std::int64_t>(pieces.piece.size()),
               static_cast<std::int64_t>(pieces.first_piece.size()) - 1,
               pieces.piece.data(),
               pieces.first_piece.data(),
               sums.data()};
    }
    cuda::run_by(job, split, cuda::LaunchOnHost());
  }
}

TEST(DeviceCodeOnHost, AggregatesAsDefined) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    check_job(seed, run_on_host);
    if (HasFatalFailure()) return;
  }
}

TEST(Pieces, CoverLongRowsInOrder) {
  const std::int64_t begin[] = {0, 1024, 1024, 3073, 3074, 5123};
  const cuda::Pieces p = cuda::pieces_of(begin, 5);
  ASSERT_EQ(p.first_piece, (std::vector<std::int64_t>{0, 3, 6}));
  EXPECT_EQ(p.piece[0].place, 2);
  EXPECT_EQ(p.piece[0].first, 1024);
  EXPECT_EQ(p.piece[2].first, 3072);
  EXPECT_EQ(p.piece[2].last, 3073);
  EXPECT_EQ(p.piece[5].last, 5123);
}

}  // namespace
}  // namespace pare::kernels
