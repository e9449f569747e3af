// The codec on the vectors of the machine: same results as scalar.h, bit for bit. Dispatched at run time (base/simd.h).
#pragma once
#include <cstddef>
#include <cstdint>

#include "pare/number/grid.h"

namespace pare::number::vector {

void encode(const Grid& grid, Ties ties, const float* x, std::size_t n, float scale, std::uint8_t* codes);
void round_to(const Grid& grid, Ties ties, const float* x, std::size_t n, float scale, float* y);

/// Encodes and packs four bits a number, for formats of sign and magnitude or without sign. `places`: the codes of the
/// magnitudes in ascending order, then those of their negatives; [16].
void encode_nibbles(const Grid& grid, Ties ties, const std::uint8_t* places, const float* x, std::size_t n, float scale,
                    std::uint8_t* packed);

/// Codes below 16, through the first 16 entries of `table`: decoded values, scale included.
void decode16(const float* table, const std::uint8_t* codes, std::size_t n, float* x);

/// The same from nibbles, the low one of a byte first; [ceil(n / 2)].
void decode_nibbles(const float* table, const std::uint8_t* packed, std::size_t n, float* x);

/// Two codes below 16 a byte, the low nibble first; n is even.
void pack_nibbles(const std::uint8_t* codes, std::size_t n, std::uint8_t* packed);

bool all_finite(const float* x, std::size_t n);

}  // namespace pare::number::vector
