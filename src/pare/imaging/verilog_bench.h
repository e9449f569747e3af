// Test benches, test vectors and a Makefile beside the Verilog.
#pragma once
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "pare/imaging/graph.h"
#include "pare/imaging/interpret.h"
#include "pare/imaging/pipeline.h"
#include "pare/imaging/schedule.h"
#include "pare/rtl/memory.h"

namespace pare::imaging {

/// File name -> text: bench.cc, bench.h and design.cc for Verilator, bench.v for Icarus, and vectors/NAME.hex, the
/// words of every input and of every output as the interpreter computes it. `frames` [frames][inputs], at least one.
std::map<std::string, std::string> write_bench(const Pipeline& pipeline, const Graph& graph, const Schedule& schedule,
                                               const std::vector<std::vector<Frame>>& frames);

/// Makefile: `make lint`, `make test` (needs write_bench's files), `make icarus`, `make area`.
std::string write_makefile(const Pipeline& pipeline, const std::map<std::string, std::string>& verilog);

/// All of it below a folder: verilog/*.v, Makefile, and where there are frames the benches and vectors.
void write_hardware(const std::filesystem::path& folder, const Pipeline& pipeline, const Graph& graph,
                    const Schedule& schedule, const rtl::Memory& memory,
                    const std::vector<std::vector<Frame>>& frames = {});

}  // namespace pare::imaging
