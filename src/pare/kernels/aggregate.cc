// How a layout's rows are cut into pieces for threads. Cuts depend on the layout and the width alone.
#include "pare/kernels/aggregate.h"

#include <algorithm>
#include <cassert>
#include <utility>
#include <vector>

#include "pare/base/parallel.h"
#include "pare/base/simd.h"
#include "pare/kernels/layout.h"
#include "pare/kernels/vector.h"

namespace pare::kernels {
namespace {

constexpr std::int64_t piece_work = 1 << 14;     // multiplications, about a microsecond: threads end together
constexpr std::int64_t long_row_work = 1 << 17;  // more than twice this is worth taking apart and adding up

/// Edges and rows before a place; grows with it.
std::int64_t work_before(const Layout& l, std::int64_t place) {
  std::int64_t work = 2 * place;
  if (l.inter.begin) work += l.inter.begin[place];
  if (l.block_begin) work += l.block_begin[place / l.block];
  if (l.tile) work += place * l.block / 2;
  if (l.intra.begin) work += l.intra.begin[place];
  return work;
}

/// Of work_before(), what one of pieces of `size` multiplications has, of which there shall be `most` or fewer.
std::int64_t share_of(std::int64_t total, std::int64_t width, std::int64_t size, std::int64_t most) {
  const std::int64_t pieces = total * std::max<std::int64_t>(width, 8) / size;
  return total / std::clamp<std::int64_t>(pieces, 1, most) + 1;
}

/// Places where pieces of about that work begin, and the end; whole blocks.
std::vector<std::int64_t> cut(const Layout& l, std::int64_t share) {
  const std::int64_t unit = std::max(l.block, 1), units = (l.rows + unit - 1) / unit;
  const std::int64_t total = work_before(l, l.rows);
  std::vector<std::int64_t> begins{0};
  for (std::int64_t goal = share; goal < total; goal += share) {
    std::int64_t low = begins.back() / unit, high = units;
    while (low < high) {
      const std::int64_t middle = (low + high) / 2;
      if (work_before(l, middle * unit) < goal)
        low = middle + 1;
      else
        high = middle;
    }
    if (low * unit > begins.back() && low * unit < l.rows) begins.push_back(low * unit);
  }
  begins.push_back(l.rows);
  return begins;
}

/// Adds what the pieces of each row came to, in their order.
void join(const Job& job, const std::vector<Piece>& pieces, std::vector<float>& sums) {
  const auto width = static_cast<std::size_t>(job.x.width);
  for (std::size_t i = 0; i < pieces.size();) {
    float* row = sums.data() + i * width;
    std::size_t k = i + 1;
    for (; k < pieces.size() && pieces[k].place == pieces[i].place; ++k)
      for (std::size_t f = 0; f < width; ++f) row[f] += sums[k * width + f];
    vector::finish(job, pieces[i].place, row);
    i = k;
  }
}

/// Whether every vector of the result lies at a multiple of its size, as stores past the caches must.
bool all_aligned(const Job& job) {
  const auto bytes = static_cast<std::int64_t>(bytes_of(job.y.type));
  return reinterpret_cast<std::uintptr_t>(job.y.data) % 64 == 0 && job.y.stride * bytes % 64 == 0 &&
         job.x.width / job.weights.heads * bytes % 64 == 0;
}

}  // namespace

int usual_prefetch(std::int64_t row_bytes) {
  return static_cast<int>(std::clamp<std::int64_t>(2048 / std::max<std::int64_t>(row_bytes, 1), 2, 16));
}

Work work_of(const Layout& l, std::int64_t width, bool whole_rows) {
  const std::int64_t total = work_before(l, l.rows);
  const std::vector<std::int64_t> begins = cut(l, share_of(total, width, piece_work, 4096));
  const std::int64_t share = share_of(total, width, long_row_work, 512);
  Work work;
  for (std::size_t i = 0; i + 1 < begins.size(); ++i) {
    std::int64_t from = begins[i];
    const std::int64_t to = begins[i + 1];
    if (!whole_rows && l.block == 0 && work_before(l, to) - work_before(l, from) > 2 * share)
      for (std::int64_t p = from; p < to; ++p) {
        const std::int64_t first = l.inter.begin[p], last = l.inter.begin[p + 1];
        if (last - first <= 2 * share) continue;
        for (std::int64_t e = first; e < last; e += share) work.pieces.push_back({p, e, std::min(e + share, last)});
        if (p > from) work.rows.emplace_back(from, p);
        from = p + 1;
      }
    if (to > from) work.rows.emplace_back(from, to);
  }
  return work;
}

void run(const Job& given, const Work& work) {
  Job job = given;
  job.tactics.stream = job.tactics.stream && all_aligned(job);
  assert(job.weights.heads > 0 && job.x.width % job.weights.heads == 0 && job.y.width == job.x.width);
  if (job.layout.rows == 0 || job.x.width == 0) return;
  ready_simd();
  std::vector<float> sums(work.pieces.size() * static_cast<std::size_t>(job.x.width));
  const std::size_t pieces = work.pieces.size(), all = pieces + work.rows.size();
  parallel_ranges(all, [&](std::size_t i, std::size_t end) {
    for (; i < std::min(end, pieces); ++i) {
      const Piece& piece = work.pieces[i];
      vector::partial(job, piece.first, piece.last, sums.data() + i * static_cast<std::size_t>(job.x.width));
    }
    while (i < end) {
      auto [first, last] = work.rows[i - pieces];
      while (++i < end && work.rows[i - pieces].first == last) last = work.rows[i - pieces].second;
      vector::rows(job, first, last);
    }
  });
  join(job, work.pieces, sums);
}

void aggregate(const Csr& a, const Weights& weights, Reduce reduce, const Input& x, const Epilogue& epilogue,
               const Output& y, std::int64_t* argmax) {
  Job job;
  job.layout.rows = a.rows;
  job.layout.columns = a.columns;
  job.layout.inter.begin = job.layout.degree_begin = a.begin;
  job.layout.inter.column = a.column;
  job.tactics.prefetch = usual_prefetch(x.width * static_cast<std::int64_t>(bytes_of(x.type)));
  job.weights = weights;
  job.reduce = reduce;
  job.x = x;
  job.epilogue = epilogue;
  job.y = y;
  job.argmax = argmax;
  run(job, work_of(job.layout, x.width, reduce == Reduce::max));
}

}  // namespace pare::kernels
