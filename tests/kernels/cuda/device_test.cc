// The kernels on a device; skipped with a line where there is none.
#include "random_jobs.h"

namespace pare::kernels {
namespace {

using cuda::Memory;

class OnDevice : public testing::Test {
 protected:
  void SetUp() override {
    if (cuda::device_count() == 0) GTEST_SKIP() << "no CUDA device";
  }
};

/// Host arrays of a job brought to the device, and results back.
void run_on_device(const Case& c) {
  Job job = c.job;
  std::vector<Memory> memory;
  const auto bring = [&](const auto* host, std::size_t bytes) {
    using Pointer = decltype(host);
    if (!host) return Pointer(nullptr);
    memory.emplace_back(host, bytes);
    return static_cast<Pointer>(memory.back().data());
  };
  const auto floats = [&](const float* host, std::int64_t count) {
    return bring(host, static_cast<std::size_t>(count) * sizeof(float));
  };
  const auto dense = [&](const auto& d, std::int64_t rows) {
    return static_cast<std::size_t>(rows * d.stride) * bytes_of(d.type);
  };
  job.x.data = bring(job.x.data, dense(job.x, c.columns));
  job.epilogue.own.data = bring(job.epilogue.own.data, dense(job.epilogue.own, c.rows));
  job.epilogue.row_scale = floats(job.epilogue.row_scale, c.rows);
  job.epilogue.bias = floats(job.epilogue.bias, job.x.width);
  job.weights.edge = floats(job.weights.edge, c.nonzeros * job.weights.heads);
  job.weights.column = floats(job.weights.column, c.columns);
  const Memory y(job.y.data, dense(job.y, c.rows));
  const std::size_t winners = job.argmax ? static_cast<std::size_t>(c.rows * job.x.width) * sizeof(std::int64_t) : 0;
  const Memory argmax(job.argmax, winners);
  job.y.data = y.data();
  job.argmax = static_cast<std::int64_t*>(argmax.data());
  for (std::size_t i = 0; i < c.layouts.size(); ++i) {
    cuda::DeviceLayout layout(c.layouts[i]);
    job.layout = layout.layout();
    job.first = i == 0;
    job.last = i + 1 == c.layouts.size();
    cuda::run(job, job.reduce == Reduce::max || job.layout.block > 0 ? cuda::Split{} : layout.split(job.x.width));
    cuda::wait();
  }
  y.read(c.job.y.data, dense(job.y, c.rows));
  argmax.read(c.job.argmax, winners);
}

TEST_F(OnDevice, AggregatesAsDefined) {
  for (std::uint64_t seed = 0; seed < 1000; ++seed) {
    check_job(seed, run_on_device);
    if (HasFatalFailure()) return;
  }
}

TEST_F(OnDevice, GivesTheSameBitsAgain) {
  Random random(3);
  const RandomCsr a(4000, 4000, 20, 50000, random);
  Layout host;
  host.rows = host.columns = 4000;
  host.inter.begin = host.degree_begin = a.begin.data();
  host.inter.column = a.column.data();
  const Features x(4000, 64, 0, Float::float32, random);
  std::vector<float> first;
  for (int run = 0; run < 5; ++run) {
    Features y(4000, 64, 0, Float::float32, random);
    Case c{{host}, {}, 4000, 4000, a.begin.back()};
    c.job.x = x.in();
    c.job.y = y.out();
    run_on_device(c);
    if (first.empty()) first = y.floats;
    EXPECT_EQ(first, y.floats);
  }
}

}  // namespace
}  // namespace pare::kernels
