// What a way of buffering a pipeline costs: the scheduler's and others', in the same terms.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "pare/imaging/schedule.h"

namespace pare::imaging {

/// What holds the pixels of one stage, or of several that are kept side by side.
struct Store {
  std::string stage;        // "a+b" of several
  int lines = 0;            // of the image, of each stage counted
  int lines_per_block = 1;  // that share a group of blocks
  int blocks = 0;           // of the memory
  std::int64_t bits = 0;    // in memory
  std::int64_t register_bits = 0;
  int ports_missing = 0;         // that a block would need beyond its own
  double reads = 0, writes = 0;  // of single blocks, for a frame
};

struct Design {
  std::string name;
  std::string note;                 // what must be known to read the figures; may be empty
  Graph graph;                      // of what starts; not the pipeline's own where values are passed on
  std::vector<std::int64_t> start;  // [graph's stages], the least start or fetch is 0
  std::vector<Store> stores;

  std::int64_t sum(std::int64_t Store::*member) const;
  int sum(int Store::*member) const;
  /// The most that any block lacks; 0 where the memory can do it.
  int ports_missing() const;
  /// Of all accesses in a frame, picojoules; nothing where the memory says no energy.
  std::optional<double> energy_pj(const rtl::Memory& memory) const;
};

Design design_of(const Graph& graph, const Schedule& schedule, const rtl::Memory& memory);

/// The buffer's part of a design; its lines, bits and blocks are filled in.
Store store_of(const Graph& graph, std::span<const std::int64_t> start, const Buffer& buffer,
               const rtl::Memory& memory);

/// Of one stage, with the fewest lines that the starts leave possible; where the memory has too few ports, with as many
/// more that read and write as it takes. Nothing where nobody reads the stage.
std::optional<Store> least_store(const Graph& graph, std::span<const std::int64_t> start, int stage,
                                 const rtl::Memory& memory);

}  // namespace pare::imaging
