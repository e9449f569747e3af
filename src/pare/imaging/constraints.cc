#include "pare/imaging/constraints.h"

#include <algorithm>

namespace pare::imaging {
namespace {

const StageShape& shape(const Graph& graph, int stage) { return graph.stages[static_cast<std::size_t>(stage)]; }

/// Cycles from one row of a stage to the next.
std::int64_t pitch(const Graph& graph, int stage) { return std::int64_t{shape(graph, stage).step} * graph.period(); }

/// Cycles from the first to the last time that a reader which enlarges takes the same rows.
std::int64_t repeated(const Graph& graph, int consumer_step, int divide) {
  return (divide - 1) * std::int64_t{consumer_step} * graph.period();
}

/// While an accessor touches the row of an access: [from, until) after its stage's start, for rows of the same lap.
struct Interval {
  int stage;  // whose start it moves with
  std::int64_t from, until;
};

/// Of readers that now start together, one that touches the row on its own account: apart, they are not one.
const Edge& edge_of(const Graph& graph, const Accessor& a, const Access& access) {
  for (const int e : a.edges) {
    const Edge& edge = graph.edges[static_cast<std::size_t>(e)];
    if (-edge.window.up <= access.offset && access.offset <= edge.window.down) return edge;
  }
  return graph.edges[static_cast<std::size_t>(a.edges[0])];
}

Interval touched(const Graph& graph, int stage, const Accessor& a, const Access& access) {
  const std::int64_t row = pitch(graph, stage), line = access.row;
  if (a.writes()) return {stage, line * row, line * row + graph.period()};
  const Edge& edge = edge_of(graph, a, access);
  const std::int64_t fetch = -graph.look_ahead(edge);
  return {edge.consumer, fetch + (line - edge.window.down) * row,
          fetch + (line + edge.window.up) * row + repeated(graph, a.step, a.divide) + graph.period()};
}

/// That b comes wholly after a. What of the rows' distance is whole laps of the buffer moves with its lines.
Literal after(const Graph& graph, int stage, int lines, const Accessor& a, const Access& at_a, const Accessor& b,
              const Access& at_b) {
  const auto lap = [&](std::int64_t line) { return line / lines - (line % lines < 0); };
  const std::int64_t laps = lap(at_b.line) - lap(at_a.line);
  const Interval ia = touched(graph, stage, a, at_a), ib = touched(graph, stage, b, at_b);
  return {.earlier = ia.stage, .later = ib.stage, .laps = laps * pitch(graph, stage), .least = ia.until - ib.from};
}

void add_pairs(const Graph& graph, int stage, int lines, const std::vector<Accessor>& all,
               const std::vector<Access>& meeting, Clause& clause) {
  for (std::size_t i = 0; i < meeting.size(); ++i)
    for (std::size_t j = 0; j < meeting.size(); ++j) {
      if (i == j) continue;
      const Access &x = meeting[i], &y = meeting[j];
      const Accessor &a = all[static_cast<std::size_t>(x.accessor)], &b = all[static_cast<std::size_t>(y.accessor)];
      Literal literal = after(graph, stage, lines, a, x, b, y);
      // what one reader touches moves as a whole: only more lines part what lies in different laps
      if (literal.earlier == literal.later && literal.laps <= 0) continue;
      clause.any.push_back(literal);
      if (i > j || a.writes() || b.writes() || x.line != y.line || x.accessor == y.accessor) continue;
      if (a.multiply != b.multiply || a.divide != b.divide) continue;
      const Edge &ea = edge_of(graph, a, x), &eb = edge_of(graph, b, y);
      clause.any.push_back({.earlier = ea.consumer,
                            .later = eb.consumer,
                            .least = graph.look_ahead(eb) - graph.look_ahead(ea),
                            .together = true});
    }
}

}  // namespace

std::vector<Clause> clauses(const Graph& graph, int stage, int lines, const std::vector<Accessor>& all,
                            const std::vector<Access>& meeting, const rtl::Ports& ports) {
  std::vector<Access> reads, writes;
  for (const Access& a : meeting) (all[static_cast<std::size_t>(a.accessor)].writes() ? writes : reads).push_back(a);
  const auto readable = static_cast<std::size_t>(ports.read_write + ports.read);
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
    Clause clause{.stage = stage};
    add_pairs(graph, stage, lines, all, set, clause);
    out.push_back(std::move(clause));
  }
  return out;
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

std::int64_t dependency(const Graph& graph, const Edge& edge) {
  return graph.look_ahead(edge) + edge.window.down * pitch(graph, edge.producer) + 1;
}

std::int64_t retention(const Graph& graph, const Edge& edge) {
  return edge.window.up * pitch(graph, edge.producer) - graph.look_ahead(edge) +
         repeated(graph, shape(graph, edge.consumer).step, edge.divide) + 1;
}

}  // namespace pare::imaging
