// Interval arithmetic of a pipeline's operations.
#pragma once
#include <array>
#include <cstdint>
#include <vector>

#include "pare/imaging/pipeline.h"

namespace pare::imaging {

/// No value of a pipeline is larger than this, so that sums and differences of two fit 64 bits.
constexpr std::int64_t largest = std::int64_t{1} << 62;
/// Bits that a shift moves by, and fraction bits of a value, at most.
constexpr int most_shift = 62;

/// What an operation can give where its arguments lie anywhere in `arguments` (those it takes): every result is within,
/// and of single values the range is the single result. Not of constant and pixel. `value` as in Node; `entries` are
/// those of the table. Throws Error (without a place) where results leave +-2^62, for a divisor that can be 0, and
/// for an index that can leave the table.
Range range_of(Op op, const std::array<Range, 3>& arguments, std::int64_t value = 0,
               const std::vector<std::int64_t>& entries = {});

}  // namespace pare::imaging
