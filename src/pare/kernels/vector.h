// The row kernels over pieces of a layout; run() (aggregate.cc) makes the pieces.
#pragma once
#include "pare/kernels/layout.h"

namespace pare::kernels::vector {

/// The rows at places [first, last), in whole blocks where the layout has blocks.
void rows(const Job& job, std::int64_t first, std::int64_t last);

/// sums [x.width] = the sum over inter edges [first, last) alone: a piece of a row too long for one thread.
void partial(const Job& job, std::int64_t first, std::int64_t last, float* sums);

/// What follows the sum of the row at `place`: mean and epilogue.
void finish(const Job& job, std::int64_t place, const float* sums);

}  // namespace pare::kernels::vector
