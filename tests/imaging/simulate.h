// Runs generated Verilog in the tools that are installed.
#pragma once
#include <array>
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include "pare/base/temporary.h"
#include "pare/imaging/verilog_bench.h"

namespace pare::imaging {

struct Outcome {
  bool good = false;
  std::string log;
};

/// `make TARGETS` on the design and vectors of `frames`: lint and test unless told otherwise.
inline Outcome simulate(const Pipeline& pipeline, const Graph& graph, const Schedule& schedule,
                        const rtl::Memory& memory, const std::vector<std::vector<Frame>>& frames,
                        const std::string& targets = "lint test") {
  const TemporaryFolder folder("pare-verilog");
  write_hardware(folder.path(), pipeline, graph, schedule, memory, frames);
  // one base folder, so that a compiler cache finds what other designs share
  const std::string command = "CCACHE_BASEDIR=/ make -s -C '" + folder.path().string() + "' " + targets + " 2>&1";
  Outcome out;
  FILE* pipe = popen(command.c_str(), "r");
  std::array<char, 4096> part{};
  while (pipe && fgets(part.data(), part.size(), pipe)) out.log += part.data();
  out.good = pipe && pclose(pipe) == 0;
  return out;
}

}  // namespace pare::imaging
