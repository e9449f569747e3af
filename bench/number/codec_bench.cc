// Speed of the codec on one thread: bytes of float32 a second, for every instruction set of the machine, as a ratio
// over memcpy of the same floats measured in the same run, in turns with the kernel so that both see the same machine.
//
//   number_bench [--benchmark_filter=flint4/avx2]     set PARE_BENCH_MB for another size; 256 MB is beyond the caches
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <functional>
#include <vector>

#include "pare/base/random.h"
#include "pare/base/simd.h"
#include "pare/number/codec.h"

namespace pare::number {
namespace {

/// One tensor of Gaussian floats, its codes and a place for results, shared by all benchmarks.
struct Data {
  std::vector<float> x, y;
  std::vector<std::uint8_t> codes;

  Data() {
    const char* megabytes = std::getenv("PARE_BENCH_MB");
    const std::size_t n = (megabytes != nullptr ? std::strtoull(megabytes, nullptr, 10) : 256) * (1 << 20) / 4;
    x.resize(n);
    y.resize(n);
    codes.resize(n);
    Random random(1);
    const std::size_t distinct = std::min<std::size_t>(n, 1 << 20);
    for (std::size_t i = 0; i < distinct; ++i) x[i] = static_cast<float>(random.normal());
    for (std::size_t i = distinct; i < n; ++i) x[i] = x[i - distinct];
  }
};

Data& data() {
  static Data all;
  return all;
}

/// Seconds of this thread, so that what else the machine does takes no part but in memory's speed.
double time(const std::function<void()>& work) {
  const auto now = [] {
    timespec t{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
  };
  const double start = now();
  work();
  benchmark::ClobberMemory();
  return now() - start;
}

/// Times `work` and a memcpy in turns; the ratio is of the medians.
void measure(benchmark::State& state, const std::string& target, const std::function<void()>& work) {
  Data& d = data();
  set_simd(target);
  const auto copy = [&d] { std::memcpy(d.y.data(), d.x.data(), d.x.size() * sizeof(float)); };
  std::vector<double> works, copies;
  copy();
  work();
  for (auto _ : state) {
    copies.push_back(time(copy));
    works.push_back(time(work));
    state.SetIterationTime(works.back());
  }
  const auto median = [](std::vector<double>& times) {
    std::nth_element(times.begin(), times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2), times.end());
    return times[times.size() / 2];
  };
  const double bytes = static_cast<double>(d.x.size()) * sizeof(float), own = median(works), other = median(copies);
  state.counters["float32_GB/s"] = bytes / own * 1e-9;
  state.counters["memcpy_GB/s"] = bytes / other * 1e-9;
  state.counters["of_memcpy"] = other / own;
  set_simd("");
}

void add(const std::string& name, const std::string& target, const std::function<void()>& work) {
  benchmark::RegisterBenchmark(fmt::format("{}/{}", name, target).c_str(),
                               [target, work](benchmark::State& state) { measure(state, target, work); })
      ->UseManualTime()
      ->Unit(benchmark::kMillisecond)
      ->MinTime(0.5);
}

void add_format(const std::string& format_name, const std::string& target) {
  const Format f = parse_format(format_name);
  const float scale = 3.0f / largest(f);
  add("encode_packed/" + format_name, target, [f, scale] {
    Data& d = data();
    encode_packed(f, Ties::away, d.x.data(), d.x.size(), scale, d.codes.data());
  });
  // over codes that an encoder wrote: the benchmark before has filled them unless a filter left it out
  add("decode_packed/" + format_name, target, [f, scale] {
    Data& d = data();
    decode_packed(f, d.codes.data(), d.x.size(), scale, d.y.data());
  });
  add("round_to/" + format_name, target, [f, scale] {
    Data& d = data();
    round_to(f, Ties::away, d.x.data(), d.x.size(), scale, d.y.data());
  });
}

/// One call a row, as a search over the scales of channels makes them.
void add_rows(const std::string& format_name, std::size_t row) {
  const Format f = parse_format(format_name);
  const std::string name = fmt::format("round_to_rows_of_{}/{}", row, format_name);
  benchmark::RegisterBenchmark(name.c_str(), [f, row](benchmark::State& state) {
    std::vector<float> x(data().x.begin(), data().x.begin() + static_cast<std::ptrdiff_t>(row)), y(row);
    for (auto _ : state) {
      round_to(f, Ties::away, x.data(), row, 0.1f, y.data());
      benchmark::DoNotOptimize(y.data());
      benchmark::ClobberMemory();
    }
  });
}

}  // namespace
}  // namespace pare::number

int main(int argc, char** argv) {
  using namespace pare;
  for (const std::string& target : simd_targets())
    for (const char* format : {"int4", "flint4"}) number::add_format(format, target);
  for (const char* format : {"uflint4", "float4_e2m1", "pot4", "int8", "flint8", "int3", "flint6"})
    number::add_format(format, simd_targets().back());
  for (const std::size_t row : {9u, 64u, 576u}) number::add_rows("flint4", row);
  benchmark::AddCustomContext("simd", simd_target() + " by default");
  benchmark::AddCustomContext("threads", "1");
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
