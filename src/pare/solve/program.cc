#include "pare/solve/program.h"

#include <coin/Cbc_C_Interface.h>
#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <cmath>
#include <memory>

namespace pare::solve {
namespace {

std::string sum(const std::vector<Term>& terms, const auto& variables) {
  std::string out;
  for (const Term& t : terms)
    out += fmt::format(" {} {:.17g} {}", t.coefficient < 0 ? '-' : '+', std::abs(t.coefficient),
                       variables[static_cast<std::size_t>(t.variable)].name);
  return out;
}

}  // namespace

int Program::add_variable(double low, double high, bool integer, std::string name) {
  variables_.push_back({low, high, integer, std::move(name)});
  return static_cast<int>(variables_.size()) - 1;
}

void Program::add_row(std::vector<Term> terms, Sense sense, double right) {
  // a variable that is named twice is added up: solvers take each once
  std::ranges::sort(terms, {}, &Term::variable);
  std::vector<Term> once;
  for (const Term& t : terms) {
    assert(t.variable >= 0 && t.variable < std::ssize(variables_));
    if (!once.empty() && once.back().variable == t.variable)
      once.back().coefficient += t.coefficient;
    else
      once.push_back(t);
  }
  rows_.push_back({std::move(once), sense, right});
}

Solution Program::solve(double time_limit_s, int most_nodes) const {
  const std::unique_ptr<Cbc_Model, decltype(&Cbc_deleteModel)> model(Cbc_newModel(), Cbc_deleteModel);
  Cbc_setLogLevel(model.get(), 0);
  Cbc_setParameter(model.get(), "logLevel", "0");
  Cbc_setParameter(model.get(), "timeMode", "elapsed");
  // rows about lines already say what cuts would find out: without them the benchmarks take half the time
  Cbc_setParameter(model.get(), "cutsOnOff", "off");
  Cbc_setParameter(model.get(), "seconds", fmt::format("{}", std::max(0.01, time_limit_s)).c_str());
  if (most_nodes > 0) Cbc_setParameter(model.get(), "maxNodes", fmt::format("{}", most_nodes).c_str());
  // rows that a binary switches off hold factors of 1e5: a hundred-thousandth of one must not switch them
  Cbc_setParameter(model.get(), "integerTolerance", "1e-9");
  Cbc_setParameter(model.get(), "primalTolerance", "1e-9");
  std::vector<double> costs(variables_.size());
  for (const Term& t : objective_) costs[static_cast<std::size_t>(t.variable)] += t.coefficient;
  for (std::size_t i = 0; i < variables_.size(); ++i) {
    const Variable& v = variables_[i];
    Cbc_addCol(model.get(), v.name.c_str(), v.low, v.high, costs[i], static_cast<char>(v.integer), 0, nullptr, nullptr);
  }
  for (const Row& row : rows_) {
    std::vector<int> columns;
    std::vector<double> coefficients;
    for (const Term& t : row.terms) {
      columns.push_back(t.variable);
      coefficients.push_back(t.coefficient);
    }
    const char sense = row.sense == Sense::at_least ? 'G' : row.sense == Sense::at_most ? 'L' : 'E';
    Cbc_addRow(model.get(), "", static_cast<int>(columns.size()), columns.data(), coefficients.data(), sense,
               row.right);
  }
  Cbc_setObjSense(model.get(), 1);
  Cbc_solve(model.get());
  Solution out;
  if (Cbc_isProvenInfeasible(model.get())) {
    out.status = Status::infeasible;
    return out;
  }
  const double* values = Cbc_bestSolution(model.get());
  if (!values) values = Cbc_isProvenOptimal(model.get()) ? Cbc_getColSolution(model.get()) : nullptr;
  if (!values) return out;
  out.status = Cbc_isProvenOptimal(model.get()) ? Status::optimal : Status::feasible;
  out.values.assign(values, values + variables_.size());
  for (std::size_t i = 0; i < variables_.size(); ++i)
    if (variables_[i].integer) out.values[i] = std::round(out.values[i]);
  for (const Term& t : objective_) out.objective += t.coefficient * out.values[static_cast<std::size_t>(t.variable)];
  out.bound = out.status == Status::optimal ? out.objective : Cbc_getBestPossibleObjValue(model.get());
  return out;
}

std::string Program::to_lp() const {
  std::string out = "Minimize\n obj:" + sum(objective_, variables_) + "\nSubject To\n";
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    const Row& row = rows_[i];
    const char* sense = row.sense == Sense::at_least ? ">=" : row.sense == Sense::at_most ? "<=" : "=";
    out += fmt::format(" r{}:{} {} {:.17g}\n", i, sum(row.terms, variables_), sense, row.right);
  }
  out += "Bounds\n";
  for (const Variable& v : variables_) out += fmt::format(" {:.17g} <= {} <= {:.17g}\n", v.low, v.name, v.high);
  out += "Generals\n";
  for (const Variable& v : variables_)
    if (v.integer) out += " " + v.name + "\n";
  return out + "End\n";
}

}  // namespace pare::solve
