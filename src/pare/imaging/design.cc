#include "pare/imaging/design.h"

#include <algorithm>
#include <numeric>

#include "pare/base/error.h"
#include "pare/imaging/accesses.h"
#include "pare/imaging/constraints.h"
#include "pare/imaging/ports.h"

namespace pare::imaging {
namespace {

constexpr int most_missing = 64;

/// A chain of registers, where the memory's rule allows it.
std::optional<Buffer> chain(const Graph& graph, std::span<const std::int64_t> start, int stage, int most_depth) {
  Buffer b{.stage = stage, .registers = true};
  if (graph.stage(stage).step != 1) return std::nullopt;
  for (const Edge& e : graph.edges) {
    if (e.producer != stage) continue;
    if (!e.pointwise()) return std::nullopt;
    const std::int64_t kept = fetch_start(graph, start, e) - start[static_cast<std::size_t>(stage)];
    if (kept > most_depth) return std::nullopt;
    b.depth = std::max(b.depth, static_cast<int>(kept));
  }
  return b;
}

/// The fewest lines in which the check finds nothing wrong: those that keep the pixels, or at most a group or two more.
std::optional<Buffer> least_lines(const Graph& graph, std::span<const std::int64_t> start, int stage, int group,
                                  const rtl::Ports& ports) {
  std::int64_t kept = 1, row = graph.pitch(stage);
  for (const Edge& e : graph.edges)
    if (e.producer == stage)
      kept = std::max(
          {kept, e.window.height() * row,
           start[static_cast<std::size_t>(e.consumer)] - start[static_cast<std::size_t>(stage)] + retention(graph, e)});
  const int groups = static_cast<int>((kept + row * group - 1) / (row * group));
  for (int more = 0; more <= 2; ++more) {
    Buffer b{.stage = stage, .lines = (groups + more) * group, .lines_per_block = group};
    if (conflict(graph, start, b, ports).empty() && assign_ports(graph, start, b, ports).empty()) return b;
  }
  return std::nullopt;
}

}  // namespace

std::int64_t Design::sum(std::int64_t Store::*member) const {
  return std::accumulate(stores.begin(), stores.end(), std::int64_t{0},
                         [&](std::int64_t n, const Store& s) { return n + s.*member; });
}

int Design::sum(int Store::*member) const {
  return std::accumulate(stores.begin(), stores.end(), 0, [&](int n, const Store& s) { return n + s.*member; });
}

int Design::ports_missing() const {
  return stores.empty() ? 0 : std::ranges::max_element(stores, {}, &Store::ports_missing)->ports_missing;
}

std::optional<double> Design::energy_pj(const rtl::Memory& memory) const {
  if (!memory.read_pj || !memory.write_pj) return std::nullopt;
  return std::accumulate(stores.begin(), stores.end(), 0.0, [&](double pj, const Store& s) {
    return pj + s.reads * memory.read_pj->value + s.writes * memory.write_pj->value;
  });
}

Store store_of(const Graph& graph, std::span<const std::int64_t> start, const Buffer& buffer,
               const rtl::Memory& memory) {
  const StageShape& stage = graph.stage(buffer.stage);
  const int bits = graph.word_bits(buffer.stage), words = graph.words(buffer.stage);
  Store s{.stage = stage.name};
  if (buffer.registers) {
    s.register_bits = std::int64_t{buffer.depth} * bits;
    return s;
  }
  const int group = buffer.lines_per_block, blocks = blocks_of(graph, buffer.stage, group, memory);
  s.lines = buffer.lines;
  s.lines_per_block = group;
  s.blocks = buffer.lines / group * blocks;
  s.bits = std::int64_t{buffer.lines} * words * bits;
  const double together = blocks_across(graph, buffer.stage, group, memory);
  s.writes = together * words * graph.height / stage.step;
  for (const Accessor& a : accessors(graph, start, buffer.stage))
    if (!a.writes())
      s.reads += together * (a.up + a.down + 1) * a.multiply * (1.0 * graph.period() / a.step) * graph.height / a.step;
  return s;
}

std::optional<Store> least_store(const Graph& graph, std::span<const std::int64_t> start, int stage,
                                 const rtl::Memory& memory) {
  if (std::ranges::none_of(graph.edges, [&](const Edge& e) { return e.producer == stage; })) return std::nullopt;
  if (const auto registers = chain(graph, start, stage, memory.register_depth))
    return store_of(graph, start, *registers, memory);
  rtl::Ports ports = memory.ports;
  for (int missing = 0; missing <= most_missing; ++missing, ++ports.read_write)
    if (const auto buffer = least_lines(graph, start, stage, memory.lines_per_block, ports)) {
      Store s = store_of(graph, start, *buffer, memory);
      s.ports_missing = missing;
      return s;
    }
  throw Error("needs more than " + std::to_string(most_missing) + " ports beyond the memory's",
              graph.stage(stage).name);
}

Design design_of(const Graph& graph, const Schedule& schedule, const rtl::Memory& memory) {
  Design d{.name = "optimum", .graph = graph, .start = schedule.start};
  for (const Buffer& b : schedule.buffers) d.stores.push_back(store_of(graph, schedule.start, b, memory));
  return d;
}

}  // namespace pare::imaging
