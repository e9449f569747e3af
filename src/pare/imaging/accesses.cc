#include "pare/imaging/accesses.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <set>
#include <tuple>

#include "pare/imaging/schedule.h"

namespace pare::imaging {
namespace {

std::int64_t floor_divide(std::int64_t a, std::int64_t b) { return a / b - (a % b < 0); }

/// Two windows that lie apart leave rows between them alone.
bool touches(const Graph& graph, const Accessor& a, int offset) {
  return a.writes() || std::ranges::any_of(a.edges, [&](int e) {
           const Window& w = graph.edges[static_cast<std::size_t>(e)].window;
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
    for (const int e : accessors[i].edges) {
      const auto reader = static_cast<std::size_t>(graph.edges[static_cast<std::size_t>(e)].consumer);
      names.push_back(fmt::format("'{}'", graph.stages[reader].name));
    }
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

std::vector<Accessor> accessors(const Graph& graph, std::span<const std::int64_t> start, int stage) {
  std::vector<Accessor> out;
  for (std::size_t e = 0; e < graph.edges.size(); ++e) {
    const Edge& edge = graph.edges[e];
    if (edge.producer != stage) continue;
    const Accessor reader{.edges = {static_cast<int>(e)},
                          .start = fetch_start(graph, start, edge),
                          .step = graph.stages[static_cast<std::size_t>(edge.consumer)].step,
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
  const auto s = static_cast<std::size_t>(stage);
  out.push_back({.edges = {}, .start = start[s], .step = graph.stages[s].step});
  return out;
}

void for_each_moment(const Graph& graph, int stage, std::span<const Accessor> accessors, int lines, int lines_per_block,
                     const std::function<bool(const std::vector<Access>&)>& see) {
  const std::int64_t row = graph.period();
  const std::int64_t step = graph.stages[static_cast<std::size_t>(stage)].step;
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
  const auto at = [&](int stage) -> const StageShape& { return graph.stages[static_cast<std::size_t>(stage)]; };
  const StageShape& stage = at(buffer.stage);
  const std::int64_t pitch = std::int64_t{stage.step} * graph.period();  // from one row to the next
  const auto all = accessors(graph, start, buffer.stage);
  for (const Accessor& a : all) {
    if (a.writes()) continue;
    const StageShape& reader = at(graph.edges[static_cast<std::size_t>(a.edges[0])].consumer);
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
    const std::int64_t again = (a.divide - 1) * std::int64_t{a.step} * graph.period();  // rows that are read again
    if (buffer.lines * pitch < distance + a.up * pitch + again + 1 || buffer.lines < a.up + a.down + 1)
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
