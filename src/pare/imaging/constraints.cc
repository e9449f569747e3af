#include "pare/imaging/constraints.h"

#include <algorithm>

#include "pare/imaging/integers.h"

namespace pare::imaging {
namespace {

/// While an accessor touches the row of an access: [from, until) after its stage's start, for rows of the same lap.
struct Interval {
  int stage;  // whose start it moves with
  std::int64_t from, until;
};

/// Of readers that now start together, one that touches the row on its own account: apart, they are not one.
const Edge& edge_of(const Graph& graph, const Accessor& a, const Access& access) {
  for (const int e : a.edges) {
    const Edge& edge = graph.edge(e);
    if (-edge.window.up <= access.offset && access.offset <= edge.window.down) return edge;
  }
  return graph.edge(a.edges[0]);
}

Interval touched(const Graph& graph, int stage, const Accessor& a, const Access& access) {
  const std::int64_t row = graph.pitch(stage), line = access.row;
  if (a.writes()) return {stage, line * row, line * row + graph.period()};
  const Edge& edge = edge_of(graph, a, access);
  const std::int64_t fetch = -graph.look_ahead(edge);
  return {edge.consumer, fetch + (line - edge.window.down) * row,
          fetch + (line + edge.window.up) * row + graph.repeated(edge) + graph.period()};
}

/// How often all lines were written before that row.
std::int64_t lap(const Access& access, const Buffer& buffer) {
  return floor_divide(access.line, std::int64_t{buffer.lines});
}

/// That b comes wholly after a. What of the rows' distance is whole laps of the buffer moves with its lines.
Literal after(const Graph& graph, const Buffer& buffer, const Accessor& a, const Access& at_a, const Accessor& b,
              const Access& at_b) {
  const std::int64_t laps = lap(at_b, buffer) - lap(at_a, buffer);
  const Interval ia = touched(graph, buffer.stage, a, at_a), ib = touched(graph, buffer.stage, b, at_b);
  return {
      .earlier = ia.stage, .later = ib.stage, .laps = laps * graph.pitch(buffer.stage), .least = ia.until - ib.from};
}

/// That this one row of b comes after that of a.
Literal row_after(const Graph& graph, int stage, const Accessor& a, const Access& at_a, const Accessor& b,
                  const Access& at_b) {
  const auto moves = [&](const Accessor& x, const Access& at) {
    if (x.writes()) return std::pair(stage, std::int64_t{0});
    const Edge& edge = edge_of(graph, x, at);
    return std::pair(edge.consumer, -std::int64_t{graph.look_ahead(edge)});
  };
  const auto [stage_a, fetch_a] = moves(a, at_a);
  const auto [stage_b, fetch_b] = moves(b, at_b);
  return {.earlier = stage_a, .later = stage_b, .least = fetch_a + at_a.begin + graph.period() - fetch_b - at_b.begin};
}

/// Whether everybody touches a row in one stretch: none pauses between rows.
bool without_pauses(const std::vector<Accessor>& all) {
  return std::ranges::all_of(all, [](const Accessor& a) { return a.step == 1 && a.multiply == 1 && a.divide == 1; });
}

void add_together(const Graph& graph, const Accessor& a, const Access& x, const Accessor& b, const Access& y,
                  Clause& clause) {
  if (a.writes() || b.writes() || x.line != y.line || x.accessor == y.accessor) return;
  if (a.multiply != b.multiply || a.divide != b.divide) return;
  const Edge &ea = edge_of(graph, a, x), &eb = edge_of(graph, b, y);
  clause.any.push_back({.earlier = ea.consumer,
                        .later = eb.consumer,
                        .least = graph.look_ahead(eb) - graph.look_ahead(ea),
                        .together = true});
}

/// Ways in which two accesses that meet come apart.
void add_pair(const Graph& graph, const Buffer& buffer, const std::vector<Accessor>& all, const Access& x,
              const Access& y, Clause& clause) {
  const Accessor &a = all[static_cast<std::size_t>(x.accessor)], &b = all[static_cast<std::size_t>(y.accessor)];
  const auto add = [&](const Literal& literal) {
    // what one reader touches moves as a whole: only more lines part what lies in different laps
    if (literal.earlier != literal.later || literal.laps > 0) clause.any.push_back(literal);
  };
  add_together(graph, a, x, b, y, clause);
  if (without_pauses(all)) {
    add(after(graph, buffer, a, x, b, y));
    add(after(graph, buffer, b, y, a, x));
    return;
  }
  add(row_after(graph, buffer.stage, a, x, b, y));
  add(row_after(graph, buffer.stage, b, y, a, x));
  if (lap(x, buffer) == lap(y, buffer)) return;
  // with more lines or fewer these rows may lie in other blocks
  const int s = buffer.stage, group = buffer.lines_per_block;
  clause.any.push_back({.earlier = s, .later = s, .laps = 1, .least = buffer.lines + group});
  clause.any.push_back({.earlier = s, .later = s, .laps = -1, .least = group - buffer.lines});
}

void add_pairs(const Graph& graph, const Buffer& buffer, const std::vector<Accessor>& all,
               const std::vector<Access>& meeting, Clause& clause) {
  for (std::size_t i = 0; i < meeting.size(); ++i)
    for (std::size_t j = i + 1; j < meeting.size(); ++j) add_pair(graph, buffer, all, meeting[i], meeting[j], clause);
}

}  // namespace

std::vector<Clause> clauses(const Graph& graph, const Buffer& buffer, const std::vector<Accessor>& all,
                            const std::vector<Access>& meeting, const rtl::Ports& ports) {
  std::vector<Access> reads, writes;
  for (const Access& a : meeting) (all[static_cast<std::size_t>(a.accessor)].writes() ? writes : reads).push_back(a);
  const auto readable = static_cast<std::size_t>(ports.read_write) + static_cast<std::size_t>(ports.read);
  const auto most = static_cast<std::size_t>(ports.all());
  // too many readers, or too many of all beside the writer: every set of one too many, neighbours only where they are
  // many
  const bool of_readers = reads.size() > readable;
  const std::size_t take = of_readers ? readable + 1 : most + 1 - writes.size();
  std::vector<Clause> out;
  for (std::size_t first = 0; first + take <= reads.size(); ++first) {
    std::vector<Access> set(reads.begin() + static_cast<std::ptrdiff_t>(first),
                            reads.begin() + static_cast<std::ptrdiff_t>(first + take));
    if (!of_readers) set.insert(set.end(), writes.begin(), writes.end());
    Clause clause{.stage = buffer.stage};
    add_pairs(graph, buffer, all, set, clause);
    out.push_back(std::move(clause));
  }
  return out;
}

Clause apart(const Graph& graph, const Buffer& buffer, const std::vector<Accessor>& all,
             const std::vector<std::pair<Access, Access>>& meeting) {
  Clause clause{.stage = buffer.stage};
  for (const auto& [a, b] : meeting) add_pairs(graph, buffer, all, {a, b}, clause);
  return clause;
}

Following::Following(const Graph& graph) : count_(graph.stages.size()), least_(count_ * count_) {
  for (std::size_t i = 0; i < count_; ++i) least_[i * count_ + i] = 0;
  // edges lie in the order of their consumers, producers come before them
  for (const Edge& edge : graph.edges)
    for (std::size_t a = 0; a < count_; ++a) {
      const auto before = least_[a * count_ + static_cast<std::size_t>(edge.producer)];
      if (!before) continue;
      auto& to = least_[a * count_ + static_cast<std::size_t>(edge.consumer)];
      to = std::max(to.value_or(INT64_MIN), *before + dependency(graph, edge));
    }
}

std::optional<std::int64_t> Following::least(int a, int b) const {
  return least_[static_cast<std::size_t>(a) * count_ + static_cast<std::size_t>(b)];
}

void Following::add(int a, int b, std::int64_t least) {
  for (std::size_t i = 0; i < count_; ++i)
    for (std::size_t j = 0; j < count_; ++j) {
      const auto before = this->least(static_cast<int>(i), a), behind = this->least(b, static_cast<int>(j));
      auto& to = least_[i * count_ + j];
      if (before && behind) to = std::max(to.value_or(INT64_MIN), *before + least + *behind);
    }
}

std::int64_t dependency(const Graph& graph, const Edge& edge) {
  return graph.look_ahead(edge) + edge.window.down * graph.pitch(edge.producer) + 1;
}

std::int64_t retention(const Graph& graph, const Edge& edge) {
  return edge.window.up * graph.pitch(edge.producer) - graph.look_ahead(edge) + graph.repeated(edge) + 1;
}

}  // namespace pare::imaging
