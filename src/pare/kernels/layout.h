// A sparse matrix laid out for one kernel, and the kernels over it.
#pragma once
#include <utility>
#include <vector>

#include "pare/kernels/aggregate.h"

namespace pare::kernels {

/// Edges of rows in working order, weights and where each came from in the same order.
struct Edges {
  const std::int64_t* begin = nullptr;   // [rows + 1]; null: no edges
  const std::int32_t* column = nullptr;  // [edges], or
  const std::uint8_t* local = nullptr;   // [edges]: places inside the row's block
  const float* weight = nullptr;         // [edges]; null: 1
  const std::int64_t* source = nullptr;  // [edges]: the nonzero of the matrix; null: the same
};

/// The matrix A = intra + inter. Rows are worked on in the order of `row_of`; places are cut into blocks of `block`
/// rows, and an edge is intra where its column is a row of the same block.
struct Layout {
  std::int64_t rows = 0, columns = 0;
  const std::int32_t* row_of = nullptr;  // [rows]: the row at each place; null: the place itself

  int block = 0;                // rows of a block, 0: everything is inter. At most 256
  const float* tile = nullptr;  // [rows, block]: intra edges as dense weights, 0 where there is none; or
  Edges intra;                  // as local places

  Edges inter;
  // inter edges as coordinates, instead of inter.begin: by block, then by row
  const std::int64_t* block_begin = nullptr;   // [blocks + 1]: edges of a block
  const std::uint8_t* row_in_block = nullptr;  // [edges]

  const std::int64_t* degree_begin = nullptr;  // [rows + 1] of the matrix itself, for Reduce::mean
};

constexpr std::int64_t longest_sum = 512;  // edges; longer sums are taken in steps, as rounding grows with their length

/// A part of a row that is too long for one worker.
struct Piece {
  std::int64_t place, first, last;  // edges of Layout::inter
};

/// How a kernel runs, beside its layout.
struct Tactics {
  int prefetch = 0;     // edges ahead; 0: none
  bool stream = false;  // results go past the caches
};

/// One aggregation; see aggregate().
struct Job {
  Layout layout;
  Tactics tactics;
  bool own_weights = false;  // the layout's; else `weights`
  Weights weights;
  Reduce reduce = Reduce::sum;
  Input x;
  Epilogue epilogue;
  Output y;
  std::int64_t* argmax = nullptr;
  bool first = true, last = true;  // of several layouts that add up in y (float32): y is read where not first, the
                                   // epilogue follows where last
};

/// A layout's rows as pieces of about equal work.
struct Work {
  std::vector<std::pair<std::int64_t, std::int64_t>> rows;  // [first, last) places
  std::vector<Piece> pieces;                                // those of a row one after another
};

/// Takes rows apart that would keep one thread busy while others wait: for sums that begin with this layout
/// (Job::first) only, and not where `whole_rows`. Rows with intra edges stay whole.
Work work_of(const Layout& layout, std::int64_t width, bool whole_rows);

/// `work`: work_of() the job's layout and width.
void run(const Job& job, const Work& work);

/// Edges ahead that suit rows of so many bytes: about as much as the processor can have under way.
int usual_prefetch(std::int64_t row_bytes);

}  // namespace pare::kernels
