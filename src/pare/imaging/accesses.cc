#include "pare/imaging/accesses.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <set>
#include <tuple>

#include "pare/imaging/integers.h"
#include "pare/imaging/schedule.h"

namespace pare::imaging {
namespace {

/// Two windows that lie apart leave rows between them alone.
bool touches(const Graph& graph, const Accessor& a, int offset) {
  return a.writes() || std::ranges::any_of(a.edges, [&](int e) {
           const Window& w = graph.edge(e).window;
           return -w.up <= offset && offset <= w.down;
         });
}

std::ptrdiff_t writers(std::span<const Accessor> accessors, const std::vector<Access>& meeting) {
  return std::ranges::count_if(
      meeting, [&](const Access& a) { return accessors[static_cast<std::size_t>(a.accessor)].writes(); });
}

/// "'stage'" or "'stage' (3)", and the writer last.
std::vector<std::string> who(const Graph& graph, std::span<const Accessor> accessors,
                             const std::vector<Access>& meeting) {
  std::vector<std::string> out;
  for (std::size_t i = 0; i < accessors.size(); ++i) {
    const auto count = std::ranges::count(meeting, static_cast<int>(i), &Access::accessor);
    if (count == 0) continue;
    std::vector<std::string> names;
    for (const int e : accessors[i].edges)
      names.push_back(fmt::format("'{}'", graph.stage(graph.edge(e).consumer).name));
    out.push_back(names.empty() ? "what writes it" : fmt::format("{}", fmt::join(names, " with ")));
    if (count > 1) out.back() += fmt::format(" ({})", count);
  }
  return out;
}

}  // namespace

bool allowed(std::span<const Accessor> accessors, const std::vector<Access>& meeting, const rtl::Ports& ports) {
  const auto writes = writers(accessors, meeting), reads = std::ssize(meeting) - writes;
  return reads <= ports.read_write + ports.read && writes <= ports.read_write + ports.write &&
         reads + writes <= ports.all();
}

std::int64_t fetch_start(const Graph& graph, std::span<const std::int64_t> start, const Edge& edge) {
  return start[static_cast<std::size_t>(edge.consumer)] - graph.look_ahead(edge);
}

std::int64_t first_input(const Graph& graph, std::span<const std::int64_t> start) {
  std::int64_t first = INT64_MAX;
  for (std::size_t s = 0; s < start.size(); ++s)
    if (graph.stages[s].is_input) first = std::min(first, start[s]);
  return first;
}

void normalise(const Graph& graph, std::vector<std::int64_t>& start) {
  std::int64_t origin = *std::ranges::min_element(start);
  for (const Edge& e : graph.edges) origin = std::min(origin, fetch_start(graph, start, e));
  for (std::int64_t& s : start) s -= origin;
}

std::vector<Accessor> accessors(const Graph& graph, std::span<const std::int64_t> start, int stage) {
  std::vector<Accessor> out;
  for (std::size_t e = 0; e < graph.edges.size(); ++e) {
    const Edge& edge = graph.edges[e];
    if (edge.producer != stage) continue;
    const Accessor reader{.edges = {static_cast<int>(e)},
                          .start = fetch_start(graph, start, edge),
                          .step = graph.stage(edge.consumer).step,
                          .up = edge.window.up,
                          .down = edge.window.down,
                          .multiply = edge.multiply,
                          .divide = edge.divide};
    const auto same = std::ranges::find_if(out, [&](const Accessor& a) {
      return std::tie(a.start, a.multiply, a.divide) == std::tie(reader.start, reader.multiply, reader.divide);
    });
    if (same == out.end()) {
      out.push_back(reader);
      continue;
    }
    same->edges.push_back(static_cast<int>(e));
    same->up = std::max(same->up, reader.up);
    same->down = std::max(same->down, reader.down);
  }
  out.push_back({.edges = {}, .start = start[static_cast<std::size_t>(stage)], .step = graph.stage(stage).step});
  return out;
}

void for_each_moment(const Graph& graph, int stage, std::span<const Accessor> accessors, int lines, int lines_per_block,
                     const std::function<bool(const std::vector<Access>&)>& see) {
  const std::int64_t row = graph.period(), step = graph.stage(stage).step;
  // Who is in which of its rows changes only where somebody's row begins; the pattern of lines comes again after all
  // lines were written, and after as many rows as a sampling reader takes at once.
  std::set<std::int64_t> changes;
  std::int64_t latest = 0, rows = lines;
  for (const Accessor& a : accessors) {
    changes.insert(((a.start % row) + row) % row);
    rows = std::lcm(rows, static_cast<std::int64_t>(a.multiply));
    latest = std::max(latest, floor_divide(a.start, row) + 1 + (a.up + std::int64_t{1}) * step * a.divide);
  }
  std::map<std::int64_t, std::vector<Access>> blocks;
  for (std::int64_t slot = latest; slot < latest + rows * step; ++slot)
    for (const std::int64_t change : changes) {
      blocks.clear();
      for (std::size_t i = 0; i < accessors.size(); ++i) {
        const Accessor& a = accessors[i];
        const std::int64_t own = floor_divide(slot * row + change - a.start, row);
        if (own % a.step) continue;  // between its rows
        const std::int64_t middle = own / a.step * a.multiply / a.divide;
        for (std::int64_t q = middle - a.up; q <= middle + a.down; ++q) {
          if (!touches(graph, a, static_cast<int>(q - middle))) continue;
          const std::int64_t line = ((q % lines) + lines) % lines;
          blocks[line / lines_per_block].push_back({static_cast<int>(i), static_cast<int>(line % lines_per_block), q,
                                                    static_cast<int>(q - middle), own * row});
        }
      }
      for (const auto& [block, accesses] : blocks)
        if (!see(accesses)) return;
    }
}

std::string conflict(const Graph& graph, std::span<const std::int64_t> start, const Buffer& buffer,
                     const rtl::Ports& ports) {
  const StageShape& stage = graph.stage(buffer.stage);
  const std::int64_t pitch = graph.pitch(buffer.stage);
  const auto all = accessors(graph, start, buffer.stage);
  for (const Accessor& a : all) {
    if (a.writes()) continue;
    const Edge& edge = graph.edge(a.edges[0]);
    const StageShape& reader = graph.stage(edge.consumer);
    const std::int64_t distance = a.start - start[static_cast<std::size_t>(buffer.stage)];
    if (distance < a.down * pitch + 1)
      return fmt::format("'{}' reads row {} of '{}' before it is written", reader.name, a.down, stage.name);
    if (buffer.registers) {
      if (a.up + a.down != 0 || a.multiply != 1 || a.divide != 1)
        return fmt::format("'{}' reads several rows of '{}', which has no lines", reader.name, stage.name);
      if (distance + a.up * pitch > buffer.depth)
        return fmt::format("'{}' reads '{}' {} cycles late, registers keep {}", reader.name, stage.name, distance,
                           buffer.depth);
      continue;
    }
    if (buffer.lines * pitch < distance + a.up * pitch + graph.repeated(edge) + 1 || buffer.lines < a.up + a.down + 1)
      return fmt::format("'{}' reads a row of '{}' that is overwritten: {} lines are too few", reader.name, stage.name,
                         buffer.lines);
  }
  if (buffer.registers) return "";
  std::string found;
  for_each_moment(graph, buffer.stage, all, buffer.lines, buffer.lines_per_block, [&](const auto& accesses) {
    if (allowed(all, accesses, ports)) return true;
    found = fmt::format("a block of '{}' is asked for {} accesses in one cycle by {}", stage.name, accesses.size(),
                        fmt::join(who(graph, all, accesses), ", "));
    return false;
  });
  return found;
}

}  // namespace pare::imaging
