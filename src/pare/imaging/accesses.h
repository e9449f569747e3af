// Who touches which memory block of a buffer, and when.
#pragma once
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "pare/imaging/graph.h"
#include "pare/rtl/memory.h"

namespace pare::imaging {

/// The stores of a stage, or the fetches of one reader, or of several that start together: a row that two of those read
/// is read once.
struct Accessor {
  std::vector<int> edges;  // of the graph; empty: the writer
  std::int64_t start = 0;  // cycle of the first column of its own row 0
  int step = 1;            // rows of the finest stage from one of its rows to the next
  int up = 0, down = 0;    // rows around the one below its own that all it touches lie in
  int multiply = 1, divide = 1;

  bool writes() const { return edges.empty(); }
};

/// Of a stage's buffer: readers in the order of their first edges, the writer last.
std::vector<Accessor> accessors(const Graph& graph, std::span<const std::int64_t> start, int stage);

struct Access {
  int accessor = 0;
  int row = 0;             // within the block
  std::int64_t line = 0;   // counted without wrapping: the image row
  int offset = 0;          // of that row from the one below the accessor's own
  std::int64_t begin = 0;  // of the accessor's own row, cycles after its start
};

/// Whether a block's ports can do all that meets in it.
bool allowed(std::span<const Accessor> accessors, const std::vector<Access>& meeting, const rtl::Ports& ports);

/// Calls `see` with what touches one group of blocks at one time, for every time and group that differ, once the
/// pipeline is full; until it says false. Rows of an image that has no end.
void for_each_moment(const Graph& graph, int stage, std::span<const Accessor> accessors, int lines, int lines_per_block,
                     const std::function<bool(const std::vector<Access>&)>& see);

}  // namespace pare::imaging
