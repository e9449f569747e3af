// Area on an FPGA, as Yosys counts it after technology mapping (before placement).
#pragma once
#include <map>
#include <string>

namespace pare::rtl {

enum class Family { ice40, ecp5, xilinx7 };

/// "ice40", "ecp5" or "xilinx7". Throws UsageError for another, naming `option`.
Family parse_family(const std::string& name, const std::string& option);
const char* name(Family family);

struct Area {
  std::map<std::string, long> cells;  // by type
  long all_cells = 0, luts = 0, flip_flops = 0, multipliers = 0;
  long block_rams = 0;  // SB_RAM40_4K; DP16KD; halves of a 36 kbit block: RAMB18E1, and two a RAMB36E1
  std::string tool;     // "Yosys 0.23 ..."
};

/// Synthesises Verilog (file name -> text) with `top` as the uppermost module. Throws Error where Yosys is missing or
/// refuses it.
Area synthesise(const std::map<std::string, std::string>& verilog, const std::string& top, Family family);

/// What Yosys wrote for `stat -json`, with whatever stands before it.
Area parse_area(const std::string& text);

}  // namespace pare::rtl
