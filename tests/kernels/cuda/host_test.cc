// The device code, compiled for the processor.
#include "../edge_values.h"
#include "host_device.h"
#include "pare/kernels/edges_device.h"
#include "random_jobs.h"

namespace pare::kernels {
namespace {

void run_on_host(const Case& c) {
  for (std::size_t i = 0; i < c.layouts.size(); ++i) {
    Job job = c.job;
    job.layout = c.layouts[i];
    job.first = i == 0;
    job.last = i + 1 == c.layouts.size();
    cuda::Schedule schedule;
    cuda::Pieces pieces;
    std::vector<float> sums;
    std::vector<std::int32_t> arrived;
    if (job.layout.block == 0 && job.reduce != Reduce::max) {
      const std::int64_t longest = cuda::longest_row(cuda::lanes_of(job.x.width, 4)) / 4;
      pieces = cuda::pieces_of(job.layout.inter.begin, job.layout.rows, longest);
      sums.assign(pieces.piece.size() * static_cast<std::size_t>(job.x.width), NAN);
      const auto long_rows = static_cast<std::int64_t>(pieces.first_piece.size()) - 1;
      arrived.assign(static_cast<std::size_t>(long_rows * cuda::panels(job.x.width)), 0);
      schedule = {1 << (job.x.width % 5),
                  longest,
                  static_cast<std::int64_t>(pieces.piece.size()),
                  long_rows,
                  pieces.piece.data(),
                  pieces.row_of.data(),
                  pieces.first_piece.data(),
                  sums.data(),
                  arrived.data()};
    }
    cuda::run_by(job, schedule, cuda::LaunchOnHost());
    for (const std::int32_t left : arrived) ASSERT_EQ(left, 0);
  }
}

TEST(DeviceCodeOnHost, AggregatesAsDefined) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    check_job(seed, run_on_host);
    if (HasFatalFailure()) return;
  }
}

TEST(DeviceCodeOnHost, EdgesHaveDotsAndSoftmax) {
  const cuda::LaunchOnHost launch;
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    check_edge_values(seed, {[&](const Csr& a, const Input& u, const Input& v, int heads, float* out) {
                               cuda::edge_dots_by(a, a.nonzeros(), u, v, heads, out, launch);
                             },
                             [&](const Csr& a, const float* score, int heads, float* out) {
                               cuda::edge_softmax_by(a, a.nonzeros(), score, heads, out, launch);
                             },
                             [&](const Csr& a, const float* p, const float* grad, int heads, float* out) {
                               cuda::edge_softmax_gradient_by(a, a.nonzeros(), p, grad, heads, out, launch);
                             }});
    if (HasFatalFailure()) return;
  }
}

TEST(Pieces, CoverLongRowsInOrder) {
  const std::int64_t begin[] = {0, 1024, 1024, 3073, 3074, 5123};
  const cuda::Pieces p = cuda::pieces_of(begin, 5, 1024);
  ASSERT_EQ(p.first_piece, (std::vector<std::int64_t>{0, 3, 6}));
  EXPECT_EQ(p.row_of, (std::vector<std::int32_t>{0, 0, 0, 1, 1, 1}));
  EXPECT_EQ(p.piece[0].place, 2);
  EXPECT_EQ(p.piece[0].first, 1024);
  EXPECT_EQ(p.piece[2].first, 3072);
  EXPECT_EQ(p.piece[2].last, 3073);
  EXPECT_EQ(p.piece[5].last, 5123);
}

TEST(Schedule, FillsWarps) {
  for (const std::int64_t width : {1, 5, 16, 64, 128, 1433})
    for (const double edges : {0.0, 0.5, 7.0, 100.0, 1e9}) {
      const int lanes = cuda::lanes_of(width, 4), slots = cuda::row_slots(edges, lanes);
      EXPECT_LE(lanes * slots, 32);
      EXPECT_EQ(32 % (lanes * slots), 0);
    }
  EXPECT_EQ(cuda::row_slots(3, 4), 1);
  EXPECT_EQ(cuda::row_slots(40, 4), 8);
}

}  // namespace
}  // namespace pare::kernels
