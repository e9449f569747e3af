// Aggregation on a CUDA device: launches, and device memory.
#include <cuda_runtime.h>

#include <cstring>

#include "pare/base/error.h"
#include "pare/kernels/aggregate_device.h"
#include "pare/kernels/edges_device.h"

namespace pare::kernels::cuda {
namespace {

void check(cudaError_t status, const char* what) {
  if (status != cudaSuccess) throw Error(std::string(what) + ": " + cudaGetErrorString(status), "CUDA");
}

struct LaunchOn {
  Stream stream;

  template <class Kernel, class... Arguments>
  void operator()(Kernel kernel, std::int64_t x, std::int64_t y, int threads, std::size_t shared,
                  const Arguments&... arguments) const {
    const dim3 grid(static_cast<unsigned>(x), static_cast<unsigned>(y));
    kernel<<<grid, static_cast<unsigned>(threads), shared, static_cast<cudaStream_t>(stream)>>>(arguments...);
    check(cudaGetLastError(), "cannot launch a kernel");
  }
};

}  // namespace

void run(const Job& job, const Schedule& schedule, Stream stream) { run_by(job, schedule, LaunchOn{stream}); }

void edge_dots(const Csr& a, std::int64_t nonzeros, const Input& u, const Input& v, int heads, float* out,
               Stream stream) {
  edge_dots_by(a, nonzeros, u, v, heads, out, LaunchOn{stream});
}

void edge_softmax(const Csr& a, std::int64_t nonzeros, const float* score, int heads, float* out, Stream stream) {
  edge_softmax_by(a, nonzeros, score, heads, out, LaunchOn{stream});
}

void edge_softmax_gradient(const Csr& a, std::int64_t nonzeros, const float* p, const float* grad, int heads,
                           float* out, Stream stream) {
  edge_softmax_gradient_by(a, nonzeros, p, grad, heads, out, LaunchOn{stream});
}

int device_count() {
  int count = 0;
  return cudaGetDeviceCount(&count) == cudaSuccess ? count : 0;
}

const char* device_name() {
  static cudaDeviceProp properties;
  int device = 0;
  check(cudaGetDevice(&device), "no device");
  check(cudaGetDeviceProperties(&properties, device), "no device");
  return properties.name;
}

void wait(Stream stream) { check(cudaStreamSynchronize(static_cast<cudaStream_t>(stream)), "a kernel failed"); }

Memory::Memory(std::size_t bytes) {
  if (bytes == 0) return;
  void* data = nullptr;
  check(cudaMalloc(&data, bytes), "no device memory");
  data_.reset(data);
}

Memory::Memory(const void* host, std::size_t bytes) : Memory(bytes) {
  if (bytes > 0) check(cudaMemcpy(data(), host, bytes, cudaMemcpyHostToDevice), "cannot copy to the device");
}

void Memory::read(void* host, std::size_t bytes) const {
  if (bytes > 0) check(cudaMemcpy(host, data(), bytes, cudaMemcpyDeviceToHost), "cannot copy from the device");
}

void Memory::Release::operator()(void* p) const { cudaFree(p); }

template <class T>
const T* DeviceLayout::copy(const T* host, std::int64_t count) {
  if (!host || count == 0) return nullptr;
  memory_.emplace_back(host, static_cast<std::size_t>(count) * sizeof(T));
  bytes_ += static_cast<std::size_t>(count) * sizeof(T);
  return static_cast<const T*>(memory_.back().data());
}

Edges DeviceLayout::copy(const Edges& host, std::int64_t places) {
  if (!host.begin) return {};
  const std::int64_t edges = host.begin[places];
  return {copy(host.begin, places + 1), copy(host.column, edges), copy(host.local, edges), copy(host.weight, edges),
          copy(host.source, edges)};
}

DeviceLayout::DeviceLayout(const Layout& host) : layout_(host) {
  layout_.row_of = copy(host.row_of, host.rows);
  layout_.tile = copy(host.tile, host.rows * host.block);
  layout_.intra = copy(host.intra, host.rows);
  layout_.degree_begin = copy(host.degree_begin, host.rows + 1);
  if (host.block_begin) {
    // as if they were rows: one a block
    Edges edges = host.inter;
    edges.begin = host.block_begin;
    const std::int64_t blocks = (host.rows + host.block - 1) / host.block;
    layout_.inter = copy(edges, blocks);
    layout_.block_begin = layout_.inter.begin;
    layout_.inter.begin = nullptr;
    layout_.row_in_block = copy(host.row_in_block, host.block_begin[blocks]);
  } else {
    layout_.inter = copy(host.inter, host.rows);
  }
  if (host.block == 0) begin_.assign(host.inter.begin, host.inter.begin + host.rows + 1);
}

Schedule DeviceLayout::schedule(std::int64_t width) {
  if (begin_.empty() || layout_.rows == 0) return {};
  const auto [found, is_new] = schedules_.try_emplace(width);
  Schedule& out = found->second;
  if (!is_new) return out;
  const int lanes = lanes_of(width, 4);
  out.longest = longest_row(lanes);
  out.row_slots = row_slots(static_cast<double>(begin_.back()) / static_cast<double>(layout_.rows), lanes);
  const Pieces pieces = pieces_of(begin_.data(), layout_.rows, out.longest);
  out.pieces = static_cast<std::int64_t>(pieces.piece.size());
  out.rows = static_cast<std::int64_t>(pieces.first_piece.size()) - 1;
  if (out.pieces == 0) return out;
  out.piece = copy(pieces.piece.data(), out.pieces);
  out.row_of = copy(pieces.row_of.data(), out.pieces);
  out.first_piece = copy(pieces.first_piece.data(), out.rows + 1);
  out.sums = const_cast<float*>(copy(std::vector<float>(out.pieces * width).data(), out.pieces * width));
  const std::vector<std::int32_t> none(out.rows * panels(width));
  out.arrived = const_cast<std::int32_t*>(copy(none.data(), static_cast<std::int64_t>(none.size())));
  return out;
}

}  // namespace pare::kernels::cuda
