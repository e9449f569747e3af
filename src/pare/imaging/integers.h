// Division that rounds down or up, of integers of any sign; b is not 0.
#pragma once

namespace pare::imaging {

template <typename T>
constexpr T floor_divide(T a, T b) {
  return static_cast<T>(a / b - ((a % b != 0) && ((a < 0) != (b < 0))));
}

template <typename T>
constexpr T ceil_divide(T a, T b) {
  return static_cast<T>(a / b + ((a % b != 0) && ((a < 0) == (b < 0))));
}

}  // namespace pare::imaging
