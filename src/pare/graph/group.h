// Sorting by a small key in linear time, for lists that are larger than the caches.
#pragma once
#include <algorithm>
#include <cstdint>
#include <memory>
#include <numeric>
#include <vector>

#include "pare/base/parallel.h"

namespace pare::graph {

/// Where the items of each key in [0, keys) begin, when items of one key lie together in the order of `each`.
/// `each(f)` calls f(key, item) for every item, and does so twice. `room(count)` is told how many there are, then
/// `place(item, position)` gets each of them, from several threads.
///
/// Above some size, items are first parted by the leading bits of their keys, so that neither step writes to more
/// places at once than the caches and the table of pages can hold.
template <class Item, class Each, class Room, class Place>
std::vector<std::int64_t> group(std::int64_t keys, const Each& each, const Room& room, const Place& place) {
  std::vector<std::int64_t> begin(static_cast<std::size_t>(keys) + 1);
  each([&](std::int32_t key, const Item&) { ++begin[key + 1]; });
  std::partial_sum(begin.begin(), begin.end(), begin.begin());
  room(begin.back());

  std::vector<std::int64_t> next(begin.begin(), begin.end() - 1);
  constexpr std::int64_t few_keys = 1 << 14;
  if (keys <= few_keys || begin.back() < few_keys) {
    each([&](std::int32_t key, const Item& item) { place(item, next[key]++); });
    return begin;
  }
  struct Parted {
    std::int32_t key;
    Item item;
  };
  constexpr std::int64_t most_parts = 512;
  int shift = 0;
  while (((keys - 1) >> shift) >= most_parts) ++shift;
  const std::int64_t parts = ((keys - 1) >> shift) + 1;
  // not a vector, which would write it all once more
  const std::unique_ptr<Parted[]> parted(new Parted[static_cast<std::size_t>(begin.back())]);
  std::vector<std::int64_t> at(static_cast<std::size_t>(parts));
  for (std::int64_t p = 0; p < parts; ++p) at[p] = begin[p << shift];
  each([&](std::int32_t key, const Item& item) { parted[at[key >> shift]++] = {key, item}; });
  parallel_for(static_cast<std::size_t>(parts), [&](std::size_t p) {
    const std::int64_t first = static_cast<std::int64_t>(p) << shift;
    const std::int64_t last = std::min(keys, static_cast<std::int64_t>(p + 1) << shift);
    for (std::int64_t i = begin[first]; i < begin[last]; ++i) place(parted[i].item, next[parted[i].key]++);
  });
  return begin;
}

}  // namespace pare::graph
