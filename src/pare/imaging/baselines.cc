#include "pare/imaging/baselines.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "pare/base/error.h"
#include "pare/imaging/constraints.h"
#include "pare/imaging/integers.h"
#include "pare/solve/program.h"

namespace pare::imaging {
namespace {

constexpr std::int64_t most_register_bits = 1024;  // of a piece of SODA's chain

std::size_t index(int i) { return static_cast<std::size_t>(i); }

std::vector<std::int64_t> earliest(const Graph& graph) {
  std::vector<std::int64_t> start(graph.stages.size());
  // edges lie in the order of their consumers, producers come before them
  for (const Edge& e : graph.edges)
    start[index(e.consumer)] = std::max(start[index(e.consumer)], start[index(e.producer)] + dependency(graph, e));
  normalise(graph, start);
  return start;
}

void say_missing(Design& design, const rtl::Memory& memory) {
  const auto worst = std::ranges::max_element(design.stores, {}, &Store::ports_missing);
  if (worst == design.stores.end() || worst->ports_missing == 0) return;
  design.note = fmt::format("the memory's ports do not suffice: '{}' needs {}, a block has {}", worst->stage,
                            memory.ports.all() + worst->ports_missing, memory.ports.all());
}

void refuse_sampling(const Graph& graph, const char* name) {
  if (samples(graph)) throw Error("stages of different sizes have no such design", name);
}

// ---- Darkroom: one row of stages ----

/// Stage k passes on the values that later ones read; inputs come together as stage 0.
class Row {
 public:
  explicit Row(const Graph& graph) : graph_(graph), last_(graph.stages.size(), -1) {
    for (std::size_t s = 0; s < graph.stages.size(); ++s)
      if (!graph.stages[s].is_input) order_.push_back(static_cast<int>(s));
    for (std::size_t k = 0; k < order_.size(); ++k)
      for (const Edge& e : graph.edges)
        if (e.consumer == order_[k]) last_[index(e.producer)] = static_cast<int>(k);
    line_ = {.width = graph.width, .height = graph.height, .lanes = graph.lanes, .latency = graph.latency};
    for (std::size_t k = 0; k <= order_.size(); ++k) add(static_cast<int>(k));
  }

  const Graph& line() const { return line_; }
  int values(int k) const { return values_[index(k)]; }

 private:
  /// Values made before the k-th of order_, the inputs among them, and read by it or later.
  void add(int k) {
    StageShape bundle{.name = "", .bits = 0};
    values_.push_back(0);
    for (std::size_t s = 0; s < graph_.stages.size(); ++s) {
      const auto before = order_.begin() + k;
      const bool made = graph_.stages[s].is_input || std::find(order_.begin(), before, static_cast<int>(s)) != before;
      if (!made || last_[s] < k) continue;
      bundle.name += (bundle.name.empty() ? "" : "+") + graph_.stages[s].name;
      bundle.bits += graph_.stages[s].bits;
      ++values_.back();
    }
    line_.stages.push_back(std::move(bundle));
    if (k == 0) return;
    // what is passed on is read at the pixel itself
    Window w;
    for (const Edge& e : graph_.edges)
      if (e.consumer == order_[index(k - 1)])
        w = {std::max(w.up, e.window.up), std::max(w.down, e.window.down), std::max(w.left, e.window.left),
             std::max(w.right, e.window.right)};
    line_.edges.push_back({k - 1, k, w});
  }

  const Graph& graph_;
  std::vector<int> order_;  // stages that compute
  std::vector<int> last_;   // [stages], the last of order_ that reads it
  std::vector<int> values_;
  Graph line_;
};

/// As early as the only reader of the stage before it can be without a conflict: later is never worse for ports.
std::int64_t least_distance(const Graph& line, const Edge& edge, const rtl::Memory& memory) {
  const Graph pair{.stages = line.stages,
                   .edges = {edge},
                   .width = line.width,
                   .height = line.height,
                   .lanes = line.lanes,
                   .latency = line.latency};
  std::vector<std::int64_t> start(line.stages.size());
  const std::int64_t least = dependency(line, edge), row = line.period();
  for (int rows = 0; rows <= memory.lines_per_block + 1; ++rows) {
    const std::int64_t apart =
        rows == 0 ? least : line.look_ahead(edge) + (edge.window.down + std::int64_t{rows}) * row;
    start[index(edge.consumer)] = apart;
    if (least_store(pair, start, edge.producer, memory)->ports_missing == 0) return apart;
  }
  return least;
}

// ---- SODA: chains of pixels ----

/// Words from the reader's own to the newest and the oldest that it needs, both as how much later they come.
std::int64_t newest(const Graph& g, const Edge& e) {
  return e.window.down * std::int64_t{g.period()} + g.newest_word(e);
}
std::int64_t oldest(const Graph& g, const Edge& e) {
  return -e.window.up * std::int64_t{g.period()} + floor_divide(-e.window.left, g.lanes);
}

/// Cycles at which stages make their first pixels, without latency: the chains' sum is the least.
std::vector<std::int64_t> least_reuse(const Graph& graph) {
  double horizon = 1;
  for (const Edge& e : graph.edges)
    horizon += static_cast<double>(std::abs(newest(graph, e)) + std::abs(oldest(graph, e)));
  solve::Program program;
  std::vector<solve::Term> kept;
  for (std::size_t s = 0; s < graph.stages.size(); ++s) program.add_variable(0, horizon, true, fmt::format("s{}", s));
  std::vector<int> chain(graph.stages.size(), -1);
  for (const Edge& e : graph.edges) {
    int& z = chain[index(e.producer)];
    if (z < 0) kept.push_back({z = program.add_variable(0, horizon, true, fmt::format("z{}", e.producer)), 1});
    program.add_row({{e.consumer, 1}, {e.producer, -1}}, solve::Sense::at_least, static_cast<double>(newest(graph, e)));
    program.add_row({{z, 1}, {e.consumer, -1}, {e.producer, 1}}, solve::Sense::at_least,
                    -static_cast<double>(oldest(graph, e)));
  }
  program.set_objective(kept);
  const solve::Solution solution = program.solve(60);
  if (solution.values.empty()) throw Error("found no reuse chains", "soda");
  std::vector<std::int64_t> start;
  for (std::size_t s = 0; s < graph.stages.size(); ++s) start.push_back(std::llround(solution.values[s]));
  return start;
}

/// How many cycles after it was made each tap of a stage's chain sees a pixel.
std::set<std::int64_t> taps(const Graph& graph, const std::vector<std::int64_t>& start, int stage) {
  std::set<std::int64_t> out{0};
  for (const Edge& e : graph.edges) {
    if (e.producer != stage) continue;
    const std::int64_t distance = start[index(e.consumer)] - start[index(stage)];
    const std::int64_t left = floor_divide(-e.window.left, graph.lanes), right = graph.newest_word(e);
    for (std::int64_t row = -e.window.up; row <= e.window.down; ++row)
      for (std::int64_t column = left; column <= right; ++column) out.insert(distance - row * graph.period() - column);
  }
  return out;
}

Store chain_of(const Graph& graph, const std::set<std::int64_t>& taps, int stage, const rtl::Memory& memory) {
  const StageShape& shape = graph.stage(stage);
  const std::int64_t bits = graph.word_bits(stage);
  Store s{.stage = shape.name};
  for (auto tap = std::next(taps.begin()); tap != taps.end(); ++tap) {
    const std::int64_t depth = *tap - *std::prev(tap);
    if (depth * bits <= most_register_bits) {
      s.register_bits += depth * bits;
      continue;
    }
    const int blocks = rtl::blocks_for(memory, static_cast<int>(depth), static_cast<int>(bits));
    s.lines += static_cast<int>((depth + graph.period() - 1) / graph.period());
    s.blocks += blocks;
    s.bits += depth * bits;
    s.reads += 1.0 * rtl::blocks_across(memory, static_cast<int>(depth), static_cast<int>(bits)) * graph.period() *
               graph.height;
    s.writes = s.reads;
    s.ports_missing = memory.ports.all() < 2 ? 1 : 0;  // it reads and writes in every cycle
  }
  return s;
}

}  // namespace

bool samples(const Graph& graph) {
  return std::ranges::any_of(graph.stages, [](const StageShape& s) { return s.step != 1; });
}

Design asap(const Graph& graph, const rtl::Memory& memory) {
  Design d{.name = "asap", .graph = graph, .start = earliest(graph)};
  for (std::size_t s = 0; s < graph.stages.size(); ++s)
    if (auto store = least_store(graph, d.start, static_cast<int>(s), memory)) d.stores.push_back(std::move(*store));
  say_missing(d, memory);
  return d;
}

Design darkroom(const Graph& graph, const rtl::Memory& memory) {
  refuse_sampling(graph, "darkroom");
  const Row row(graph);
  Design d{.name = "darkroom", .graph = row.line()};
  d.start.resize(d.graph.stages.size());
  for (const Edge& e : d.graph.edges)
    d.start[index(e.consumer)] = d.start[index(e.producer)] + least_distance(d.graph, e, memory);
  normalise(d.graph, d.start);
  for (const Edge& e : d.graph.edges) {
    Store store = *least_store(d.graph, d.start, e.producer, memory);
    store.lines *= row.values(e.producer);
    d.stores.push_back(std::move(store));
  }
  say_missing(d, memory);
  return d;
}

std::int64_t soda_pixels(const Graph& graph) {
  const auto start = least_reuse(graph);
  std::int64_t pixels = 0;
  for (std::size_t s = 0; s < graph.stages.size(); ++s) pixels += *taps(graph, start, static_cast<int>(s)).rbegin();
  return pixels;
}

Design soda(const Graph& graph, const rtl::Memory& memory) {
  refuse_sampling(graph, "soda");
  Design d{.name = "soda", .graph = graph, .start = least_reuse(graph)};
  for (std::size_t s = 0; s < graph.stages.size(); ++s)
    if (const auto at = taps(graph, d.start, static_cast<int>(s)); at.size() > 1)
      d.stores.push_back(chain_of(graph, at, static_cast<int>(s), memory));
  const auto origin = *std::ranges::min_element(d.start);
  for (std::int64_t& start : d.start) start -= origin;
  say_missing(d, memory);
  return d;
}

Design fixynn(const Graph& graph, const rtl::Memory& memory) {
  Design d{.name = "fixynn", .graph = graph, .start = earliest(graph)};
  for (const Edge& e : graph.edges) {
    Graph own = graph;
    own.edges = {e};
    Store store = *least_store(own, d.start, e.producer, memory);
    store.stage += " for " + graph.stage(e.consumer).name;
    d.stores.push_back(std::move(store));
  }
  say_missing(d, memory);
  return d;
}

std::vector<Design> baselines(const Graph& graph, const rtl::Memory& memory) {
  std::vector<Design> out{asap(graph, memory)};
  if (!samples(graph)) {
    out.push_back(darkroom(graph, memory));
    out.push_back(soda(graph, memory));
  }
  out.push_back(fixynn(graph, memory));
  return out;
}

}  // namespace pare::imaging
