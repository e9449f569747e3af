// Graphs for tests of the scheduler, and a simulator of ports that shares nothing with it.
#pragma once
#include <algorithm>
#include <map>
#include <numeric>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "pare/imaging/schedule.h"

namespace pare::imaging {

/// Producer, consumer, rows up and down, columns left and right.
struct Read4 {
  const char *from, *to;
  int up, down, left, right;
};

inline Graph graph(std::vector<std::string> stages, const std::vector<Read4>& reads, int width, int height,
                   int latency = 2) {
  Graph g{.width = width, .height = height, .latency = latency};
  for (const auto& name : stages) g.stages.push_back({.name = name, .bits = 16});
  const auto number = [&](const char* name) {
    return static_cast<int>(std::ranges::find(stages, name) - stages.begin());
  };
  for (const Read4& r : reads) g.edges.push_back({number(r.from), number(r.to), {r.up, r.down, r.left, r.right}});
  std::ranges::sort(g.edges, {}, [](const Edge& e) { return std::pair(e.consumer, e.producer); });
  return g;
}

inline rtl::Memory memory(rtl::Ports ports, int lines_per_block = 1, int register_depth = 50) {
  return {.name = "memory",
          .ports = ports,
          .exact = true,
          .lines_per_block = lines_per_block,
          .register_depth = register_depth};
}

constexpr rtl::Ports single{.read_write = 1}, simple_dual{.read = 1, .write = 1}, dual{.read_write = 2},
    one_write_two_reads{.read = 2, .write = 1}, unlimited{.read_write = 99};

/// One buffer, cycle by cycle from the first write on: which cell holds which row, and how often each block is touched.
/// Readers that start together with the same rates are one.
inline std::string simulate(const Graph& g, const std::vector<std::int64_t>& start, int stage, int lines, int per_block,
                            const rtl::Ports& ports) {
  struct Reader {
    std::int64_t start;
    int step, multiply, divide;
    std::set<int> rows;
  };
  std::map<std::tuple<std::int64_t, int, int>, Reader> readers;
  std::int64_t last = 0;
  for (const Edge& e : g.edges) {
    if (e.producer != stage) continue;
    const std::int64_t at = start[static_cast<std::size_t>(e.consumer)] - g.look_ahead(e);
    const int step = g.stages[static_cast<std::size_t>(e.consumer)].step;
    Reader& r =
        readers.emplace(std::tuple(at, e.multiply, e.divide), Reader{at, step, e.multiply, e.divide, {}}).first->second;
    for (int row = -e.window.up; row <= e.window.down; ++row) r.rows.insert(row);
    last = std::max(last, at);
  }
  const std::int64_t from = start[static_cast<std::size_t>(stage)], row = g.period();
  const std::int64_t pitch = g.stages[static_cast<std::size_t>(stage)].step;
  std::map<std::pair<std::int64_t, std::int64_t>, std::int64_t> cells;  // (line, column) -> row
  std::int64_t turn = lines;
  for (const auto& [key, r] : readers) turn = std::lcm(turn, r.multiply);
  const std::int64_t until = last + (3 * turn + 8) * pitch * row;
  for (std::int64_t t = std::min<std::int64_t>(from, 0); t < until; ++t) {
    std::map<std::int64_t, std::pair<int, int>> touched;  // block -> reads, writes
    const bool writing = t >= from && (t - from) / row % pitch == 0 && (t - from) % row % pitch == 0;
    const std::int64_t written = (t - from) / row / pitch, column = (t - from) % row;
    // a port is a line's for a whole row, so that one map serves all columns
    if (t >= from && (t - from) / row % pitch == 0) touched[written % lines / per_block].second += 1;
    for (const auto& [key, r] : readers) {
      if (t < r.start || (t - r.start) / row % r.step) continue;
      const std::int64_t own = (t - r.start) / row / r.step, middle = own * r.multiply / r.divide;
      const std::int64_t x = (t - r.start) % row;
      for (const int row_offset : r.rows) {
        const std::int64_t q = middle + row_offset;
        if (q < 0) continue;
        touched[q % lines / per_block].first += 1;
        if (x % pitch) continue;
        const auto cell = cells.find({q % lines, x});
        if (cell == cells.end() || cell->second != q) return "row " + std::to_string(q) + " is not there";
        if (writing && written % lines == q % lines && column == x) return "a cell is read and written at once";
      }
    }
    for (const auto& [block, count] : touched)
      if (count.first > ports.read_write + ports.read || count.second > ports.read_write + ports.write ||
          count.first + count.second > ports.all())
        return "too many accesses";
    if (writing) cells[{written % lines, column}] = written;
  }
  return "";
}

/// The seven published pipelines (specification, section 7).
struct Published {
  const char* name;
  std::vector<std::string> stages;
  std::vector<Read4> reads;
};

inline std::vector<Published> published() {
  const std::vector<Read4> canny{{"i", "il", 0, 0, 0, 0},   {"il", "is", 2, 2, 2, 2},  {"is", "sx", 1, 1, 1, 1},
                                 {"is", "sy", 1, 1, 1, 1},  {"sx", "G1", 0, 0, 0, 0},  {"sy", "G1", 0, 0, 0, 0},
                                 {"G1", "G11", 0, 0, 0, 0}, {"sx", "G2", 0, 0, 0, 0},  {"sy", "G2", 0, 0, 0, 0},
                                 {"G2", "dt", 0, 0, 0, 0},  {"G11", "dt", 1, 1, 1, 1}, {"dt", "et", 1, 1, 1, 1}};
  auto canny_m = canny;
  canny_m.push_back({"et", "o", 0, 0, 0, 0});
  canny_m.push_back({"G11", "o", 0, 0, 0, 0});
  const std::vector<Read4> harris{{"i", "il", 0, 0, 0, 0},    {"il", "c15", 2, 2, 0, 0},  {"c15", "c51", 0, 0, 2, 2},
                                  {"c51", "sox", 1, 1, 1, 1}, {"sox", "soy", 1, 1, 1, 1}, {"soy", "bool", 1, 1, 1, 1},
                                  {"bool", "op", 0, 0, 0, 0}};
  auto harris_m = harris;
  harris_m.push_back({"soy", "op", 0, 0, 0, 0});
  const std::vector<std::string> c{"i", "il", "is", "sx", "sy", "G1", "G11", "G2", "dt", "et"};
  auto cm = c;
  cm.push_back("o");
  const std::vector<std::string> h{"i", "il", "c15", "c51", "sox", "soy", "bool", "op"};
  return {
      {"canny-s", c, canny},
      {"canny-m", cm, canny_m},
      {"harris-s", h, harris},
      {"harris-m", h, harris_m},
      {"unsharp-m",
       {"i", "bx", "by", "diff", "scaled", "sharp"},
       {{"i", "bx", 0, 0, 1, 1},
        {"bx", "by", 1, 1, 0, 0},
        {"i", "diff", 0, 0, 0, 0},
        {"by", "diff", 0, 0, 0, 0},
        {"diff", "scaled", 0, 0, 0, 0},
        {"i", "sharp", 0, 0, 0, 0},
        {"scaled", "sharp", 0, 0, 0, 0}}},
      {"xcorr-m",
       {"i", "t1", "t2", "o"},
       {{"i", "t1", 0, 0, 8, 9}, {"t1", "t2", 8, 9, 0, 0}, {"t2", "o", 0, 0, 0, 0}, {"i", "o", 0, 0, 0, 0}}},
      {"denoise-m",
       {"i", "f", "g1", "g", "r0", "r1", "o"},
       {{"i", "g1", 1, 1, 1, 1},
        {"g1", "g", 0, 0, 0, 0},
        {"i", "r0", 0, 0, 0, 0},
        {"f", "r0", 0, 0, 0, 0},
        {"r0", "r1", 0, 0, 0, 0},
        {"i", "o", 1, 1, 1, 1},
        {"g", "o", 1, 1, 1, 1},
        {"r1", "o", 0, 0, 0, 0},
        {"f", "o", 0, 0, 0, 0}}},
  };
}

}  // namespace pare::imaging
