#include "pare/rtl/area.h"

#include <fmt/format.h>

#include <array>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <utility>

#include "pare/base/error.h"
#include "pare/base/file.h"
#include "pare/base/temporary.h"

namespace pare::rtl {
namespace {

constexpr std::array<std::pair<const char*, const char*>, 3> families{
    {{"ice40", "synth_ice40"}, {"ecp5", "synth_ecp5"}, {"xilinx7", "synth_xilinx -family xc7 -noiopad"}}};

/// A command's exit status and all that it printed.
std::pair<int, std::string> run(const std::string& command) {
  std::string text;
  FILE* pipe = popen((command + " 2>&1").c_str(), "r");
  if (!pipe) return {-1, text};
  std::array<char, 4096> part{};
  while (const std::size_t size = std::fread(part.data(), 1, part.size(), pipe)) text.append(part.data(), size);
  return {pclose(pipe), text};
}

}  // namespace

Family parse_family(const std::string& name, const std::string& option) {
  for (std::size_t i = 0; i < families.size(); ++i)
    if (name == families[i].first) return static_cast<Family>(i);
  throw UsageError(fmt::format("no family '{}'", name), option, "ice40, ecp5 or xilinx7");
}

const char* name(Family family) { return families[static_cast<std::size_t>(family)].first; }

Area parse_area(const std::string& text) {
  const auto begin = text.find('{');
  const auto json = nlohmann::json::parse(begin == std::string::npos ? "" : text.substr(begin), nullptr, false);
  if (json.is_discarded() || !json.contains("design")) throw Error("Yosys gave no statistics", "area");
  Area area;
  area.tool = json.value("creator", "Yosys");
  area.all_cells = json["design"].value("num_cells", 0L);
  for (const auto& [type, count] : json["design"]["num_cells_by_type"].items()) {
    const long n = count.get<long>();
    const auto starts = [&type = type](const char* prefix) { return type.starts_with(prefix); };
    area.cells[type] = n;
    if (starts("SB_LUT4") || starts("LUT")) area.luts += n;
    if (starts("SB_DFF") || starts("TRELLIS_FF") || starts("FD")) area.flip_flops += n;
    if (starts("SB_MAC16") || starts("MULT18X18D") || starts("DSP48E1")) area.multipliers += n;
    if (starts("SB_RAM40_4K") || starts("DP16KD") || starts("RAMB18E1")) area.block_rams += n;
    if (starts("RAMB36E1")) area.block_rams += 2 * n;
  }
  return area;
}

Area synthesise(const std::map<std::string, std::string>& verilog, const std::string& top, Family family) {
  const TemporaryFolder folder("pare-area");
  std::string script = "read_verilog";
  for (const auto& [name, text] : verilog) {
    write_file(folder.path() / name, text);
    script += " " + name;
  }
  script += fmt::format("\n{} -top {}\nflatten\ntee -o area.json stat -json\n",
                        families[static_cast<std::size_t>(family)].second, top);
  write_file(folder.path() / "area.ys", script);
  const auto [status, text] = run("cd '" + folder.path().string() + "' && yosys -q -s area.ys");
  if (status == 0) return parse_area(read_file(folder.path() / "area.json"));
  if (text.find("not found") != std::string::npos)
    throw Error("Yosys is not installed", "area", "apt-get install yosys");
  throw Error("Yosys refuses the design: " + printable(text), top);
}

}  // namespace pare::rtl
