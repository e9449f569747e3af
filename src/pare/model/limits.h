// How large a tensor may be.
#pragma once
#include <cstdint>

namespace pare::model {

/// The largest size of a dimension, and of a product of dimensions, that pare takes from a file: far above any network,
/// low enough that sums and products of a few of them stay in 64 bits.
inline constexpr std::int64_t largest_dimension = std::int64_t{1} << 40;
inline constexpr std::int64_t most_elements = std::int64_t{1} << 56;

}  // namespace pare::model
