#include "pare/imaging/verilog.h"

#include <fmt/format.h>

#include <algorithm>

#include "pare/base/error.h"
#include "pare/imaging/verilog_hardware.h"

namespace pare::imaging {

std::string top_module(const Pipeline& pipeline) { return rtl::identifier(pipeline.name) + "_top"; }

std::map<std::string, std::string> write_verilog(const Pipeline& pipeline, const Graph& graph, const Schedule& schedule,
                                                 const rtl::Memory& memory) {
  for (const Edge& edge : graph.edges)
    if (graph.lanes > 1 && edge.multiply * edge.divide > 1)
      throw Error("several pixels a clock and stages of different sizes do not go together yet", pipeline.name,
                  "give --lanes 1");
  const Hardware hardware(pipeline, graph, schedule, memory);
  Modules modules;
  for (std::size_t s = 0; s < pipeline.stages.size(); ++s)
    if (!pipeline.stages[s].is_input) write_stage(hardware, static_cast<int>(s), modules);
  for (std::size_t e = 0; e < graph.edges.size(); ++e)
    if (!is_wire(hardware, static_cast<int>(e))) write_window(hardware, static_cast<int>(e), modules);
  for (const Buffer& buffer : schedule.buffers) write_buffer(hardware, buffer, modules);
  write_top(hardware, modules);
  std::map<std::string, std::string> files;
  for (auto& [name, text] : modules) files[name + ".v"] = std::move(text);
  return files;
}

std::map<std::string, std::int64_t> fill_cycles(const Graph& graph, const Schedule& schedule) {
  const std::int64_t first = first_input(graph, schedule.start);
  std::map<std::string, std::int64_t> out;
  for (std::size_t s = 0; s < graph.stages.size(); ++s)
    if (graph.stages[s].is_output) out[graph.stages[s].name] = std::max<std::int64_t>(schedule.start[s] - first, 0);
  return out;
}

}  // namespace pare::imaging
