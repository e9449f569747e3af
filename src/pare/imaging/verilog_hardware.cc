#include "pare/imaging/verilog_hardware.h"

#include <fmt/format.h>

#include <algorithm>

#include "pare/imaging/integers.h"

namespace pare::imaging {

Hardware::Hardware(const Pipeline& pipeline_, const Graph& graph_, const Schedule& schedule_,
                   const rtl::Memory& memory_)
    : pipeline(pipeline_),
      graph(graph_),
      schedule(schedule_),
      memory(memory_),
      prefix(rtl::identifier(pipeline_.name)) {
  for (std::size_t s = 0; s < schedule.start.size(); ++s)  // a stage computes in the cycle before its pixel is there
    origin = std::min(origin, schedule.start[s] - !pipeline.stages[s].is_input);
  for (const Edge& edge : graph.edges) origin = std::min(origin, fetch_start(graph, schedule.start, edge));
}

int Hardware::source_of(int e) const {
  const auto& sources = stage(edge(e).consumer).sources;
  return static_cast<int>(std::ranges::find(sources, edge(e).producer, &Source::stage) - sources.begin());
}

std::vector<int> Hardware::edges_into(int s) const {
  std::vector<int> out;
  for (std::size_t e = 0; e < graph.edges.size(); ++e)
    if (graph.edges[e].consumer == s) out.push_back(static_cast<int>(e));
  return out;
}

std::vector<Fetch> Hardware::fetches_of(const Buffer& buffer) const {
  std::vector<Fetch> out;
  std::size_t reader = 0;
  for (std::size_t i = 0; i < graph.edges.size(); ++i) {
    const Edge& edge = graph.edges[i];
    if (edge.producer != buffer.stage) continue;
    const int e = static_cast<int>(i);
    const std::vector<int> ports = buffer.registers ? std::vector<int>{} : buffer.ports.at(reader);
    ++reader;
    const auto same = std::ranges::find_if(out, [&](const Fetch& f) {
      return f.start == fetch(e) && f.multiply == edge.multiply && f.divide == edge.divide && f.ports == ports &&
             (!buffer.registers || (f.up == edge.window.up && f.down == edge.window.down));
    });
    if (same == out.end()) {
      out.push_back({fetch(e),
                     step(edge.producer),
                     step(edge.consumer),
                     edge.multiply,
                     edge.divide,
                     edge.window.up,
                     edge.window.down,
                     {e},
                     ports});
      continue;
    }
    same->up = std::max(same->up, edge.window.up);
    same->down = std::max(same->down, edge.window.down);
    same->edges.push_back(e);
  }
  return out;
}

std::vector<Tap> Hardware::taps(int e) const {
  std::set<Tap> out;
  for (const Node& node : stage(edge(e).consumer).nodes)
    if (node.op == Op::pixel && node.read.source == source_of(e))
      for (int lane = 0; lane < graph.lanes; ++lane) out.insert({lane, node.read.dy, node.read.dx});
  return {out.begin(), out.end()};
}

Place Hardware::place(int e, int position) const {
  const int word = floor_divide(position, graph.lanes);
  return {newest(e) - word, position - word * graph.lanes};
}

std::string Hardware::module(const std::string& kind, const std::string& what) const {
  return fmt::format("{}_{}_{}", prefix, kind, what);
}

}  // namespace pare::imaging
