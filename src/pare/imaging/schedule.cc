#include "pare/imaging/schedule.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <numeric>

#include "pare/base/error.h"
#include "pare/imaging/constraints.h"
#include "pare/imaging/ports.h"

namespace pare::imaging {
namespace {

using solve::Sense;
using solve::Term;
using Clock = std::chrono::steady_clock;

constexpr int most_rounds = 400;
// of telling schedules of one cost apart: counted, not timed, so that the answer does not depend on the machine
constexpr int most_tie_rounds = 12, most_tie_nodes = 500;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

/// The buffer of a stage in the program.
struct Line {
  int stage = 0;
  int lines = -1;      // variable: groups of lines
  int registers = -1;  // variable: 0 where registers do; -1 where lines are needed in any case
  int lifetime = -1;   // variable: cycles that a pixel is kept
  double cost = 0;     // of a group of lines
  double fixed = 0;    // of having lines at all
  std::vector<int> edges;
};

class Scheduler {
 public:
  Scheduler(const Graph& graph, const rtl::Memory& memory, const ScheduleOptions& options)
      : graph_(graph), memory_(memory), options_(options), following_(graph) {
    for (const Edge& edge : graph.edges) {
      const std::int64_t row = pitch(edge.producer);
      horizon_ += graph.look_ahead(edge) + (edge.window.height() + 2 + memory.lines_per_block) * row + 1 +
                  (edge.divide - 1) * pitch(edge.consumer);
    }
  }

  Schedule schedule();

 private:
  const StageShape& shape(int stage) const { return graph_.stages[static_cast<std::size_t>(stage)]; }
  std::int64_t pitch(int stage) const { return std::int64_t{shape(stage).step} * graph_.period(); }
  /// Of lines, that any schedule within the horizon needs.
  double most_groups(int stage) const {
    return std::ceil(static_cast<double>(horizon_) / static_cast<double>(pitch(stage) * memory_.lines_per_block)) + 2;
  }
  int words(int stage) const { return graph_.period() / shape(stage).step; }
  double left() const { return options_.time_limit_s - seconds_since(began_); }

  void add_line(int stage, solve::Program& program);
  void put_costs(Line& line) const;
  void add_clause(const Clause& clause, solve::Program& program, std::size_t number) const;
  std::optional<double> slack(const Literal& literal) const;
  solve::Program program();
  std::vector<Term> cost_terms() const;
  std::vector<Term> lifetime_terms() const;
  std::vector<Buffer> buffers(const std::vector<double>& values) const;
  /// Adds what rules out the conflicts of these values; whether there was any.
  bool learn(const std::vector<double>& values);
  solve::Solution solve(std::optional<double> most_cost, const solve::Solution* known);
  std::vector<std::int64_t> starts(const std::vector<double>& values) const;
  void finish(Schedule& out, const solve::Solution& best) const;
  std::string suggestion() const;

  const Graph& graph_;
  const rtl::Memory& memory_;
  const ScheduleOptions& options_;
  Following following_;
  std::int64_t horizon_ = 1;  // no start of a best schedule lies behind it
  std::vector<Line> lines_;
  std::vector<Clause> clauses_;
  int rounds_ = 0;
  double solver_s_ = 0;
  std::string last_;
  Clock::time_point began_ = Clock::now();
};

void Scheduler::put_costs(Line& line) const {
  const int group = memory_.lines_per_block, bits = shape(line.stage).bits * graph_.lanes;
  const int blocks = rtl::blocks_for(memory_, group * words(line.stage), bits);
  switch (options_.objective) {
    case Objective::lines: line.cost = group; break;
    case Objective::bits: line.cost = 1.0 * group * words(line.stage) * bits; break;
    case Objective::blocks: line.cost = blocks; break;
    case Objective::power: {
      if (!memory_.read_pj || !memory_.write_pj)
        throw UsageError(fmt::format("memory '{}' says no energy of an access", memory_.name), "--objective power",
                         "add read_pj and write_pj, or minimise blocks");
      // per pixel: every row of a window is a read; blocks that one line fills are read together
      const double side_by_side = std::max(1.0, 1.0 * blocks / group);
      line.fixed = memory_.write_pj->value * side_by_side;
      for (const int e : line.edges)
        line.fixed += graph_.edges[static_cast<std::size_t>(e)].window.height() * memory_.read_pj->value * side_by_side;
      if (memory_.leakage_uw) line.cost = 1e-3 * memory_.leakage_uw->value * blocks;  // at a pixel a nanosecond
    }
  }
}

void Scheduler::add_line(int stage, solve::Program& program) {
  Line line{.stage = stage};
  bool registers = shape(stage).step == 1 && memory_.register_depth > 0;
  for (std::size_t e = 0; e < graph_.edges.size(); ++e) {
    const Edge& edge = graph_.edges[e];
    if (edge.producer != stage) continue;
    line.edges.push_back(static_cast<int>(e));
    registers = registers && edge.window.height() == 1 && edge.window.up == 0 && edge.multiply == 1 && edge.divide == 1;
  }
  if (line.edges.empty()) return;
  put_costs(line);
  const double row = static_cast<double>(pitch(stage));
  line.lines = program.add_variable(registers ? 0 : 1, most_groups(stage), true, fmt::format("n{}", stage));
  line.lifetime = program.add_variable(0, static_cast<double>(2 * horizon_), false, fmt::format("z{}", stage));
  if (registers) line.registers = program.add_variable(0, 1, true, fmt::format("y{}", stage));
  for (const int e : line.edges) {
    const Edge& edge = graph_.edges[static_cast<std::size_t>(e)];
    const auto producer = edge.producer, consumer = edge.consumer;
    const double kept = static_cast<double>(retention(graph_, edge));
    // C1, C2; the pixel's lifetime
    program.add_row({{consumer, 1}, {producer, -1}}, Sense::at_least, static_cast<double>(dependency(graph_, edge)));
    program.add_row({{line.lifetime, 1}, {consumer, -1}, {producer, 1}}, Sense::at_least, kept - 1);
    if (!registers) {
      program.add_row({{line.lines, row * memory_.lines_per_block}, {consumer, -1}, {producer, 1}}, Sense::at_least,
                      kept);
      program.add_row({{line.lines, 1.0 * memory_.lines_per_block}}, Sense::at_least, edge.window.height());
      continue;
    }
    // C8: lines, or a distance that registers hold
    const double most_kept = static_cast<double>(horizon_) + kept;
    program.add_row(
        {{line.lines, row * memory_.lines_per_block}, {consumer, -1}, {producer, 1}, {line.registers, -most_kept}},
        Sense::at_least, kept - most_kept);
    program.add_row({{line.lines, 1}, {line.registers, -1}}, Sense::at_least, 0);
    const double look_ahead = graph_.look_ahead(edge);
    program.add_row({{consumer, 1}, {producer, -1}, {line.registers, -static_cast<double>(horizon_)}}, Sense::at_most,
                    memory_.register_depth + look_ahead);
  }
  lines_.push_back(std::move(line));
}

/// How far a literal that does not hold may be missed, or nothing where dependencies rule it out.
std::optional<double> Scheduler::slack(const Literal& literal) const {
  const auto backward = following_.least(literal.later, literal.earlier);
  if (literal.laps == 0 && !literal.together && backward && -*backward < literal.least) return std::nullopt;
  const auto forward = following_.least(literal.earlier, literal.later);
  return static_cast<double>(literal.least - forward.value_or(-horizon_));
}

void Scheduler::add_clause(const Clause& clause, solve::Program& program, std::size_t number) const {
  const Line& line = *std::ranges::find(lines_, clause.stage, &Line::stage);
  const double per_line = static_cast<double>(memory_.lines_per_block);
  std::vector<Term> one;
  for (std::size_t i = 0; i < clause.any.size(); ++i) {
    const Literal& l = clause.any[i];
    const auto missed = slack(l);
    if (!missed) continue;
    std::vector<Term> terms;
    if (l.later != l.earlier) terms = {{l.later, 1}, {l.earlier, -1}};
    double big = *missed;
    if (l.laps != 0) {
      terms.push_back({line.lines, per_line * static_cast<double>(l.laps)});
      if (l.laps < 0) big -= static_cast<double>(l.laps) * per_line * most_groups(clause.stage);
    }
    const int holds = program.add_variable(0, 1, true, fmt::format("c{}_{}", number, i));
    one.push_back({holds, 1});
    const double least = static_cast<double>(l.least);
    terms.push_back({holds, -std::max(0.0, big)});
    program.add_row(terms, Sense::at_least, least - std::max(0.0, big));
    if (!l.together) continue;
    const double over = static_cast<double>(horizon_ - l.least);
    terms.back() = {holds, over};
    program.add_row(terms, Sense::at_most, least + over);
  }
  if (line.registers >= 0) one.push_back({line.registers, -1});
  program.add_row(one, Sense::at_least, line.registers >= 0 ? 0 : 1);
}

solve::Program Scheduler::program() {
  solve::Program program;
  lines_.clear();
  for (std::size_t s = 0; s < graph_.stages.size(); ++s)
    program.add_variable(0, static_cast<double>(horizon_), true, fmt::format("s{}", s));
  for (std::size_t s = 0; s < graph_.stages.size(); ++s) add_line(static_cast<int>(s), program);
  for (std::size_t i = 0; i < clauses_.size(); ++i) add_clause(clauses_[i], program, i);
  return program;
}

std::vector<Term> Scheduler::cost_terms() const {
  std::vector<Term> terms;
  for (const Line& line : lines_) {
    terms.push_back({line.lines, line.cost});
    if (line.registers >= 0) terms.push_back({line.registers, line.fixed});
  }
  return terms;
}

std::vector<Term> Scheduler::lifetime_terms() const {
  std::vector<Term> terms;
  for (const Line& line : lines_) terms.push_back({line.lifetime, 1});
  return terms;
}

std::vector<std::int64_t> Scheduler::starts(const std::vector<double>& values) const {
  std::vector<std::int64_t> start;
  for (std::size_t s = 0; s < graph_.stages.size(); ++s) start.push_back(std::llround(values[s]));
  return start;
}

std::vector<Buffer> Scheduler::buffers(const std::vector<double>& values) const {
  std::vector<Buffer> out;
  const auto start = starts(values);
  for (const Line& line : lines_) {
    Buffer b{.stage = line.stage, .lines_per_block = memory_.lines_per_block};
    b.registers = line.registers >= 0 && values[static_cast<std::size_t>(line.registers)] < 0.5;
    if (b.registers) {
      for (const int e : line.edges)
        b.depth =
            std::max(b.depth, static_cast<int>(fetch_start(graph_, start, graph_.edges[static_cast<std::size_t>(e)]) -
                                               start[static_cast<std::size_t>(line.stage)]));
      b.lines_per_block = 1;
    } else {
      b.lines = memory_.lines_per_block * static_cast<int>(std::lround(values[static_cast<std::size_t>(line.lines)]));
    }
    out.push_back(std::move(b));
  }
  return out;
}

bool Scheduler::learn(const std::vector<double>& values) {
  const auto start = starts(values);
  bool any = false;
  for (const Buffer& buffer : buffers(values)) {
    if (conflict(graph_, start, buffer, memory_.ports).empty()) continue;
    const auto all = accessors(graph_, start, buffer.stage);
    std::size_t added = 0;
    for_each_moment(graph_, buffer.stage, all, buffer.lines, buffer.lines_per_block, [&](const auto& meeting) {
      const auto writes = std::ranges::count_if(
          meeting, [&](const Access& a) { return all[static_cast<std::size_t>(a.accessor)].writes(); });
      const auto reads = std::ssize(meeting) - writes;
      const rtl::Ports& p = memory_.ports;
      if (reads <= p.read_write + p.read && writes <= p.read_write + p.write && reads + writes <= p.all()) return true;
      for (Clause& clause : clauses(graph_, buffer.stage, buffer.lines, all, meeting, p)) {
        const bool possible = std::ranges::find(lines_, buffer.stage, &Line::stage)->registers >= 0 ||
                              std::ranges::any_of(clause.any, [&](const Literal& l) { return slack(l).has_value(); });
        if (!possible)
          throw Error(fmt::format("{}: starting later does not help", conflict(graph_, start, buffer, memory_.ports)),
                      memory_.name, suggestion());
        if (std::ranges::find(clauses_, clause) != clauses_.end()) continue;
        clauses_.push_back(std::move(clause));
        ++added;
      }
      return added == 0;
    });
    if (added == 0)
      throw Error("the solver breaks a rule: " + conflict(graph_, start, buffer, memory_.ports), "schedule",
                  "report this pipeline");
    any = true;
  }
  return any;
}

/// Solves, learns from conflicts and solves again, until there are none. With `most_cost` the pixels' lifetimes are
/// minimised among schedules of that cost.
solve::Solution Scheduler::solve(std::optional<double> most_cost, const solve::Solution* known) {
  for (int round = 0; round < (known ? most_tie_rounds : most_rounds); ++round) {
    solve::Program p = program();
    if (most_cost) p.add_row(cost_terms(), Sense::at_most, *most_cost);
    p.set_objective(most_cost ? lifetime_terms() : cost_terms());
    if (!most_cost) last_ = p.to_lp();
    const auto start = Clock::now();
    const solve::Solution solution = p.solve(left(), known ? most_tie_nodes : 0);
    solver_s_ += seconds_since(start);
    ++rounds_;
    if (known && solution.status != solve::Status::optimal) return *known;
    if (solution.values.empty())
      throw Error(solution.status == solve::Status::infeasible
                      ? std::string("no schedule exists under its ports")
                      : fmt::format("no schedule was found in {:.0f} s", options_.time_limit_s),
                  memory_.name, suggestion());
    if (!learn(solution.values)) return solution;
    if (left() <= 0) {
      if (known) return *known;
      throw Error(fmt::format("no schedule was found in {:.0f} s", options_.time_limit_s), "schedule",
                  "give a longer time limit");
    }
  }
  if (known) return *known;
  throw Error(fmt::format("no schedule was found in {} rounds", most_rounds), "schedule",
              "take a memory of more ports");
}

void Scheduler::finish(Schedule& out, const solve::Solution& best) const {
  out.start = starts(best.values);
  out.buffers = buffers(best.values);
  std::int64_t origin = *std::ranges::min_element(out.start);
  for (const Edge& edge : graph_.edges) origin = std::min(origin, fetch_start(graph_, out.start, edge));
  for (std::int64_t& s : out.start) s -= origin;
  for (std::size_t i = 0; i < out.buffers.size(); ++i) {
    Buffer& b = out.buffers[i];
    const int bits = shape(b.stage).bits * graph_.lanes;
    if (b.registers) {
      b.bits = std::int64_t{b.depth} * bits;
      continue;
    }
    assign_ports(graph_, out.start, b, memory_.ports);  // may add a line
    out.objective += lines_[i].cost * (b.lines / b.lines_per_block) + (lines_[i].registers >= 0 ? lines_[i].fixed : 0);
    b.bits = std::int64_t{b.lines} * words(b.stage) * bits;
    b.blocks = b.lines / b.lines_per_block * rtl::blocks_for(memory_, b.lines_per_block * words(b.stage), bits);
  }
}

/// The smallest change of the memory that has a schedule, found by trying.
std::string Scheduler::suggestion() const {
  if (!options_.suggest) return "";
  ScheduleOptions quick = options_;
  quick.suggest = false;
  quick.time_limit_s = 5;
  const auto works = [&](const rtl::Memory& memory) {
    try {
      imaging::schedule(graph_, memory, quick);
      return true;
    } catch (const Error&) {
      return false;
    }
  };
  rtl::Memory other = memory_;
  if (other.lines_per_block > 1) {
    other.lines_per_block = 1;
    if (works(other)) return "let no lines share a block";
    other = memory_;
  }
  for (int more = 1; more <= 8; ++more) {
    ++other.ports.read_write;
    if (works(other))
      return fmt::format("take a memory with {} more port{} that read{} and write{}", more, more > 1 ? "s" : "",
                         more > 1 ? "" : "s", more > 1 ? "" : "s");
  }
  return "take a memory of more ports";
}

Schedule Scheduler::schedule() {
  const solve::Solution least = solve(std::nullopt, nullptr);
  const double cost = least.objective;
  const solve::Solution best = solve(cost + 1e-6 * std::max(1.0, cost), &least);
  Schedule out;
  finish(out, best);
  for (const Buffer& b : out.buffers)
    if (const std::string wrong = conflict(graph_, out.start, b, memory_.ports); !wrong.empty())
      throw Error("the solver's answer fails the check: " + wrong, "schedule", "report this pipeline");
  out.bound = least.status == solve::Status::optimal ? cost : std::min(cost, least.bound);
  out.rounds = rounds_;
  out.solver_s = solver_s_;
  out.program = std::move(last_);
  return out;
}

}  // namespace

int Schedule::lines() const {
  return std::accumulate(buffers.begin(), buffers.end(), 0, [](int n, const Buffer& b) { return n + b.lines; });
}

int Schedule::blocks() const {
  return std::accumulate(buffers.begin(), buffers.end(), 0, [](int n, const Buffer& b) { return n + b.blocks; });
}

std::int64_t Schedule::bits() const {
  std::int64_t bits = 0;
  for (const Buffer& b : buffers) bits += b.registers ? 0 : b.bits;
  return bits;
}

std::int64_t Schedule::register_bits() const {
  std::int64_t bits = 0;
  for (const Buffer& b : buffers) bits += b.registers ? b.bits : 0;
  return bits;
}

Schedule schedule(const Graph& graph, const rtl::Memory& memory, const ScheduleOptions& options) {
  return Scheduler(graph, memory, options).schedule();
}

}  // namespace pare::imaging
