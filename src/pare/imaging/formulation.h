// The scheduling problem as an integer program (specification, section 4).
#pragma once
#include <cstdint>
#include <optional>
#include <vector>

#include "pare/imaging/constraints.h"
#include "pare/imaging/schedule.h"
#include "pare/solve/program.h"

namespace pare::imaging {

/// The buffer of a stage in the program.
struct Line {
  int stage = 0;
  int lines = -1;      // variable: groups of lines
  int registers = -1;  // variable: 0 where registers do, 1 where there are lines
  int lifetime = -1;   // variable: cycles that a pixel is kept
  double cost = 0;     // of a group of lines
  double fixed = 0;    // of having lines at all
  std::vector<int> edges;
};

/// Starts of stages are the first variables. What is common to all schedules (distances that dependencies and clauses
/// without a choice imply) is followed up, so that lines have bounds before anything is solved.
class Formulation {
 public:
  Formulation(const Graph& graph, const rtl::Memory& memory, Objective objective);

  /// Whether some schedule may satisfy it.
  bool possible(const Clause& clause) const;
  bool knows(const Clause& clause) const;
  /// From now on part of the program.
  void add(Clause clause);

  solve::Program program();
  /// Of the last program.
  std::vector<solve::Term> cost() const;
  std::vector<solve::Term> lifetime() const;

  /// What a solution of the last program says.
  std::vector<std::int64_t> starts(const std::vector<double>& values) const;
  std::vector<Buffer> buffers(const std::vector<double>& values) const;

 private:
  Line line_of(int stage) const;
  void put_costs(Line& line) const;
  /// Of lines, that any schedule within the horizon needs.
  double most_groups(int stage) const;
  /// Of lines, that every schedule with these distances needs; 0 where registers may do.
  std::int64_t least_groups(const Line& line, const Following& following) const;
  bool fits_registers(const Line& line, const Following& following) const;

  /// How far a literal that does not hold may be missed, or nothing where distances rule it out.
  std::optional<double> slack(const Literal& literal) const;
  /// Without those that imply another.
  std::vector<Literal> possible_literals(const Clause& clause) const;
  /// All clauses, of possible literals; without those that another implies.
  std::vector<Clause> choices() const;
  /// Follows up the clauses that leave no choice.
  void imply();
  Following with(const Literal& literal) const;
  /// Of lines of the clause's buffer, that a literal about laps needs by itself.
  std::int64_t lap_groups(const Literal& literal) const;

  void add_line(Line& line, solve::Program& program) const;
  void add_clause(const Clause& clause, std::size_t number, solve::Program& program) const;
  void add_literal(const Literal& literal, const Line& line, int holds, solve::Program& program) const;
  void add_bounds(const Line& own, const std::vector<Literal>& literals, const std::vector<solve::Term>& holds,
                  solve::Program& program) const;

  const Graph& graph_;
  const rtl::Memory& memory_;
  Objective objective_;
  Following following_;
  std::int64_t horizon_ = 1;  // no start of a best schedule lies behind it
  std::vector<Line> lines_;
  std::vector<Clause> clauses_;
};

}  // namespace pare::imaging
