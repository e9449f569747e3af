// What the parts of the Verilog writer share: how the schedule maps to counters, fetches and windows.
#pragma once
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "pare/imaging/graph.h"
#include "pare/imaging/pipeline.h"
#include "pare/imaging/schedule.h"
#include "pare/rtl/memory.h"
#include "pare/rtl/verilog.h"

namespace pare::imaging {

/// Readers of one stage that fetch in the same cycles: one column of rows -up .. down around their row.
struct Fetch {
  std::int64_t start = 0;
  int column_step = 1, row_step = 1;  // cycles between columns, rows of the finest stage between rows
  int multiply = 1, divide = 1;       // as in Edge
  int up = 0, down = 0;
  std::vector<int> edges;
  std::vector<int> ports;  // [row within the block]; empty for registers
  int height() const { return up + down + 1; }
};

/// A word of a stage's row that a tap needs: how many fetches old it is, and which of its pixels.
struct Place {
  int age = 0, lane = 0;
  bool operator==(const Place&) const = default;
};

/// A pixel that a stage reads, for one lane.
struct Tap {
  int lane = 0, dy = 0, dx = 0;
  auto operator<=>(const Tap&) const = default;
};

/// Which pixel counter a module needs: the first pixel's cycle and the cycles and rows between pixels.
struct Raster {
  std::int64_t start = 0;
  int column_step = 1, row_step = 1;
  auto operator<=>(const Raster&) const = default;
};

class Hardware {
 public:
  Hardware(const Pipeline& pipeline, const Graph& graph, const Schedule& schedule, const rtl::Memory& memory);

  const Pipeline& pipeline;
  const Graph& graph;
  const Schedule& schedule;
  const rtl::Memory& memory;
  std::string prefix;       // of every module's name
  std::int64_t origin = 0;  // the cycle of the schedule in which the hardware starts, at most 0

  const Stage& stage(int s) const { return pipeline.stages[static_cast<std::size_t>(s)]; }
  const Edge& edge(int e) const { return graph.edge(e); }
  int step(int s) const { return graph.stage(s).step; }
  int pixel_bits(int s) const { return stage(s).type.bits * stage(s).type.channels; }
  int word_bits(int s) const { return graph.word_bits(s); }
  int columns(int s) const { return graph.width / step(s); }  // pixels
  int rows(int s) const { return graph.height / step(s); }
  int words(int s) const { return graph.words(s); }
  std::int64_t start(int s) const { return schedule.start[static_cast<std::size_t>(s)] - origin; }
  std::int64_t fetch(int e) const { return fetch_start(graph, schedule.start, edge(e)) - origin; }
  std::int64_t first_input() const { return imaging::first_input(graph, schedule.start) - origin; }
  /// The source of the consumer's that the edge is.
  int source_of(int e) const;
  std::vector<int> edges_into(int s) const;
  std::vector<Fetch> fetches_of(const Buffer& buffer) const;
  /// All reads of the edge, for all lanes, in order.
  std::vector<Tap> taps(int e) const;

  /// Where the newest word of a window lies to the right of the word at the pixel itself.
  int newest(int e) const { return graph.newest_word(edge(e)); }
  Place place(int e, int position) const;  // of the pixel so far from the first of the consumer's word
  std::string module(const std::string& kind, const std::string& what) const;
};

// One module each: the text, under the module's name.
using Modules = std::map<std::string, std::string>;
/// Names of the modules of a part.
std::string stage_module(const Hardware& hardware, int stage);
std::string window_module(const Hardware& hardware, int edge);
std::string buffer_module(const Hardware& hardware, const Buffer& buffer);
std::string raster_module(const Hardware& hardware, int column_step, int row_step);

void write_stage(const Hardware& hardware, int stage, Modules& out);
void write_window(const Hardware& hardware, int edge, Modules& out);
void write_buffer(const Hardware& hardware, const Buffer& buffer, Modules& out);
void write_top(const Hardware& hardware, Modules& out);

/// A stage needs to know where its pixel is.
bool uses(const Stage& stage, Op op);
/// A window needs its row to apply the border rule above and below, its column beside.
bool needs_row(const Hardware& hardware, int edge);
bool needs_column(const Hardware& hardware, int edge);
/// A window keeps columns before the newest; or anything.
bool has_older(const Hardware& hardware, int edge);
bool has_registers(const Hardware& hardware, int edge);
/// What is fetched is all that is read.
bool is_wire(const Hardware& hardware, int edge);

}  // namespace pare::imaging
