// Aggregation on a CUDA device beside cuSPARSE with descriptors, workspace and preprocessing kept:
// cuda_speed 16,32,64,128 LIBCUSPARSE.so GRAPH.npz... A graph holds the matrix that is multiplied. Prints a row a
// width: microseconds of the fastest of cuSPARSE's algorithms, of each of pare's layouts, and the ratio to the fastest;
// results are compared first. Carried to the machine that has the device; needs no torch.
#include <cuda_runtime_api.h>
#include <cusparse.h>
#include <dlfcn.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <iostream>
#include <limits>
#include <sstream>
#include <vector>

#include "pare/base/error.h"
#include "pare/graph/graph.h"
#include "pare/graph/order.h"
#include "pare/graph/prepared.h"
#include "pare/kernels/cuda.h"

namespace {

using namespace pare;
using kernels::cuda::DeviceLayout;
using kernels::cuda::Memory;

/// The functions of libcusparse that are called.
struct Cusparse {
  explicit Cusparse(const std::string& path) : library(dlopen(path.c_str(), RTLD_NOW)) {
    if (!library) throw Error(dlerror(), path, "name libcusparse.so.12 of the wheel nvidia-cusparse");
  }
  template <class Function>
  Function* get(Function*, const char* name) const {
    void* symbol = dlsym(library, name);
    if (!symbol) throw Error(fmt::format("has no {}", name), "libcusparse");
    return reinterpret_cast<Function*>(symbol);
  }
  void* library;
};
#define CALL(function, ...) ok(cusparse.get(&::function, #function)(__VA_ARGS__), #function)

void ok(cusparseStatus_t status, const char* what) {
  if (status != CUSPARSE_STATUS_SUCCESS) throw Error(fmt::format("{} answered {}", what, int(status)), "cuSPARSE");
}
void ok(cudaError_t status, const char* what) {
  if (status != cudaSuccess) throw Error(fmt::format("{}: {}", what, cudaGetErrorString(status)), "CUDA");
}

cudaStream_t stream() {
  static const cudaStream_t one = [] {
    cudaStream_t made = nullptr;
    ok(cudaStreamCreateWithFlags(&made, cudaStreamNonBlocking), "cudaStreamCreateWithFlags");
    return made;
  }();
  return one;
}

/// Median microseconds of a run, out of rounds of many that are replayed as a graph, so that what it costs the host to
/// launch them stays out.
double microseconds(const std::function<void()>& run) {
  constexpr int runs = 20, rounds = 11;
  run();  // modules are loaded, nothing is allocated while captured
  ok(cudaStreamSynchronize(stream()), "cudaStreamSynchronize");
  ok(cudaStreamBeginCapture(stream(), cudaStreamCaptureModeThreadLocal), "cudaStreamBeginCapture");
  for (int i = 0; i < runs; ++i) run();
  cudaGraph_t graph = nullptr;
  ok(cudaStreamEndCapture(stream(), &graph), "cudaStreamEndCapture");
  cudaGraphExec_t many = nullptr;
  ok(cudaGraphInstantiate(&many, graph, 0), "cudaGraphInstantiate");
  cudaEvent_t start = nullptr, stop = nullptr;
  ok(cudaEventCreate(&start), "cudaEventCreate");
  ok(cudaEventCreate(&stop), "cudaEventCreate");
  std::vector<double> times;
  for (int round = -2; round < rounds; ++round) {  // the first two warm up
    ok(cudaEventRecord(start, stream()), "cudaEventRecord");
    ok(cudaGraphLaunch(many, stream()), "cudaGraphLaunch");
    ok(cudaEventRecord(stop, stream()), "cudaEventRecord");
    ok(cudaEventSynchronize(stop), "cudaEventSynchronize");
    float ms = 0;
    ok(cudaEventElapsedTime(&ms, start, stop), "cudaEventElapsedTime");
    if (round >= 0) times.push_back(1e3 * ms / runs);
  }
  cudaEventDestroy(start);
  cudaEventDestroy(stop);
  cudaGraphExecDestroy(many);
  cudaGraphDestroy(graph);
  std::nth_element(times.begin(), times.begin() + rounds / 2, times.end());
  return times[rounds / 2];
}

struct Timed {
  std::string name;
  double us;
};

/// y = a x by each algorithm.
std::vector<Timed> by_cusparse(const Cusparse& cusparse, const graph::Adjacency& a, const Memory& x, const Memory& y,
                               std::int64_t width) {
  std::vector<std::int32_t> begin(a.begin.begin(), a.begin.end());
  const std::vector<float> ones(a.weight.empty() ? a.column.size() : 0, 1);
  const Memory begins(begin.data(), 4 * begin.size()), columns(a.column.data(), 4 * a.column.size()),
      weights(a.weight.empty() ? ones.data() : a.weight.data(), 4 * a.column.size());
  cusparseHandle_t handle = nullptr;
  cusparseSpMatDescr_t matrix = nullptr;
  cusparseDnMatDescr_t in = nullptr, out = nullptr;
  CALL(cusparseCreate, &handle);
  CALL(cusparseSetStream, handle, stream());
  CALL(cusparseCreateDnMat, &in, a.columns, width, width, x.data(), CUDA_R_32F, CUSPARSE_ORDER_ROW);
  CALL(cusparseCreateDnMat, &out, a.rows(), width, width, y.data(), CUDA_R_32F, CUSPARSE_ORDER_ROW);
  const float one = 1, zero = 0;
  constexpr auto plain = CUSPARSE_OPERATION_NON_TRANSPOSE;
  std::vector<Timed> times;
  for (const auto& [name, algorithm] : {std::pair{"default", CUSPARSE_SPMM_ALG_DEFAULT},
                                        {"CSR_ALG2", CUSPARSE_SPMM_CSR_ALG2},
                                        {"CSR_ALG3", CUSPARSE_SPMM_CSR_ALG3}}) {
    // preprocessing belongs to one algorithm: a descriptor each
    CALL(cusparseCreateCsr, &matrix, a.rows(), a.columns, a.nonzeros(), begins.data(), columns.data(), weights.data(),
         CUSPARSE_INDEX_32I, CUSPARSE_INDEX_32I, CUSPARSE_INDEX_BASE_ZERO, CUDA_R_32F);
    std::size_t bytes = 0;
    CALL(cusparseSpMM_bufferSize, handle, plain, plain, &one, matrix, in, &zero, out, CUDA_R_32F, algorithm, &bytes);
    const Memory buffer(bytes);
    CALL(cusparseSpMM_preprocess, handle, plain, plain, &one, matrix, in, &zero, out, CUDA_R_32F, algorithm,
         buffer.data());
    const auto multiply = cusparse.get(&::cusparseSpMM, "cusparseSpMM");
    times.push_back(
        {name, microseconds([&] {
           ok(multiply(handle, plain, plain, &one, matrix, in, &zero, out, CUDA_R_32F, algorithm, buffer.data()),
              "cusparseSpMM");
         })});
    CALL(cusparseDestroySpMat, matrix);
  }
  CALL(cusparseDestroyDnMat, in);
  CALL(cusparseDestroyDnMat, out);
  CALL(cusparseDestroy, handle);
  return times;
}

void check(const std::vector<float>& expected, const Memory& y, const std::string& name) {
  std::vector<float> got(expected.size());
  y.read(got.data(), 4 * got.size());
  double most = 0, wrong = 0;
  for (std::size_t i = 0; i < got.size(); ++i) {
    most = std::max(most, std::abs(static_cast<double>(expected[i])));
    const double off = std::abs(static_cast<double>(expected[i]) - got[i]);
    wrong = off <= wrong ? wrong : off;  // NaN stays
  }
  if (!(wrong <= 1e-4 * most))
    throw Error(fmt::format("{} differs from cuSPARSE by {:g} of {:g}", name, wrong, most), "y");
}

struct Candidate {
  std::string name;
  std::unique_ptr<DeviceLayout> layout;
};

std::vector<Candidate> candidates_of(const graph::Adjacency& a) {
  using enum graph::Order;
  using graph::Inter;
  using graph::Intra;
  const auto new_of = graph::order_of(a, community);
  std::vector<Candidate> out;
  for (const graph::LayoutKey& key : {graph::LayoutKey{natural, 0, 0, Intra::none, Inter::rows, 1},
                                      {community, 0, 0, Intra::none, Inter::rows, 1},
                                      {community, 0, 16, Intra::tile, Inter::rows, 1},
                                      {community, 0, 16, Intra::tile, Inter::coordinates, 1},
                                      {community, 0, 128, Intra::local, Inter::rows, 1},
                                      {community, 0, 128, Intra::local, Inter::coordinates, 1}}) {
    const graph::Prepared prepared(a, key.order == natural ? nullptr : &new_of, key);
    out.push_back(
        {name_of(graph::KernelPlan{.order = key.order, .block = key.block, .intra = key.intra, .inter = key.inter}),
         std::make_unique<DeviceLayout>(prepared.layouts().front())});
  }
  return out;
}

/// Their microseconds over ours.
double compare(const Cusparse& cusparse, const graph::Adjacency& a, const std::vector<Candidate>& candidates,
               std::int64_t width) {
  std::vector<float> host(static_cast<std::size_t>(a.columns * width)),
      expected(static_cast<std::size_t>(a.rows() * width));
  for (std::int64_t r = 0; r < a.columns; ++r)
    for (std::int64_t j = 0; j < width; ++j)
      host[r * width + j] = static_cast<float>((r * 131 + j * 71) % 251 - 125) / 64;
  const Memory x(host.data(), 4 * host.size()), y(expected.data(), 4 * expected.size());
  const auto theirs = by_cusparse(cusparse, a, x, y, width);
  y.read(expected.data(), 4 * expected.size());
  std::vector<Timed> ours;
  for (const Candidate& candidate : candidates) {
    kernels::Job job;
    job.layout = candidate.layout->layout();
    job.own_weights = true;
    job.x = {x.data(), width, width};
    job.y = {y.data(), width, width};
    const auto schedule = candidate.layout->schedule(width);
    const std::vector<float> nothing(expected.size(), NAN);
    ok(cudaMemcpy(y.data(), nothing.data(), 4 * nothing.size(), cudaMemcpyHostToDevice), "cudaMemcpy");
    const auto run = [&] { kernels::cuda::run(job, schedule, stream()); };
    run();
    kernels::cuda::wait(stream());
    check(expected, y, candidate.name);
    ours.push_back({candidate.name, microseconds(run)});
  }
  const auto faster = [](const Timed& p, const Timed& q) { return p.us < q.us; };
  const Timed their = *std::min_element(theirs.begin(), theirs.end(), faster);
  const Timed our = *std::min_element(ours.begin(), ours.end(), faster);
  std::string row = fmt::format("| {} | {:.1f} {} |", width, their.us, their.name);
  for (const Timed& t : ours) row += fmt::format(" {:.1f} |", t.us);
  std::cout << row << fmt::format(" {:.2f} {} |", their.us / our.us, our.name) << std::endl;
  return their.us / our.us;
}

/// Bytes a second of a copy far larger than caches, read and written.
double copy_rate() {
  constexpr std::size_t bytes = std::size_t{1} << 30;
  const Memory from(bytes), to(bytes);
  return 2e6 * bytes /
         microseconds([&] { cudaMemcpyAsync(to.data(), from.data(), bytes, cudaMemcpyDeviceToDevice, stream()); });
}

}  // namespace

int main(int argc, char** argv) {
  try {
    if (argc < 3) throw UsageError("give WIDTH,... LIBCUSPARSE.so GRAPH.npz...", "cuda_speed");
    if (kernels::cuda::device_count() == 0) throw Error("no CUDA device", "cuda_speed");
    std::vector<std::int64_t> widths;
    std::istringstream list(argv[1]);
    for (std::string width; std::getline(list, width, ',');) widths.push_back(std::stoll(width));
    const Cusparse cusparse(argv[2]);
    std::cout << kernels::cuda::device_name() << fmt::format(", copies {:.2f} TB/s\n", copy_rate() / 1e12);
    double logarithms = 0, worst = INFINITY;
    int cells = 0;
    for (int i = 3; i < argc; ++i) {
      const graph::Graph g = graph::read_graph(argv[i]);
      const auto candidates = candidates_of(g.adjacency);
      std::cout << "\n"
                << g.name << ": " << g.vertices() << " vertices, " << g.adjacency.nonzeros()
                << " nonzeros; microseconds\n"
                << "| width | cuSPARSE |";
      for (const Candidate& candidate : candidates) std::cout << " " << candidate.name << " |";
      std::cout << " cuSPARSE / pare |\n| --- | --- | --- | --- | --- | --- | --- | --- | --- |\n";
      for (const std::int64_t width : widths) {
        const double ratio = compare(cusparse, g.adjacency, candidates, width);
        logarithms += std::log(ratio);
        worst = std::min(worst, ratio);
        ++cells;
      }
    }
    if (cells > 0)
      std::cout << fmt::format("\ngeometric mean {:.2f}, least {:.2f}, {} cells\n", std::exp(logarithms / cells), worst,
                               cells);
  } catch (const UsageError& e) {
    std::cerr << e.what() << "\n";
    return 2;
  } catch (const std::exception& e) {
    std::cerr << e.what() << "\n";
    return 1;
  }
  return 0;
}
