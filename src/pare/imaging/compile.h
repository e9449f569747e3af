// pare imaging compile: the schedule of least memory, beside what other tools would make of the same pipeline.
#pragma once
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "pare/imaging/relay.h"
#include "pare/rtl/area.h"
#include "pare/study/study.h"

namespace pare::imaging {

struct CompileRequest {
  std::filesystem::path pipeline;
  std::string memory;           // a name that pare knows or a file
  int width = 0, height = 0;    // pixels of the finest stage
  int lanes = 1;                // pixels a clock
  std::optional<int> coalesce;  // lines that share a block; otherwise the memory says
  ScheduleOptions schedule = {};
  bool relays = false;              // also add stages that pass pixels on, where they save memory
  std::filesystem::path output;     // folder; empty: nothing is written
  std::vector<std::string> test;    // images of test vectors, as test_frames takes them; empty: none are written
  std::optional<rtl::Family> area;  // FPGA whose area Yosys counts
};

/// Candidates are the optimum, with relays too where they are asked for, and the baselines that apply. Writes
/// the chosen one: schedule.json, schedule.lp, the integer program whose optimum it is, and its Verilog and test bench
/// (verilog_bench.h).
study::Study compile(const CompileRequest& request);

/// Starts, fetches, lines, blocks and ports, for those who build from it: docs/imaging.md describes it.
study::Json to_json(const Graph& graph, const Schedule& schedule);

/// "lines", "bits", "blocks", "power".
const char* name(Objective objective);
Objective parse_objective(const std::string& text);

}  // namespace pare::imaging
