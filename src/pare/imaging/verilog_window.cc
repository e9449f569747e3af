// The window of an edge: the newest column with what the border rule puts above and below it, older columns in shift
// registers, and taps chosen by the border rule beside it.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>

#include "pare/imaging/verilog_hardware.h"

namespace pare::imaging {
namespace {

using rtl::Module;
using rtl::Signal;

/// What stands in for a pixel outside: where it is, counted from the pixel at hand; nothing for zero.
using Choices = std::vector<std::pair<int, std::optional<int>>>;

std::optional<int> inside(int base, int offset, int n, Border border) {
  const int at = border_index(base + offset, n, border);
  return at < 0 ? std::nullopt : std::optional(at - base);
}

/// By the consumer's row.
Choices vertical(const Hardware& hardware, int e, int dy) {
  const Edge& edge = hardware.edge(e);
  const int rows = hardware.rows(edge.producer);
  Choices out;
  for (int y = 0; y < hardware.rows(edge.consumer); ++y)
    if (const int base = y * edge.multiply / edge.divide; base + dy < 0 || base + dy >= rows)
      out.emplace_back(y, inside(base, dy, rows, hardware.stage(edge.consumer).border));
  return out;
}

/// By the consumer's word.
Choices horizontal(const Hardware& hardware, int e, const Tap& tap) {
  const Edge& edge = hardware.edge(e);
  const int columns = hardware.columns(edge.producer), offset = tap.lane + tap.dx;
  Choices out;
  for (int x = 0; x < hardware.words(edge.consumer); ++x)
    if (const int base = x * hardware.graph.lanes * edge.multiply / edge.divide;
        base + offset < 0 || base + offset >= columns)
      out.emplace_back(x, inside(base, offset, columns, hardware.stage(edge.consumer).border));
  return out;
}

/// Columns before the newest that a tap reaches.
int oldest(const Hardware& hardware, int e, const Tap& tap) {
  int most = hardware.place(e, tap.lane + tap.dx).age;
  for (const auto& [x, position] : horizontal(hardware, e, tap))
    if (position) most = std::max(most, hardware.place(e, *position).age);
  return most;
}

class WindowWriter {
 public:
  WindowWriter(const Hardware& hardware, int e, Module& module)
      : hardware_(hardware), e_(e), edge_(hardware.edge(e)), module_(module), taps_(hardware.taps(e)) {}

  void write() {
    const int word = hardware_.word_bits(edge_.producer), pixel = hardware_.pixel_bits(edge_.producer);
    if (has_registers(hardware_, e_)) {
      module_.input("clk");
      module_.input("enable");
      if (hardware_.step(edge_.producer) > 1) module_.input("fresh");
    }
    if (edge_.divide > 1 && has_older(hardware_, e_)) module_.input("fetching");
    if (needs_row(hardware_, e_)) module_.input("row", row_bits());
    if (needs_column(hardware_, e_)) module_.input("column", column_bits());
    fetched_ = module_.watch(module_.input("fetched", edge_.window.height() * word));
    const Signal out = module_.output("taps", static_cast<int>(taps_.size()) * pixel);
    for (const Tap& tap : taps_) choices_.push_back(horizontal(hardware_, e_, tap));
    for (const Tap& tap : taps_)
      if (rows_.empty() || !std::ranges::count(rows_, tap.dy, &Row::dy)) write_row(tap.dy);
    std::vector<std::string> parts;
    for (std::size_t i = taps_.size(); i-- > 0;) parts.push_back(write_tap(i));
    module_.line(fmt::format("assign {} = {{{}}};", out.name, fmt::join(parts, ", ")));
  }

 private:
  struct Row {
    int dy = 0, depth = 0;
    Signal newest, older;
  };

  int row_bits() const { return rtl::index_bits(hardware_.rows(edge_.consumer)); }
  int column_bits() const { return rtl::index_bits(hardware_.words(edge_.consumer)); }

  int depth(int dy) const {
    int most = 0;
    for (const Tap& tap : taps_)
      if (tap.dy == dy) most = std::max(most, oldest(hardware_, e_, tap));
    return most;
  }

  std::string fetched(std::optional<int> dy, int word) {
    if (!dy) return rtl::literal(0, word);
    const int slot = *dy + edge_.window.up;
    return module_.bits(fetched_, slot * word + word - 1, slot * word);
  }

  void write_row(int dy) {
    const int word = hardware_.word_bits(edge_.producer);
    const std::string name = fmt::format("row{}", rows_.size());
    Row row{dy, depth(dy), {}, {}};
    module_.line(fmt::format("// row {:+}", dy));
    const Choices choices = vertical(hardware_, e_, dy);
    if (choices.empty()) {
      row.newest = module_.wire(name, word, fetched(dy, word));
    } else {
      row.newest = module_.reg(name, word);
      std::vector<std::pair<std::int64_t, std::string>> cases;
      for (const auto& [y, stand_in] : choices) cases.emplace_back(y, fetched(stand_in, word));
      // `fetched(dy)` may never be used where an image is as low as the window
      const bool all = static_cast<int>(choices.size()) == hardware_.rows(edge_.consumer);
      module_.choose(row.newest, "row", row_bits(), cases, all ? rtl::literal(0, word) : fetched(dy, word));
    }
    if (edge_.divide > 1) row.newest = write_hold(name, row.newest, word);
    module_.watch(row.newest);
    if (row.depth > 0) write_older(name, row, word);
    rows_.push_back(row);
  }

  /// A column is used in several clocks, but is there in one only.
  Signal write_hold(const std::string& name, const Signal& newest, int word) {
    const Signal held = module_.reg(name + "_held", word);
    Signal current = module_.wire(name + "_current", word, fmt::format("fresh ? {} : {}", newest.name, held.name));
    module_.line("always @(posedge clk)");
    module_.line(fmt::format("  if (enable) {} <= {};", held.name, current.name));
    return current;
  }

  void write_older(const std::string& name, Row& row, int word) {
    row.older = module_.watch(module_.reg(name + "_older", row.depth * word));
    const bool sparse = hardware_.step(edge_.producer) > 1;
    module_.line("always @(posedge clk)");
    const std::string newest = module_.all(row.newest);
    const std::string next =
        row.depth == 1 ? newest
                       : fmt::format("{{{}, {}}}", module_.bits(row.older, (row.depth - 1) * word - 1, 0), newest);
    module_.line(fmt::format("  if (enable{}) {} <= {};",
                             edge_.divide > 1 ? " & fetching"
                             : sparse         ? " & fresh"
                                              : "",
                             row.older.name, next));
  }

  std::string at(const Row& row, std::optional<int> position, int pixel, int word) {
    if (!position) return rtl::literal(0, pixel);
    const Place place = hardware_.place(e_, *position);
    const Signal& from = place.age == 0 ? row.newest : row.older;
    const int low = (place.age == 0 ? 0 : (place.age - 1) * word) + place.lane * pixel;
    return module_.bits(from, low + pixel - 1, low);
  }

  std::string write_tap(std::size_t i) {
    const Tap& tap = taps_[i];
    const int word = hardware_.word_bits(edge_.producer), pixel = hardware_.pixel_bits(edge_.producer);
    const Row& row = *std::ranges::find(rows_, tap.dy, &Row::dy);
    if (choices_[i].empty()) return at(row, tap.lane + tap.dx, pixel, word);
    const Signal out = module_.reg(fmt::format("tap{}", i), pixel);
    std::vector<std::pair<std::int64_t, std::string>> cases;
    for (const auto& [x, stand_in] : choices_[i]) cases.emplace_back(x, at(row, stand_in, pixel, word));
    const bool all = static_cast<int>(choices_[i].size()) == hardware_.words(edge_.consumer);
    module_.choose(out, "column", column_bits(), cases,
                   all ? rtl::literal(0, pixel) : at(row, tap.lane + tap.dx, pixel, word));
    return out.name;
  }

  const Hardware& hardware_;
  int e_;
  const Edge& edge_;
  Module& module_;
  std::vector<Tap> taps_;
  std::vector<Choices> choices_;  // of each tap
  std::vector<Row> rows_;
  Signal fetched_;
};

}  // namespace

bool needs_row(const Hardware& hardware, int e) {
  return std::ranges::any_of(hardware.taps(e), [&](const Tap& tap) { return !vertical(hardware, e, tap.dy).empty(); });
}

bool needs_column(const Hardware& hardware, int e) {
  return std::ranges::any_of(hardware.taps(e), [&](const Tap& tap) { return !horizontal(hardware, e, tap).empty(); });
}

bool has_older(const Hardware& hardware, int e) {
  return std::ranges::any_of(hardware.taps(e), [&](const Tap& tap) { return oldest(hardware, e, tap) > 0; });
}

bool has_registers(const Hardware& hardware, int e) { return hardware.edge(e).divide > 1 || has_older(hardware, e); }

bool is_wire(const Hardware& hardware, int e) {
  return hardware.edge(e).window == Window{} && !has_registers(hardware, e);
}

std::string window_module(const Hardware& hardware, int e) {
  const Edge& edge = hardware.edge(e);
  const std::string &from = hardware.stage(edge.producer).name, &to = hardware.stage(edge.consumer).name;
  const bool clear = (from + to).find("_for_") == std::string::npos;  // else two edges could have one name
  return hardware.module("window", from + "_for_" + to + (clear ? "" : fmt::format("_{}", e)));
}

void write_window(const Hardware& hardware, int e, Modules& out) {
  const Edge& edge = hardware.edge(e);
  const Window& w = edge.window;
  Module module(window_module(hardware, e),
                fmt::format("Window of {} around a pixel of {}: rows {:+} to {:+}, columns {:+} to {:+}.",
                            hardware.stage(edge.producer).name, hardware.stage(edge.consumer).name, -w.up, w.down,
                            -w.left, w.right));
  WindowWriter(hardware, e, module).write();
  out[module.name()] = module.text();
}

}  // namespace pare::imaging
