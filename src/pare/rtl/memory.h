// On-chip memories: the blocks that a target has, their ports, and what they cost.
#pragma once
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace pare::rtl {

enum class MemoryKind { block_ram, sram };

/// Ports of one block: each does one access a cycle.
struct Ports {
  int read_write = 0, read = 0, write = 0;
  int all() const { return read_write + read + write; }
  bool operator==(const Ports&) const = default;
};

/// One size that a block comes in. An FPGA's block has several shapes of the same bits.
struct Shape {
  int words = 0, bits = 0;
};

/// A figure with the source it was taken from.
struct Sourced {
  double value = 0;
  std::string source;
};

struct Memory {
  std::string name;
  MemoryKind kind = MemoryKind::block_ram;
  Ports ports;
  std::vector<Shape> shapes;   // a buffer uses the one that needs the fewest blocks
  bool exact = false;          // a macro is made to measure: bits are counted, blocks are buffers' lines
  int mux_bits_per_block = 0;  // bits of two-to-one multiplexers behind stacked blocks that are worth a block; 0: none
  int blocks = 0;              // that the target has; 0: as many as are wanted
  int lines_per_block = 1;     // image lines that may share a block (line coalescing)
  int register_depth = 50;     // a buffer of pointwise readers whose pixels live at most so many cycles is registers
  std::optional<Sourced> read_pj, write_pj, leakage_uw;  // of one access to one block; of one block
  std::optional<Sourced> area_um2;                       // of one block
  std::string hash;                                      // of the file it came from
};

/// Reads a memory's TOML (docs/imaging.md lists its keys). Throws Error naming the line of what is missing, unknown or
/// out of range.
Memory read_memory(const std::filesystem::path& path);
Memory parse_memory(const std::string& text, const std::string& where);

/// A memory that comes with pare, by name, or else that of a file. Throws UsageError where it is neither.
Memory find_memory(const std::string& name_or_file);
/// Of memories/*.toml, sorted.
std::vector<std::string> memory_names();

/// Blocks that hold `words` words of `bits` bits: those of the shape that needs the fewest, with its multiplexers as
/// parts of blocks. Exact memories take one. Both are above 0.
int blocks_for(const Memory& memory, int words, int bits);
/// Those of them that one access uses: as many as lie side by side; of blocks that are stacked one is selected.
int blocks_across(const Memory& memory, int words, int bits);

}  // namespace pare::rtl
