// Device code of the values on edges, as aggregate_device.h is of sums.
#pragma once
#include "pare/kernels/aggregate_device.h"

namespace pare::kernels::cuda {

constexpr int edges_a_group = 16;  // that share one search for their row

/// The row that has edge e.
__device__ inline std::int64_t row_with(const std::int64_t* begin, std::int64_t rows, std::int64_t e) {
  std::int64_t low = 0, high = rows;  // begin[low] <= e < begin[high]
  while (high - low > 1) {
    const std::int64_t middle = low + (high - low) / 2;
    (begin[middle] <= e ? low : high) = middle;
  }
  return low;
}

/// A group of lanes takes a head of `edges_a_group` edges.
template <int V>
__global__ void dots(Csr a, std::int64_t nonzeros, Input u, Input v, int heads, float* out, int lanes) {
  constexpr int at_once = 4;
  const int group = static_cast<int>(threadIdx.x) / lanes, lane = static_cast<int>(threadIdx.x) % lanes;
  const std::int64_t item = static_cast<std::int64_t>(blockIdx.x) * (blockDim.x / lanes) + group;
  const std::int64_t first = item / heads * edges_a_group;
  if (first >= nonzeros) return;
  const std::int64_t last = first + edges_a_group < nonzeros ? first + edges_a_group : nonzeros;
  const int head = static_cast<int>(item % heads);
  const std::int64_t part = u.width / heads;
  const unsigned mask = group_mask(lanes);
  const float* left = static_cast<const float*>(u.data) + head * part;
  const float* right = static_cast<const float*>(v.data) + head * part;
  std::int64_t row = row_with(a.begin, a.rows, first);
  for (std::int64_t e = first; e < last; e += at_once) {
    std::int64_t rows[at_once], columns[at_once];
    for (int k = 0; k < at_once; ++k) {
      const std::int64_t edge = e + k < last ? e + k : last - 1;
      if (edge >= a.begin[row + 1]) ++row;
      if (edge >= a.begin[row + 1]) row = row_with(a.begin, a.rows, edge);  // past empty rows
      rows[k] = row;
      columns[k] = a.column[edge];
    }
    float sum[at_once] = {};
    for (std::int64_t f = lane * V; f < part; f += lanes * V)
      for (int k = 0; k < at_once; ++k) {
        const Values<V> p = load<V>(left + rows[k] * u.stride + f), q = load<V>(right + columns[k] * v.stride + f);
        for (int i = 0; i < V; ++i) sum[k] = fmaf(p.v[i], q.v[i], sum[k]);
      }
    for (int k = 0; k < at_once; ++k)
      for (int step = 1; step < lanes; step *= 2) sum[k] += __shfl_xor_sync(mask, sum[k], step);
    if (lane == 0)
      for (int k = 0; k < at_once && e + k < last; ++k) out[(e + k) * heads + head] = sum[k];
  }
}

/// A group of lanes on the values of a row, up to as many heads as lanes: lane i has head i % heads, of every slots-th
/// edge.
struct RowValues {
  std::int64_t row, first, last;
  int lane, lanes, head, heads, all_heads, slot, slots;
  bool works;

  __device__ RowValues(const Csr& a, int all, int lanes_)
      : row(static_cast<std::int64_t>(blockIdx.x) * (blockDim.x / lanes_) + threadIdx.x / lanes_),
        lane(static_cast<int>(threadIdx.x) % lanes_),
        lanes(lanes_),
        all_heads(all) {
    const int from = static_cast<int>(blockIdx.y) * lanes;
    heads = all - from < lanes ? all - from : lanes;
    slots = lanes / heads;
    slot = lane / heads;
    head = from + lane % heads;
    works = row < a.rows && slot < slots;
    first = works ? a.begin[row] + slot : 0;
    last = works ? a.begin[row + 1] : 0;
  }

  template <class Work>
  __device__ void each(const Work& work) const {
    for (std::int64_t e = first; e < last; e += slots) work(e * all_heads + head);
  }
  /// join(join(the first slot's, the second's), ...) of this lane's head.
  template <class Join>
  __device__ float over_slots(float mine, const Join& join) const {
    const unsigned mask = group_mask(lanes);
    const int begin = static_cast<int>(threadIdx.x) % warp / lanes * lanes;
    float all = __shfl_sync(mask, mine, begin + lane % heads);
    for (int k = 1; k < slots; ++k) all = join(all, __shfl_sync(mask, mine, begin + k * heads + lane % heads));
    return all;
  }
};

static __global__ void softmax(Csr a, const float* score, int heads, float* out, int lanes) {
  const RowValues at(a, heads, lanes);
  const auto greater = [](float p, float q) { return p < q ? q : p; };
  float most = -INFINITY, sum = 0;
  at.each([&](std::int64_t i) { most = greater(most, score[i]); });
  most = at.over_slots(most, greater);
  at.each([&](std::int64_t i) { sum += out[i] = expf(score[i] - most); });
  sum = at.over_slots(sum, [](float p, float q) { return p + q; });
  at.each([&](std::int64_t i) { out[i] /= sum; });
}

static __global__ void softmax_gradient(Csr a, const float* p, const float* grad, int heads, float* out, int lanes) {
  const RowValues at(a, heads, lanes);
  float dot = 0;
  at.each([&](std::int64_t i) { dot = fmaf(p[i], grad[i], dot); });
  dot = at.over_slots(dot, [](float q, float r) { return q + r; });
  at.each([&](std::int64_t i) { out[i] = p[i] * (grad[i] - dot); });
}

template <class Launch>
void edge_dots_by(const Csr& a, std::int64_t nonzeros, const Input& u, const Input& v, int heads, float* out,
                  const Launch& launch) {
  if (nonzeros == 0) return;
  const std::int64_t part = u.width / heads;
  const auto aligned = [](const Input& in) {
    return reinterpret_cast<std::uintptr_t>(in.data) % (4 * sizeof(float)) == 0 && in.stride % 4 == 0;
  };
  const bool four = part % 4 == 0 && aligned(u) && aligned(v);
  const int lanes = lanes_of(part, four ? 4 : 1);
  const std::int64_t items = (nonzeros + edges_a_group - 1) / edges_a_group * heads, groups = row_threads / lanes;
  const auto start = [&](auto kernel) {
    launch(kernel, (items + groups - 1) / groups, 1, row_threads, 0, a, nonzeros, u, v, heads, out, lanes);
  };
  four ? start(dots<4>) : start(dots<1>);
}

/// launch(...) of a kernel that has a group of lanes for each row.
template <class Launch, class Kernel, class... Arguments>
void by_row(const Csr& a, std::int64_t nonzeros, int heads, const Launch& launch, Kernel kernel,
            const Arguments&... arguments) {
  if (nonzeros == 0 || heads == 0) return;
  const std::int64_t values = (nonzeros + a.rows - 1) / a.rows * heads;
  const int lanes = std::max(lanes_of(values, 1), lanes_of(heads, 1));
  const std::int64_t groups = row_threads / lanes;
  launch(kernel, (a.rows + groups - 1) / groups, (heads + lanes - 1) / lanes, row_threads, 0, a, arguments..., lanes);
}

template <class Launch>
void edge_softmax_by(const Csr& a, std::int64_t nonzeros, const float* score, int heads, float* out,
                     const Launch& launch) {
  by_row(a, nonzeros, heads, launch, softmax, score, heads, out);
}

template <class Launch>
void edge_softmax_gradient_by(const Csr& a, std::int64_t nonzeros, const float* p, const float* grad, int heads,
                              float* out, const Launch& launch) {
  by_row(a, nonzeros, heads, launch, softmax_gradient, p, grad, heads, out);
}

}  // namespace pare::kernels::cuda
