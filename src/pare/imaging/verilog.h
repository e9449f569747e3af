// A scheduled pipeline as Verilog.
#pragma once
#include <map>
#include <string>

#include "pare/imaging/graph.h"
#include "pare/imaging/pipeline.h"
#include "pare/imaging/schedule.h"
#include "pare/rtl/memory.h"

namespace pare::imaging {

/// Synthesisable Verilog 2005: file name -> text, one module a file. docs/imaging.md, "Verilog", describes the ports.
/// Throws Error for what is not written yet.
std::map<std::string, std::string> write_verilog(const Pipeline& pipeline, const Graph& graph, const Schedule& schedule,
                                                 const rtl::Memory& memory);

/// Name of the module that holds the others.
std::string top_module(const Pipeline& pipeline);

/// Cycles from the first pixel taken by the input that starts first to the first pixel of each output stage, in the
/// order of stages, when nothing stalls.
std::map<std::string, std::int64_t> fill_cycles(const Graph& graph, const Schedule& schedule);

}  // namespace pare::imaging
