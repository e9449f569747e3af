// Device code of the aggregation kernels, and which of them a job takes. aggregate.cu compiles it for devices; a test
// compiles it for the processor, with threads that take turns.
//
// A group of lanes works on a row, each lane on V features at a time, and where rows are long in several slots, each on
// edges of its own; threads of a warp that are left over work on other rows. Lanes and slots are powers of two, and a
// group is never more than a warp. What a slot reads in a step is asked for before any of it is used: a step costs as
// much as one read.
#pragma once
#include <algorithm>
#include <cassert>

#include "pare/kernels/bfloat16.h"
#include "pare/kernels/cuda.h"

namespace pare::kernels::cuda {

constexpr int most_threads = 256;  // of a block of rows
constexpr int row_threads = 128;
constexpr std::size_t shared_bytes = 48 << 10;       // that every device gives without asking
constexpr std::int64_t most_rows_at_once = 1 << 30;  // blocks of threads that a launch may have, and some to spare

template <int V>
struct Values {
  float v[V];
};

template <int V>
struct alignas(4 * V) FloatWords {
  float v[V];
};
template <int V>
struct alignas(2 * V) HalfWords {
  std::uint16_t v[V];
};

template <int V>
__device__ inline Values<V> load(const float* p) {
  const auto words = *reinterpret_cast<const FloatWords<V>*>(p);
  Values<V> out;
  for (int i = 0; i < V; ++i) out.v[i] = words.v[i];
  return out;
}

__device__ inline float widened(std::uint16_t half) {
  const std::uint32_t bits = static_cast<std::uint32_t>(half) << 16;
  float value;
  memcpy(&value, &bits, 4);
  return value;
}

__device__ inline std::uint16_t rounded(float value) {
  std::uint32_t bits;
  memcpy(&bits, &value, 4);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return static_cast<std::uint16_t>(bits >> 16 | 64);
  return static_cast<std::uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

template <int V>
__device__ inline Values<V> load(const std::uint16_t* p) {
  const auto words = *reinterpret_cast<const HalfWords<V>*>(p);
  Values<V> out;
  for (int i = 0; i < V; ++i) out.v[i] = widened(words.v[i]);
  return out;
}

template <int V>
__device__ inline Values<V> load(const void* data, Float type, std::int64_t at) {
  return type == Float::float32 ? load<V>(static_cast<const float*>(data) + at)
                                : load<V>(static_cast<const std::uint16_t*>(data) + at);
}

template <int V>
__device__ inline void store(const Output& y, std::int64_t at, const Values<V>& values) {
  if (y.type == Float::float32) {
    FloatWords<V> words;
    for (int i = 0; i < V; ++i) words.v[i] = values.v[i];
    *reinterpret_cast<FloatWords<V>*>(static_cast<float*>(y.data) + at) = words;
  } else {
    HalfWords<V> words;
    for (int i = 0; i < V; ++i) words.v[i] = rounded(values.v[i]);
    *reinterpret_cast<HalfWords<V>*>(static_cast<std::uint16_t*>(y.data) + at) = words;
  }
}

template <int V>
__device__ inline void clear(Values<V>& values) {
  for (int i = 0; i < V; ++i) values.v[i] = 0;
}
template <int V>
__device__ inline void add(Values<V>& to, float weight, const Values<V>& x) {
  for (int i = 0; i < V; ++i) to.v[i] = fmaf(weight, x.v[i], to.v[i]);
}

__device__ inline std::int64_t row_at(const Layout& layout, std::int64_t place) {
  return layout.row_of ? layout.row_of[place] : place;
}

/// What an edge's weight is made of.
enum class Weighing { none, own, column, any };

inline Weighing weighing_of(const Job& job) {
  const bool own = job.own_weights && job.layout.inter.weight;
  if (job.weights.edge || (own && job.weights.column)) return Weighing::any;
  return own ? Weighing::own : job.weights.column ? Weighing::column : Weighing::none;
}

template <Weighing how = Weighing::any>
__device__ inline float weight_of(const Job& job, const Edges& edges, std::int64_t e, std::int64_t column, int head) {
  if constexpr (how == Weighing::none) return 1;
  if constexpr (how == Weighing::own) return edges.weight[e];
  if constexpr (how == Weighing::column) return job.weights.column[column];
  float value = job.own_weights && edges.weight ? edges.weight[e] : 1;
  if (job.weights.edge) value *= job.weights.edge[(edges.source ? edges.source[e] : e) * job.weights.heads + head];
  if (job.weights.column) value *= job.weights.column[column];
  return value;
}

/// The sum over every `slots`-th of the inter edges [first, last) of weight · x[column], features from f on.
template <class T, int V, Weighing how>
__device__ inline Values<V> sum_of(const Job& job, std::int64_t first, std::int64_t last, int slots, std::int64_t f,
                                   int head) {
  constexpr int at_once = edges_a_step;
  const Edges& edges = job.layout.inter;
  const T* x = static_cast<const T*>(job.x.data) + f;
  const auto stride = static_cast<std::int32_t>(job.x.stride);
  Values<V> sum;
  clear(sum);
  for (std::int64_t e = first; e < last; e += at_once * slots) {
    std::int32_t columns[at_once];
    float weights[at_once];
    Values<V> values[at_once];
    for (int k = 0; k < at_once; ++k) columns[k] = e + k * slots < last ? edges.column[e + k * slots] : -1;
    for (int k = 0; k < at_once; ++k) {
      clear(values[k]);
      weights[k] = 0;
      if (columns[k] < 0) continue;
      weights[k] = weight_of<how>(job, edges, e + k * slots, columns[k], head);
      values[k] = load<V>(x + static_cast<std::int64_t>(columns[k]) * stride);
    }
    for (int k = 0; k < at_once; ++k) add(sum, weights[k], values[k]);
  }
  return sum;
}

/// sum += over the inter edges [first, last), in steps that keep rounding small.
template <class T, int V>
__device__ inline void add_inter(const Job& job, std::int64_t first, std::int64_t last, std::int64_t f, int head,
                                 Values<V>& sum) {
  for (; first < last; first += longest_sum) {
    const std::int64_t stop = last - first < longest_sum ? last : first + longest_sum;
    add(sum, 1, sum_of<T, V, Weighing::any>(job, first, stop, 1, f, head));
  }
}

/// Mean, epilogue and store of features f ... of a row.
template <int V>
__device__ inline void finish(const Job& job, std::int64_t row, std::int64_t f, Values<V> sum) {
  const Epilogue& e = job.epilogue;
  if (job.last) {
    float scale = 1;
    if (job.reduce == Reduce::mean) {
      const std::int64_t degree = job.layout.degree_begin[row + 1] - job.layout.degree_begin[row];
      if (degree > 0) scale = 1 / static_cast<float>(degree);
    }
    if (e.row_scale) scale *= e.row_scale[row];
    for (int i = 0; i < V; ++i) sum.v[i] *= scale;
    if (e.self != 0) add(sum, e.self, load<V>(e.own.data, e.own.type, row * e.own.stride + f));
    for (int i = 0; i < V; ++i) {
      if (e.bias) sum.v[i] += e.bias[f + i];
      if (e.relu && sum.v[i] < 0) sum.v[i] = 0;
    }
  }
  store(job.y, row * job.y.stride + f, sum);
}

template <int V>
__device__ inline Values<V> begun(const Job& job, std::int64_t row, std::int64_t f) {
  Values<V> sum;
  clear(sum);
  if (!job.first) sum = load<V>(static_cast<const float*>(job.y.data) + row * job.y.stride + f);
  return sum;
}

/// Where a thread stands: groups of `lanes` · `slots` threads.
template <int V>
struct Place {
  int slot, group, groups;  // group: in the block of threads
  std::int64_t f;           // its first feature
  int head;
  bool works;

  __device__ Place(const Job& job, int lanes, int slots = 1)
      : slot(static_cast<int>(threadIdx.x) / lanes % slots),
        group(static_cast<int>(threadIdx.x) / (lanes * slots)),
        groups(static_cast<int>(blockDim.x) / (lanes * slots)),
        f((static_cast<std::int64_t>(blockIdx.y) * lanes + static_cast<int>(threadIdx.x) % lanes) * V),
        head(f < job.x.width ? static_cast<int>(f / (job.x.width / job.weights.heads)) : 0),
        works(f < job.x.width) {}
};

/// The threads of the group as bits of its warp, `threads` of them.
__device__ inline unsigned group_mask(int threads) {
  const unsigned first = threadIdx.x % warp / threads * threads;
  return threads == warp ? ~0u : ((1u << threads) - 1) << first;
}

/// Adds up what the slots of a group have; each gets the sum. In the same order for all.
template <int V>
__device__ inline void add_slots(Values<V>& sum, int lanes, int slots, unsigned mask) {
  for (int step = lanes; step < lanes * slots; step *= 2)
    for (int i = 0; i < V; ++i) sum.v[i] += __shfl_xor_sync(mask, sum.v[i], step);
}

/// Leaves the sum of a piece; the last group of a row to do so adds its pieces up.
template <int V>
__device__ inline void join(const Job& job, const Schedule& schedule, std::int64_t piece, const Place<V>& at, int lanes,
                            int slots, const Values<V>& sum) {
  const unsigned mask = group_mask(lanes * slots);
  const std::int64_t width = job.x.width;
  if (at.slot == 0 && at.works)
    for (int k = 0; k < V; ++k) schedule.sums[piece * width + at.f + k] = sum.v[k];
  __threadfence();
  __syncwarp(mask);
  const std::int64_t row = schedule.row_of[piece];
  const std::int64_t first = schedule.first_piece[row], count = schedule.first_piece[row + 1] - first;
  std::int32_t* arrived = schedule.arrived + row * gridDim.y + blockIdx.y;
  const bool speaks = threadIdx.x % (lanes * slots) == 0;
  int before = speaks ? atomicAdd(arrived, 1) : 0;
  before = __shfl_sync(mask, before, static_cast<int>(threadIdx.x % warp / (lanes * slots) * (lanes * slots)));
  if (before + 1 < count) return;
  if (speaks) *arrived = 0;
  __threadfence();
  Values<V> whole;
  clear(whole);
  if (at.works)
    for (std::int64_t p = at.slot; p < count; p += slots)
      for (int k = 0; k < V; ++k) whole.v[k] += __ldcg(schedule.sums + (first + p) * width + at.f + k);
  add_slots(whole, lanes, slots, mask);
  if (at.slot > 0 || !at.works) return;
  const std::int64_t y = row_at(job.layout, schedule.piece[piece].place);
  add(whole, 1, begun<V>(job, y, at.f));
  finish(job, y, at.f, whole);
}

/// Full CSR. The first blocks of threads take the pieces of long rows, the others the rows that are left.
template <class T, int V, Weighing how>
__global__ void rows(Job job, Schedule schedule, int lanes, int row_slots, int piece_slots, std::int64_t piece_blocks) {
  const bool of_pieces = blockIdx.x < piece_blocks;
  const int slots = of_pieces ? piece_slots : row_slots;
  const Place<V> at(job, lanes, slots);
  std::int64_t place = static_cast<std::int64_t>(blockIdx.x - (of_pieces ? 0 : piece_blocks)) * at.groups + at.group;
  if (place >= (of_pieces ? schedule.pieces : job.layout.rows)) return;
  std::int64_t first, last;
  if (of_pieces) {
    first = schedule.piece[place].first;
    last = schedule.piece[place].last;
  } else {
    first = job.layout.inter.begin[place];
    last = job.layout.inter.begin[place + 1];
    if (last - first > schedule.longest) return;
  }
  Values<V> sum;
  clear(sum);
  if (at.works) sum = sum_of<T, V, how>(job, first + at.slot, last, slots, at.f, at.head);
  add_slots(sum, lanes, slots, group_mask(lanes * slots));
  if (of_pieces) {
    join(job, schedule, place, at, lanes, slots, sum);
  } else if (at.slot == 0 && at.works) {
    const std::int64_t row = row_at(job.layout, place);
    add(sum, 1, begun<V>(job, row, at.f));
    finish(job, row, at.f, sum);
  }
}

/// The greatest of each feature and which edge had it, the first of equals; NaN wins nowhere but as the first.
template <class T, int V>
__global__ void most(Job job, int lanes) {
  const Place<V> at(job, lanes);
  const std::int64_t place = static_cast<std::int64_t>(blockIdx.x) * at.groups + at.group;
  if (place >= job.layout.rows || !at.works) return;
  const Edges& edges = job.layout.inter;
  const std::int64_t row = row_at(job.layout, place);
  Values<V> greatest;
  clear(greatest);
  std::int64_t winner[V];
  for (int k = 0; k < V; ++k) winner[k] = -1;
  const T* x = static_cast<const T*>(job.x.data) + at.f;
  for (std::int64_t e = edges.begin[place]; e < edges.begin[place + 1]; ++e) {
    const Values<V> value = load<V>(x + edges.column[e] * job.x.stride);
    for (int k = 0; k < V; ++k)
      if (winner[k] < 0 || value.v[k] > greatest.v[k] || value.v[k] != value.v[k]) {
        greatest.v[k] = value.v[k];
        winner[k] = e;
      }
  }
  for (int k = 0; job.argmax && k < V; ++k)
    job.argmax[row * job.x.width + at.f + k] = winner[k] >= 0 && edges.source ? edges.source[winner[k]] : winner[k];
  finish(job, row, at.f, greatest);
}

/// A block of rows with the features of its own rows in shared memory: [block, lanes · V] floats, behind them as many
/// sums where inter edges are coordinates.
template <class T, int V>
__global__ void blocks(Job job, int lanes) {
  extern __shared__ float shared[];
  const Layout& l = job.layout;
  const Place<V> at(job, lanes);
  const int panel = lanes * V, offset = static_cast<int>(threadIdx.x) % lanes * V;
  const std::int64_t first = static_cast<std::int64_t>(blockIdx.x) * l.block;
  const int members = static_cast<int>(l.rows - first < l.block ? l.rows - first : l.block);
  float* own = shared;
  float* sums = shared + l.block * panel;

  if (l.tile || l.intra.begin)
    for (int m = at.group; m < members && at.works; m += at.groups) {
      const Values<V> x = load<V>(static_cast<const T*>(job.x.data) + row_at(l, first + m) * job.x.stride + at.f);
      for (int k = 0; k < V; ++k) own[m * panel + offset + k] = x.v[k];
    }
  if (l.block_begin)
    for (int m = at.group; m < members; m += at.groups)
      for (int k = 0; k < V; ++k) sums[m * panel + offset + k] = 0;
  __syncthreads();

  if (l.block_begin && at.works) {
    // each group owns the runs of equal rows that begin in its share of the edges
    const std::int64_t begin = l.block_begin[blockIdx.x], count = l.block_begin[blockIdx.x + 1] - begin;
    std::int64_t e = begin + count * at.group / at.groups;
    const std::int64_t end = begin + count * (at.group + 1) / at.groups;
    while (e > begin && e < end && l.row_in_block[e] == l.row_in_block[e - 1]) ++e;
    while (e < end) {
      const int m = l.row_in_block[e];
      std::int64_t stop = e + 1;
      while (stop < begin + count && l.row_in_block[stop] == m) ++stop;
      Values<V> sum;
      clear(sum);
      add_inter<T>(job, e, stop, at.f, at.head, sum);
      for (int k = 0; k < V; ++k) sums[m * panel + offset + k] = sum.v[k];
      e = stop;
    }
  }
  __syncthreads();

  for (int m = at.group; m < members && at.works; m += at.groups) {
    const std::int64_t place = first + m, row = row_at(l, place);
    Values<V> sum = begun<V>(job, row, at.f);
    const auto own_of = [&](int k) {
      Values<V> x;
      for (int i = 0; i < V; ++i) x.v[i] = own[k * panel + offset + i];
      return x;
    };
    if (l.tile)
      for (int k = 0; k < members; ++k) add(sum, l.tile[place * l.block + k], own_of(k));
    if (l.intra.begin)
      for (std::int64_t e = l.intra.begin[place]; e < l.intra.begin[place + 1]; ++e) {
        const int k = l.intra.local[e];
        const std::int64_t column = job.weights.column ? row_at(l, first + k) : 0;
        add(sum, weight_of(job, l.intra, e, column, at.head), own_of(k));
      }
    if (l.inter.begin) add_inter<T>(job, l.inter.begin[place], l.inter.begin[place + 1], at.f, at.head, sum);
    if (l.block_begin)
      for (int k = 0; k < V; ++k) sum.v[k] += sums[m * panel + offset + k];
    finish(job, row, at.f, sum);
  }
}

/// Launches what the job needs. launch(kernel, blocks_x, blocks_y, threads, shared bytes, arguments of the kernel...).
template <class T, int V, class Launch>
void run_with(const Job& job, const Schedule& schedule, const Launch& launch) {
  const auto width = job.x.width;
  const Layout& l = job.layout;
  int lanes = lanes_of(width, V);
  if (l.block > 0) {
    const std::size_t arrays = l.block_begin ? 2 : 1;
    while (lanes > 1 && arrays * l.block * lanes * V * sizeof(float) > shared_bytes) lanes /= 2;
    const int threads = std::clamp((l.block * lanes + warp - 1) / warp * warp, warp, most_threads);
    launch(blocks<T, V>, (l.rows + l.block - 1) / l.block, (width + lanes * V - 1) / (lanes * V), threads,
           arrays * l.block * lanes * V * sizeof(float), job, lanes);
    return;
  }
  const std::int64_t panels = (width + lanes * V - 1) / (lanes * V);
  const auto blocks_of = [&](std::int64_t groups, int slots) {
    const std::int64_t a_block = row_threads / (lanes * slots);
    return (groups + a_block - 1) / a_block;
  };
  if (job.reduce == Reduce::max) {
    launch(most<T, V>, blocks_of(l.rows, 1), panels, row_threads, 0, job, lanes);
    return;
  }
  const int piece_slots = warp / lanes, row_slots = std::min(schedule.row_slots, piece_slots);
  const std::int64_t piece_blocks = blocks_of(schedule.pieces, piece_slots);
  const auto start = [&](auto kernel) {
    launch(kernel, piece_blocks + blocks_of(l.rows, row_slots), panels, row_threads, 0, job, schedule, lanes, row_slots,
           piece_slots, piece_blocks);
  };
  switch (weighing_of(job)) {
    case Weighing::none: start(rows<T, V, Weighing::none>); break;
    case Weighing::own: start(rows<T, V, Weighing::own>); break;
    case Weighing::column: start(rows<T, V, Weighing::column>); break;
    case Weighing::any: start(rows<T, V, Weighing::any>); break;
  }
}

/// Whether four features at a time can be read and written everywhere.
inline bool takes_four(const Job& job) {
  const auto fits = [](const void* data, Float type, std::int64_t stride) {
    return reinterpret_cast<std::uintptr_t>(data) % (4 * bytes_of(type)) == 0 && stride % 4 == 0;
  };
  return job.x.width / job.weights.heads % 4 == 0 && fits(job.x.data, job.x.type, job.x.stride) &&
         fits(job.y.data, job.y.type, job.y.stride) &&
         (job.epilogue.self == 0 || fits(job.epilogue.own.data, job.epilogue.own.type, job.epilogue.own.stride));
}

template <class Launch>
void run_by(const Job& job, const Schedule& schedule, const Launch& launch) {
  assert(job.weights.heads > 0 && job.x.width % job.weights.heads == 0 && job.y.width == job.x.width);
  assert(job.x.stride <= INT32_MAX && job.layout.block <= 256 && job.layout.rows < most_rows_at_once);
  assert(job.layout.block == 0 || (job.reduce != Reduce::max && schedule.pieces == 0));
  assert(job.first || job.y.type == Float::float32);
  if (job.layout.rows == 0 || job.x.width == 0) return;
  const bool four = takes_four(job);
  if (job.x.type == Float::float32)
    four ? run_with<float, 4>(job, schedule, launch) : run_with<float, 1>(job, schedule, launch);
  else
    four ? run_with<std::uint16_t, 4>(job, schedule, launch) : run_with<std::uint16_t, 1>(job, schedule, launch);
}

}  // namespace pare::kernels::cuda
