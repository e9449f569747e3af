#include "pare/imaging/schedule.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "pare/base/error.h"
#include "pare/base/stopwatch.h"
#include "pare/imaging/formulation.h"
#include "pare/imaging/ports.h"

namespace pare::imaging {
namespace {

constexpr int most_rounds = 400;
constexpr std::size_t most_at_once = 8;  // clauses of one buffer in a round
// of telling schedules of one cost apart: counted, not timed, so that the answer does not depend on the machine
constexpr int most_tie_rounds = 12, most_tie_nodes = 500;

class Scheduler {
 public:
  Scheduler(const Graph& graph, const rtl::Memory& memory, const ScheduleOptions& options)
      : graph_(graph), memory_(memory), options_(options), formulation_(graph, memory, options.objective) {}

  Schedule schedule();

 private:
  double left() const { return options_.time_limit_s - watch_.seconds(); }

  /// Adds what rules out the conflicts of these values; whether there was any.
  bool learn(const std::vector<double>& values);
  std::vector<Clause> broken_clauses(const std::vector<std::int64_t>& start, const Buffer& buffer) const;
  solve::Solution solve(std::optional<double> most_cost, const solve::Solution* known);
  void finish(Schedule& out, const solve::Solution& best) const;
  std::string suggestion() const;

  const Graph& graph_;
  const rtl::Memory& memory_;
  const ScheduleOptions& options_;
  Formulation formulation_;
  int rounds_ = 0;
  double solver_s_ = 0;
  double bound_ = 0;     // no schedule costs less
  solve::Program last_;  // of the least cost
  Stopwatch watch_;
};

bool Scheduler::learn(const std::vector<double>& values) {
  const auto start = formulation_.starts(values);
  bool any = false;
  for (Buffer& buffer : formulation_.buffers(values)) {
    if (buffer.registers) continue;
    std::string wrong = conflict(graph_, start, buffer, memory_.ports);
    std::vector<Clause> learned;
    if (!wrong.empty()) {
      learned = broken_clauses(start, buffer);
    } else if (const auto in_the_way = assign_ports(graph_, start, buffer, memory_.ports); !in_the_way.empty()) {
      wrong = fmt::format("accesses of '{}' cannot keep to a port each", graph_.stage(buffer.stage).name);
      learned = {apart(graph_, buffer, accessors(graph_, start, buffer.stage), in_the_way)};
    } else {
      continue;
    }
    any = true;
    std::erase_if(learned, [&](const Clause& clause) { return formulation_.knows(clause); });
    if (learned.empty()) throw Error("the solver breaks a rule: " + wrong, "schedule", "report this pipeline");
    for (Clause& clause : learned) {
      if (!formulation_.possible(clause))
        throw Error(wrong + ": starting later does not help", memory_.name, suggestion());
      formulation_.add(std::move(clause));
    }
  }
  return any;
}

/// Of the first moments of a buffer that break some which are not yet known.
std::vector<Clause> Scheduler::broken_clauses(const std::vector<std::int64_t>& start, const Buffer& buffer) const {
  std::vector<Clause> out;
  const auto all = accessors(graph_, start, buffer.stage);
  for_each_moment(graph_, buffer.stage, all, buffer.lines, buffer.lines_per_block, [&](const auto& meeting) {
    if (allowed(all, meeting, memory_.ports)) return true;
    for (Clause& clause : clauses(graph_, buffer, all, meeting, memory_.ports))
      if (!formulation_.knows(clause) && std::ranges::find(out, clause) == out.end()) out.push_back(std::move(clause));
    return out.size() < most_at_once;
  });
  return out;
}

/// Solves, learns from conflicts and solves again, until there are none. With `most_cost` the pixels' lifetimes are
/// minimised among schedules of that cost.
solve::Solution Scheduler::solve(std::optional<double> most_cost, const solve::Solution* known) {
  for (int round = 0; round < (known ? most_tie_rounds : most_rounds); ++round) {
    solve::Program p = formulation_.program();
    if (most_cost) p.add_row(formulation_.cost(), solve::Sense::at_most, *most_cost);
    p.set_objective(most_cost ? formulation_.lifetime() : formulation_.cost());
    if (!most_cost) {
      last_ = p;
      p.add_row(formulation_.cost(), solve::Sense::at_least, bound_);  // fewer clauses did not do for less
    }
    solve::Solution solution;
    solver_s_ += seconds_of([&] { solution = p.solve(left(), known ? most_tie_nodes : 0); });
    ++rounds_;
    if (!most_cost) bound_ = std::max(bound_, solution.bound - 1e-6 * std::max(1.0, solution.bound));
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
  out.start = formulation_.starts(best.values);
  out.buffers = formulation_.buffers(best.values);
  normalise(graph_, out.start);
  for (Buffer& b : out.buffers) {
    const int bits = graph_.word_bits(b.stage);
    if (b.registers) {
      b.bits = std::int64_t{b.depth} * bits;
      continue;
    }
    assign_ports(graph_, out.start, b, memory_.ports);
    b.bits = std::int64_t{b.lines} * graph_.words(b.stage) * bits;
    b.blocks = b.lines / b.lines_per_block * blocks_of(graph_, b.stage, b.lines_per_block, memory_);
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
  out.objective = cost;
  out.bound = least.status == solve::Status::optimal ? cost : std::min(cost, std::max(bound_, least.bound));
  out.rounds = rounds_;
  out.solver_s = solver_s_;
  out.program = last_.to_lp();
  return out;
}

}  // namespace

int blocks_of(const Graph& graph, int stage, int lines, const rtl::Memory& memory) {
  return rtl::blocks_for(memory, lines * graph.words(stage), graph.word_bits(stage));
}

int blocks_across(const Graph& graph, int stage, int lines, const rtl::Memory& memory) {
  return rtl::blocks_across(memory, lines * graph.words(stage), graph.word_bits(stage));
}

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
