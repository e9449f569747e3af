// Random jobs over every layout, run by the kernels under test and held against their definition in double.
#pragma once
#include <gtest/gtest.h>

#include <functional>

#include "../reference.h"
#include "pare/graph/prepared.h"
#include "pare/kernels/cuda.h"

namespace pare::kernels {

/// Runs a job whose layouts add up; pointers are to host memory, lengths as those of the vectors below.
struct Case {
  std::vector<Layout> layouts;
  Job job;  // without layout
  std::int64_t rows, columns, nonzeros;
};
using Runner = std::function<void(const Case&)>;

inline graph::Adjacency random_adjacency(Random& random) {
  const std::int64_t sizes[] = {1, 5, 16, 17, 70, 129, 300};
  const std::int64_t n = sizes[random.below(std::size(sizes))];
  const RandomCsr a(n, n, 5, random.below(3) == 0 ? 4000 : 10, random);
  graph::Adjacency out;
  out.columns = n;
  out.begin = a.begin;
  out.column = a.column;
  if (random.below(2)) out.weight = random_floats(out.nonzeros(), random);
  return out;
}

/// One random job; what `run` leaves in y must be what the definition says.
inline void check_job(std::uint64_t seed, const Runner& run) {
  Random random(seed);
  const graph::Adjacency a = random_adjacency(random);
  const std::int64_t rows = a.rows();
  const auto new_of_wide = random.permutation(static_cast<std::size_t>(rows));
  const std::vector<std::int32_t> new_of(new_of_wide.begin(), new_of_wide.end());
  const auto reduce = static_cast<Reduce>(random.below(3));

  using graph::Inter;
  using graph::Intra;
  graph::LayoutKey key{graph::Order::natural, 0, 0, Intra::none, Inter::rows, 1};
  if (reduce != Reduce::max && random.below(4) > 0) {
    const int sizes[] = {1, 3, 16, 32, 100, 256};
    key.block = sizes[random.below(std::size(sizes))];
    key.intra = random.below(2) ? Intra::tile : Intra::local;
    key.inter = random.below(2) ? Inter::coordinates : Inter::rows;
  } else if (reduce == Reduce::sum && random.below(3) == 0) {
    key.column_tiles = 3;
  }
  const bool ordered = random.below(2);
  const graph::Prepared prepared(a, ordered ? &new_of : nullptr, key);

  Case c{prepared.layouts(), {}, rows, a.columns, a.nonzeros()};
  const bool tiled = key.intra == Intra::tile;
  const int heads = !tiled && reduce != Reduce::max && random.below(3) == 0 ? 3 : 1;
  const std::int64_t widths[] = {1, 3, 4, 7, 16, 20, 33, 64, 128, 200};
  const std::int64_t width = widths[random.below(std::size(widths))] * heads;
  const auto type = [&] { return random.below(3) == 0 ? Float::bfloat16 : Float::float32; };
  const Features x(a.columns, width, random.below(2) ? 0 : 4, type(), random), own(rows, width, 0, type(), random);
  Features y(rows, width, 0, key.column_tiles > 1 ? Float::float32 : type(), random);
  const auto edge = random_floats(a.nonzeros() * heads, random), column = random_floats(a.columns, random),
             scale = random_floats(rows, random), bias = random_floats(width, random);
  std::vector<std::int64_t> argmax(static_cast<std::size_t>(rows * width), -7);

  Job& job = c.job;
  job.reduce = reduce;
  job.weights.heads = heads;
  job.own_weights = reduce != Reduce::max && (tiled || random.below(2));
  if (reduce != Reduce::max && !tiled) {
    if (heads > 1 || random.below(2)) job.weights.edge = edge.data();
    if (random.below(2)) job.weights.column = column.data();
  }
  job.x = x.in();
  job.y = y.out();
  if (random.below(2)) job.epilogue.row_scale = scale.data();
  if (random.below(2)) {
    job.epilogue.self = 0.5;
    job.epilogue.own = own.in();
  }
  if (random.below(2)) job.epilogue.bias = bias.data();
  job.epilogue.relu = random.below(2);
  if (reduce == Reduce::max && random.below(2)) job.argmax = argmax.data();

  run(c);
  const float* weight = job.own_weights && !a.weight.empty() ? a.weight.data() : nullptr;
  for (std::int64_t r = 0; r < rows; ++r)
    for (std::int64_t f = 0; f < width; ++f) {
      const Expected e = expected(a.view(), weight, job.weights, reduce, x, job.epilogue, &own, r, f);
      ASSERT_NEAR(y.at(r, f), e.value, tolerance(e, y.type)) << "seed " << seed << " row " << r << " feature " << f;
      if (job.argmax) {
        ASSERT_EQ(argmax[r * width + f], e.winner) << "seed " << seed;
      }
    }
}

}  // namespace pare::kernels
