#include "pare/imaging/compile.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "pare/base/error.h"
#include "pare/base/file.h"
#include "pare/base/stopwatch.h"
#include "pare/imaging/baselines.h"
#include "pare/imaging/parse.h"
#include "pare/imaging/vectors.h"
#include "pare/imaging/verilog.h"
#include "pare/imaging/verilog_bench.h"

namespace pare::imaging {
namespace {

using study::Better;
using study::Candidate;
using study::Json;
using study::Provenance;
using study::Study;

constexpr std::array objectives{Objective::lines, Objective::bits, Objective::blocks, Objective::power};

/// Cycles from the first pixel that goes in to the first of the last output that comes out.
std::int64_t fill(const Graph& graph, const std::vector<std::int64_t>& start) {
  std::int64_t out = 0;
  for (std::size_t s = 0; s < graph.stages.size(); ++s)
    if (graph.stages[s].is_output) out = std::max(out, start[s]);
  return out - first_input(graph, start);
}

Json stages_of(const Design& design) {
  Json out = Json::array();
  for (std::size_t s = 0; s < design.graph.stages.size(); ++s)
    out.push_back({{"name", design.graph.stages[s].name}, {"start_cycle", design.start[s]}});
  return out;
}

Json buffers_of(const Design& design) {
  Json out = Json::array();
  for (const Store& s : design.stores) {
    out.push_back({{"stage", s.stage},
                   {"lines", s.lines},
                   {"blocks", s.blocks},
                   {"bits", s.bits},
                   {"registers", s.register_bits},
                   {"lines_per_block", s.lines_per_block}});
    if (s.ports_missing) out.back()["ports_missing"] = s.ports_missing;
  }
  return out;
}

Candidate candidate_of(const Design& design, const rtl::Memory& memory, double seconds) {
  Candidate c{.name = design.name};
  c.decision = {{"method", design.name}, {"lines_per_block", memory.lines_per_block}};
  if (const int missing = design.ports_missing()) c.decision["ports"] = memory.ports.all() + missing;
  const auto counted = [&](const char* name, auto value, const char* unit) {
    c.costs.push_back({name, static_cast<double>(value), unit, Better::lower, Provenance::counted, {}});
  };
  counted("lines", design.sum(&Store::lines), "");
  counted("memory_bits", design.sum(&Store::bits), "bits");
  counted("memory_blocks", design.sum(&Store::blocks), "");
  counted("register_bits", design.sum(&Store::register_bits), "bits");
  if (const auto energy = design.energy_pj(memory))
    c.costs.push_back({"energy_pj", *energy, "pJ", Better::lower, Provenance::estimated, {}});
  if (memory.area_um2)
    c.costs.push_back({"area_um2",
                       memory.area_um2->value * design.sum(&Store::blocks),
                       "um2",
                       Better::lower,
                       Provenance::estimated,
                       {}});
  c.costs.push_back({"compile_s", seconds, "s", Better::lower, Provenance::measured, {}});
  c.details = {{"stages", stages_of(design)}, {"buffers", buffers_of(design)}};
  if (!design.note.empty()) c.details["note"] = design.note;
  return c;
}

/// Fronts only among designs that the memory can do.
void mark_legal_front(Study& study) {
  Study legal;
  for (const Candidate& c : study.candidates)
    if (!c.decision.contains("ports")) legal.candidates.push_back({.name = c.name, .costs = c.costs});
  study::mark_front(legal, {"lines", "memory_bits", "memory_blocks", "register_bits"});
  for (Candidate& c : study.candidates)
    for (const Candidate& marked : legal.candidates) c.front = c.front || (marked.name == c.name && marked.front);
}

rtl::Memory memory_of(const CompileRequest& request) {
  rtl::Memory memory = rtl::find_memory(request.memory);
  if (request.coalesce) memory.lines_per_block = *request.coalesce;
  return memory;
}

void check_fits(const Schedule& schedule, const rtl::Memory& memory) {
  if (memory.blocks && schedule.blocks() > memory.blocks)
    throw Error(fmt::format("{} blocks are needed{}, '{}' has {}", schedule.blocks(),
                            schedule.objective == schedule.bound ? " at least" : "", memory.name, memory.blocks),
                memory.name, "take a narrower image or a larger memory");
}

Candidate scheduled_candidate(const Compiled& compiled, const char* name, const CompileRequest& request,
                              const rtl::Memory& memory, double seconds) {
  const auto& [pipeline, graph, schedule] = compiled;
  Design design = design_of(graph, schedule, memory);
  design.name = name;
  Candidate c = candidate_of(design, memory, seconds);
  c.decision["objective"] = imaging::name(request.schedule.objective);
  const double gap = schedule.objective > 0 ? 100 * (schedule.objective - schedule.bound) / schedule.objective : 0;
  c.costs.push_back({"gap", gap, "%", Better::lower, Provenance::counted, {}});
  c.details["fill_cycles"] = fill(graph, schedule.start);
  c.details["frame_cycles"] = std::int64_t{graph.period()} * graph.height;
  return c;
}

/// What Yosys makes of the chosen design, as costs of its candidate.
void add_area(const Compiled& compiled, const rtl::Memory& memory, rtl::Family family, Study& study) {
  const auto verilog = write_verilog(compiled.pipeline, compiled.graph, compiled.schedule, memory);
  const rtl::Area area = rtl::synthesise(verilog, top_module(compiled.pipeline), family);
  Candidate& chosen = *std::ranges::find(study.candidates, study.chosen, &Candidate::name);
  for (const auto& [name, count] : {std::pair("cells", area.all_cells),
                                    {"luts", area.luts},
                                    {"flip_flops", area.flip_flops},
                                    {"multipliers", area.multipliers},
                                    {"block_rams", area.block_rams}})
    chosen.costs.push_back({name, static_cast<double>(count), "", Better::lower, Provenance::simulated, {}});
  chosen.details["cells"] = area.cells;
  study.conditions["area"] = {{"family", rtl::name(family)}, {"tool", area.tool}};
}

Json conditions_of(const CompileRequest& request, const rtl::Memory& memory, const Schedule& schedule) {
  Json c{
      {"width", request.width},
      {"height", request.height},
      {"pixels_per_cycle", request.lanes},
      {"memory", memory.name},
      {"memory_hash", memory.hash},
      {"ports", {{"read_write", memory.ports.read_write}, {"read", memory.ports.read}, {"write", memory.ports.write}}},
      {"lines_per_block", memory.lines_per_block},
      {"register_depth", memory.register_depth},
      {"objective", name(request.schedule.objective)},
      {"solver_s", schedule.solver_s},
      {"rounds", schedule.rounds}};
  for (const auto& [key, figure] :
       {std::pair("read_pj", memory.read_pj), {"write_pj", memory.write_pj}, {"area_um2", memory.area_um2}})
    if (figure) c["sources"][key] = figure->source;
  return c;
}

}  // namespace

const char* name(Objective objective) {
  switch (objective) {
    case Objective::lines: return "lines";
    case Objective::bits: return "bits";
    case Objective::blocks: return "blocks";
    default: return "power";
  }
}

Objective parse_objective(const std::string& text) {
  for (const Objective o : objectives)
    if (text == name(o)) return o;
  throw UsageError(fmt::format("'{}' is nothing to minimise", printable(text)), "--objective",
                   "lines, bits, blocks or power");
}

Json to_json(const Graph& graph, const Schedule& schedule) {
  Json stages = Json::array(), fetches = Json::array(), buffers = Json::array(), outputs = Json::array();
  for (std::size_t s = 0; s < graph.stages.size(); ++s) {
    const StageShape& stage = graph.stages[s];
    stages.push_back(
        {{"name", stage.name}, {"start_cycle", schedule.start[s]}, {"step", stage.step}, {"bits", stage.bits}});
    if (stage.is_output) outputs.push_back({{"name", stage.name}, {"first_cycle", schedule.start[s]}});
  }
  for (const Edge& e : graph.edges)
    fetches.push_back({{"of", graph.stage(e.producer).name},
                       {"by", graph.stage(e.consumer).name},
                       {"start_cycle", fetch_start(graph, schedule.start, e)},
                       {"up", e.window.up},
                       {"down", e.window.down},
                       {"left", e.window.left},
                       {"right", e.window.right}});
  for (const Buffer& b : schedule.buffers) {
    Json buffer{{"stage", graph.stage(b.stage).name}};
    if (b.registers) {
      buffer["register_depth"] = b.depth;
      buffer["register_bits"] = b.bits;
    } else {
      buffer.update(
          {{"lines", b.lines}, {"lines_per_block", b.lines_per_block}, {"blocks", b.blocks}, {"bits", b.bits}});
      std::size_t port = 0;
      for (const Edge& e : graph.edges)
        if (e.producer == b.stage) buffer["ports"][graph.stage(e.consumer).name] = b.ports.at(port++);
      buffer["ports"]["write"] = b.ports.at(port);
    }
    buffers.push_back(std::move(buffer));
  }
  return {{"pare", PARE_VERSION},
          {"width", graph.width},
          {"height", graph.height},
          {"pixels_per_cycle", graph.lanes},
          {"cycles_per_row", graph.period()},
          {"latency", graph.latency},
          {"stages", stages},
          {"fetches", fetches},
          {"buffers", buffers},
          {"outputs", outputs},
          {"fill_cycles", fill(graph, schedule.start)},
          {"objective", schedule.objective},
          {"bound", schedule.bound}};
}

Study compile(const CompileRequest& request) {
  const std::string text = read_file(request.pipeline, most_source_bytes);
  const rtl::Memory memory = memory_of(request);
  Compiled best;
  const double seconds = seconds_of([&] {
    best.pipeline = parse_pipeline(text, request.pipeline.string(), request.pipeline.stem().string());
    best.graph = graph_of(best.pipeline, request.width, request.height, request.lanes);
    best.schedule = schedule(best.graph, memory, request.schedule);
  });
  const Graph graph = best.graph;
  Study study{.verb = "imaging compile",
              .workload = {"pipeline", request.pipeline.string(), content_hash(text)},
              .conditions = conditions_of(request, memory, best.schedule),
              .chosen = "optimum"};
  study.candidates.push_back(scheduled_candidate(best, "optimum", request, memory, seconds));
  if (request.relays) {
    Compiled relayed;
    const double more_s = seconds_of([&] { relayed = relay(best, memory, request.schedule); });
    if (relayed.schedule.objective < best.schedule.objective) {
      study.candidates.push_back(scheduled_candidate(relayed, "relayed", request, memory, seconds + more_s));
      best = std::move(relayed);
      study.chosen = "relayed";
    }
  }
  check_fits(best.schedule, memory);
  std::vector<Design> others;
  const double others_s = seconds_of([&] { others = baselines(graph, memory); });
  for (const Design& d : others)
    study.candidates.push_back(candidate_of(d, memory, others_s / static_cast<double>(others.size())));
  mark_legal_front(study);
  if (request.area) add_area(best, memory, *request.area, study);
  if (!request.output.empty()) {
    write_file(request.output / "schedule.json", to_json(best.graph, best.schedule).dump(2) + "\n");
    write_file(request.output / "schedule.lp", best.schedule.program);
    std::vector<std::vector<Frame>> frames;
    if (!request.test.empty()) frames = test_frames(best.pipeline, best.graph, request.test);
    write_hardware(request.output, best.pipeline, best.graph, best.schedule, memory, frames);
  }
  return study;
}

}  // namespace pare::imaging
