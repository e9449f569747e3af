// Mixed-integer linear programs.
#pragma once
#include <string>
#include <vector>

namespace pare::solve {

struct Term {
  int variable = 0;
  double coefficient = 1;
};

enum class Sense { at_least, at_most, equal };

/// optimal: no better solution exists; feasible: time ran out, `bound` says how much better one could be.
enum class Status { optimal, feasible, infeasible, unknown };

struct Solution {
  Status status = Status::unknown;
  double objective = 0, bound = 0;
  std::vector<double> values;  // [variable]; those of integer variables are whole
};

/// Minimise a sum of variables under rows of sums.
class Program {
 public:
  /// Returns its number. `name`: letters, digits and '_', none twice.
  int add_variable(double low, double high, bool integer, std::string name);
  void add_row(std::vector<Term> terms, Sense sense, double right);
  void set_objective(std::vector<Term> terms) { objective_ = std::move(terms); }

  /// COIN-OR CBC on one thread: the same program gives the same solution, unless time runs out. With most_nodes > 0
  /// it looks at so many parts of the tree at most.
  Solution solve(double time_limit_s, int most_nodes = 0) const;

  /// In the LP format that all solvers read.
  std::string to_lp() const;

 private:
  struct Variable {
    double low, high;
    bool integer;
    std::string name;
  };
  struct Row {
    std::vector<Term> terms;
    Sense sense;
    double right;
  };
  std::vector<Variable> variables_;
  std::vector<Row> rows_;
  std::vector<Term> objective_;
};

}  // namespace pare::solve
