// The kernels on a device; skipped with a line where there is none.
#include "../edge_values.h"
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
    cuda::run(job, job.reduce == Reduce::max || job.layout.block > 0 ? cuda::Schedule{} : layout.schedule(job.x.width));
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

TEST_F(OnDevice, EdgesHaveDotsAndSoftmax) {
  const auto bring = [](const Csr& a, Memory& begin, Memory& column) {
    begin = Memory(a.begin, static_cast<std::size_t>(a.rows + 1) * sizeof(*a.begin));
    column = Memory(a.column, static_cast<std::size_t>(a.nonzeros()) * sizeof(*a.column));
    return Csr{a.rows, a.columns, static_cast<const std::int64_t*>(begin.data()),
               static_cast<const std::int32_t*>(column.data())};
  };
  const auto bytes = [](const Csr& a, int heads) {
    return static_cast<std::size_t>(a.nonzeros() * heads) * sizeof(float);
  };
  const auto floats = [](const Memory& memory) { return static_cast<float*>(memory.data()); };
  EdgeKernels kernels;
  kernels.dots = [&](const Csr& a, Input u, Input v, int heads, float* out) {
    Memory begin, column;
    const Csr there = bring(a, begin, column);
    const Memory left(u.data, static_cast<std::size_t>(a.rows * u.stride) * sizeof(float)),
        right(v.data, static_cast<std::size_t>(a.columns * v.stride) * sizeof(float)), y(out, bytes(a, heads));
    u.data = left.data();
    v.data = right.data();
    cuda::edge_dots(there, a.nonzeros(), u, v, heads, floats(y));
    y.read(out, bytes(a, heads));
  };
  kernels.softmax = [&](const Csr& a, const float* score, int heads, float* out) {
    Memory begin, column;
    const Csr there = bring(a, begin, column);
    const Memory y(score, bytes(a, heads));  // in place
    cuda::edge_softmax(there, a.nonzeros(), floats(y), heads, floats(y));
    y.read(out, bytes(a, heads));
  };
  kernels.softmax_gradient = [&](const Csr& a, const float* p, const float* grad, int heads, float* out) {
    Memory begin, column;
    const Csr there = bring(a, begin, column);
    const Memory of(p, bytes(a, heads)), y(grad, bytes(a, heads));
    cuda::edge_softmax_gradient(there, a.nonzeros(), floats(of), floats(y), heads, floats(y));
    y.read(out, bytes(a, heads));
  };
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    check_edge_values(seed, kernels);
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
