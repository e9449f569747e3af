// When every stage starts and where its lines lie, with the least memory.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "pare/imaging/graph.h"
#include "pare/rtl/memory.h"

namespace pare::imaging {

/// The buffer of one stage. Image row q (counted over all frames, without a gap between them) lies in line q mod lines;
/// lines b * lines_per_block .. + lines_per_block - 1 share a group of memory blocks.
struct Buffer {
  int stage = 0;
  bool registers = false;  // a chain of registers: no lines
  int depth = 0;           // pixels of that chain
  int lines = 0;           // a multiple of lines_per_block
  int lines_per_block = 1;
  std::int64_t bits = 0;  // of all lines, or of the chain
  int blocks = 0;         // of the memory
  /// The port of every access [reader edges of this stage in the graph's order, the writer last][row within the block].
  /// Accesses that share a fetch have the same port. Empty for registers.
  std::vector<std::vector<int>> ports;
};

struct Schedule {
  std::vector<std::int64_t> start;  // [stages], cycle of the first pixel; the least start or fetch is 0
  std::vector<Buffer> buffers;      // of stages that are read, in the order of stages
  double objective = 0;             // in the units of what was minimised
  double bound = 0;                 // no schedule is better than this; equal to objective where it is proven
  int rounds = 0;                   // of adding constraints
  double solver_s = 0;
  std::string program;  // the last integer program, in LP format

  int lines() const;
  int blocks() const;
  std::int64_t bits() const;  // of lines
  std::int64_t register_bits() const;
};

/// Cycle in which the consumer of an edge fetches the column at its first pixel.
std::int64_t fetch_start(const Graph& graph, std::span<const std::int64_t> start, const Edge& edge);
/// The least start of an input.
std::int64_t first_input(const Graph& graph, std::span<const std::int64_t> start);
/// Moves all starts so that the least start or fetch is 0.
void normalise(const Graph& graph, std::vector<std::int64_t>& start);

/// Blocks that so many lines of a stage take side by side.
int blocks_of(const Graph& graph, int stage, int lines, const rtl::Memory& memory);
/// Those of them that one access uses.
int blocks_across(const Graph& graph, int stage, int lines, const rtl::Memory& memory);

enum class Objective { lines, bits, blocks, power };

struct ScheduleOptions {
  Objective objective = Objective::blocks;
  double time_limit_s = 60;  // then the best found is given, with its bound
  bool suggest = true;       // where none exists, look for a memory that has one
};

/// The schedule of least cost under the memory's ports. Throws Error where none exists, naming the stage whose readers
/// conflict and the smallest change that helps.
Schedule schedule(const Graph& graph, const rtl::Memory& memory, const ScheduleOptions& options = {});

/// What is wrong with a buffer under given starts, or an empty string: exact, for all frames (specification, 4.2).
std::string conflict(const Graph& graph, std::span<const std::int64_t> start, const Buffer& buffer,
                     const rtl::Ports& ports);

}  // namespace pare::imaging
