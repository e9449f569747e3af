// What the scheduler sees of a pipeline: who reads which window of whom, how wide pixels are, how large images are.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "pare/imaging/pipeline.h"

namespace pare::imaging {

struct StageShape {
  std::string name;
  int bits = 8;  // of a whole pixel
  int step = 1;  // columns and rows between neighbouring pixels, in pixels of the finest stage
  bool is_input = false, is_output = false;
};

/// One reader of a stage. All its reads are one window: a column of window.height() pixels is fetched at a time.
struct Edge {
  int producer = 0, consumer = 0;
  Window window;
  int multiply = 1, divide = 1;  // as in Source

  /// Whether pixel after pixel is read, each once and as it lies.
  bool pointwise() const { return window.up == 0 && window.down == 0 && multiply == 1 && divide == 1; }
};

/// Time is counted in cycles. A row of the finest stage takes `period` cycles; a pixel is written (x, y) into its
/// stage's buffer in cycle start + step * (y * period + x), x counted in words of `lanes` pixels.
struct Graph {
  std::vector<StageShape> stages;  // producers before consumers
  std::vector<Edge> edges;         // each pair once, by consumer and then producer
  int width = 0, height = 0;       // pixels of the finest stage
  int lanes = 1;                   // pixels a cycle: 1, 2, 4, 8; divides the width
  int latency = 2;                 // cycles from the fetch of the last column to the pixel: one to read, one to compute

  const StageShape& stage(int s) const { return stages[static_cast<std::size_t>(s)]; }
  const Edge& edge(int e) const { return edges[static_cast<std::size_t>(e)]; }

  int period() const { return width / lanes; }
  /// Cycles from one row of a stage to the next.
  std::int64_t pitch(int s) const { return std::int64_t{stage(s).step} * period(); }
  /// Words of a row of a stage, and bits of a word.
  int words(int s) const { return period() / stage(s).step; }
  int word_bits(int s) const { return stage(s).bits * lanes; }
  /// Words from that at the pixel itself to the newest that an edge's window needs.
  int newest_word(const Edge& edge) const;
  /// Cycles from the first to the last time that a consumer which enlarges takes the same rows.
  std::int64_t repeated(const Edge& edge) const { return (edge.divide - 1) * pitch(edge.consumer); }
  /// Cycles from the fetch of the column (or word) at the pixel itself to the pixel: look-ahead and latency (k of
  /// the specification).
  int look_ahead(const Edge& edge) const;
};

/// Throws Error where a window is larger than the image, or where sizes do not divide.
Graph graph_of(const Pipeline& pipeline, int width, int height, int lanes = 1);

}  // namespace pare::imaging
