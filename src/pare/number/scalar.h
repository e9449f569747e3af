// The codec one number at a time, as the formula reads: the twin that every vector kernel must equal bit for bit.
#pragma once
#include <cstddef>
#include <cstdint>

#include "pare/number/grid.h"

namespace pare::number::scalar {

void encode(const Grid& grid, Ties ties, const float* x, std::size_t n, float scale, std::uint8_t* codes);

/// `table[c]` is the decoded value of code c, scale included; [256].
void decode(const float* table, const std::uint8_t* codes, std::size_t n, float* x);

void round_to(const Grid& grid, Ties ties, const float* x, std::size_t n, float scale, float* y);

bool all_finite(const float* x, std::size_t n);

}  // namespace pare::number::scalar
