#include "pare/imaging/formulation.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "pare/base/error.h"
#include "pare/imaging/integers.h"

namespace pare::imaging {
namespace {

using solve::Program;
using solve::Sense;
using solve::Term;

/// Whether b holds wherever a does, by their own words.
bool implies(const Literal& a, const Literal& b) {
  if (a.earlier != b.earlier || a.later != b.later || a.laps != b.laps) return false;
  return b.together ? a.together && a.least == b.least : a.least >= b.least;
}

/// Whether the second of two clauses holds wherever the first does.
bool implies(const std::vector<Literal>& a, const std::vector<Literal>& b) {
  return std::ranges::all_of(a, [&](const Literal& l) {
    return std::ranges::any_of(b, [&](const Literal& other) { return implies(l, other); });
  });
}

}  // namespace

Formulation::Formulation(const Graph& graph, const rtl::Memory& memory, Objective objective)
    : graph_(graph), memory_(memory), objective_(objective), following_(graph) {
  for (const Edge& e : graph.edges)
    horizon_ += graph.look_ahead(e) + (e.window.height() + 2 + memory.lines_per_block) * graph_.pitch(e.producer) + 1 +
                graph.repeated(e);
  for (std::size_t s = 0; s < graph.stages.size(); ++s)
    if (Line line = line_of(static_cast<int>(s)); !line.edges.empty()) lines_.push_back(std::move(line));
}

Line Formulation::line_of(int stage) const {
  Line line{.stage = stage};
  for (std::size_t e = 0; e < graph_.edges.size(); ++e)
    if (graph_.edges[e].producer == stage) line.edges.push_back(static_cast<int>(e));
  if (!line.edges.empty()) put_costs(line);
  return line;
}

void Formulation::put_costs(Line& line) const {
  const int group = memory_.lines_per_block;
  const int blocks = blocks_of(graph_, line.stage, group, memory_);
  switch (objective_) {
    case Objective::lines: line.cost = group; break;
    case Objective::bits: line.cost = 1.0 * group * graph_.words(line.stage) * graph_.word_bits(line.stage); break;
    case Objective::blocks: line.cost = blocks; break;
    case Objective::power: {
      if (!memory_.read_pj || !memory_.write_pj)
        throw UsageError(fmt::format("memory '{}' says no energy of an access", memory_.name), "--objective power",
                         "add read_pj and write_pj, or minimise blocks");
      // per pixel: every row of a window is a read
      const double together = blocks_across(graph_, line.stage, group, memory_);
      line.fixed = memory_.write_pj->value * together;
      for (const int e : line.edges) line.fixed += graph_.edge(e).window.height() * memory_.read_pj->value * together;
      if (memory_.leakage_uw) line.cost = 1e-3 * memory_.leakage_uw->value * blocks;  // at a pixel a nanosecond
    }
  }
}

double Formulation::most_groups(int stage) const {
  return std::ceil(static_cast<double>(horizon_) / static_cast<double>(graph_.pitch(stage) * memory_.lines_per_block)) +
         2;
}

bool Formulation::fits_registers(const Line& line, const Following& following) const {
  return graph_.stage(line.stage).step == 1 && memory_.register_depth > 0 &&
         std::ranges::all_of(line.edges, [&](int i) {
           const Edge& e = graph_.edge(i);
           return e.pointwise() &&
                  *following.least(e.producer, e.consumer) - graph_.look_ahead(e) <= memory_.register_depth;
         });
}

std::int64_t Formulation::least_groups(const Line& line, const Following& following) const {
  if (fits_registers(line, following)) return 0;
  const std::int64_t row = graph_.pitch(line.stage);
  std::int64_t kept = 1;
  for (const int i : line.edges) {
    const Edge& e = graph_.edge(i);
    kept = std::max({kept, e.window.height() * row, *following.least(e.producer, e.consumer) + retention(graph_, e)});
  }
  return ceil_divide(kept, row * memory_.lines_per_block);
}

// ---- clauses ----

std::optional<double> Formulation::slack(const Literal& literal) const {
  const auto backward = following_.least(literal.later, literal.earlier);
  if (literal.laps == 0 && backward && -*backward < literal.least) return std::nullopt;
  const auto forward = following_.least(literal.earlier, literal.later);
  if (literal.together && forward && *forward > literal.least) return std::nullopt;
  return std::max(0.0, static_cast<double>(literal.least - forward.value_or(-horizon_)));
}

std::vector<Literal> Formulation::possible_literals(const Clause& clause) const {
  std::vector<Literal> out;
  for (const Literal& l : clause.any) {
    if (!slack(l) || std::ranges::any_of(out, [&](const Literal& other) { return implies(l, other); })) continue;
    std::erase_if(out, [&](const Literal& other) { return implies(other, l); });
    out.push_back(l);
  }
  return out;
}

bool Formulation::possible(const Clause& clause) const {
  return fits_registers(*std::ranges::find(lines_, clause.stage, &Line::stage), following_) ||
         !possible_literals(clause).empty();
}

bool Formulation::knows(const Clause& clause) const { return std::ranges::find(clauses_, clause) != clauses_.end(); }

void Formulation::add(Clause clause) {
  if (!knows(clause)) clauses_.push_back(std::move(clause));
}

Following Formulation::with(const Literal& literal) const {
  Following out = following_;
  if (literal.laps == 0) out.add(literal.earlier, literal.later, literal.least);
  if (literal.together) out.add(literal.later, literal.earlier, -literal.least);
  return out;
}

std::vector<Clause> Formulation::choices() const {
  std::vector<Clause> out;
  for (const Clause& clause : clauses_) {
    Clause next{.stage = clause.stage, .any = possible_literals(clause)};
    const auto same_buffer = [&](const Clause& other) { return other.stage == next.stage; };
    if (std::ranges::any_of(out, [&](const Clause& o) { return same_buffer(o) && implies(o.any, next.any); })) continue;
    std::erase_if(out, [&](const Clause& o) { return same_buffer(o) && implies(next.any, o.any); });
    out.push_back(std::move(next));
  }
  return out;
}

void Formulation::imply() {
  for (bool more = true; more;) {
    more = false;
    for (const Clause& clause : clauses_) {
      if (fits_registers(*std::ranges::find(lines_, clause.stage, &Line::stage), following_)) continue;
      const auto literals = possible_literals(clause);
      if (literals.size() != 1 || literals[0].laps != 0) continue;
      Following next = with(literals[0]);
      more = more || next != following_;
      following_ = std::move(next);
    }
  }
}

std::int64_t Formulation::lap_groups(const Literal& literal) const {
  const auto backward = following_.least(literal.later, literal.earlier);
  if (literal.laps <= 0 || !backward) return 0;
  return ceil_divide(literal.least + *backward, literal.laps * memory_.lines_per_block);
}

// ---- the program ----

Program Formulation::program() {
  imply();
  Program program;
  for (std::size_t s = 0; s < graph_.stages.size(); ++s)
    program.add_variable(0, static_cast<double>(horizon_), true, fmt::format("s{}", s));
  for (Line& line : lines_) add_line(line, program);
  const auto choices = this->choices();
  for (std::size_t i = 0; i < choices.size(); ++i) add_clause(choices[i], i, program);
  return program;
}

void Formulation::add_line(Line& line, Program& program) const {
  const int stage = line.stage;
  const bool registers = fits_registers(line, following_);
  const double row = static_cast<double>(graph_.pitch(stage));
  line.lines = program.add_variable(static_cast<double>(least_groups(line, following_)), most_groups(stage), true,
                                    fmt::format("n{}", stage));
  line.lifetime = program.add_variable(0, static_cast<double>(2 * horizon_), false, fmt::format("z{}", stage));
  line.registers = program.add_variable(registers ? 0 : 1, 1, true, fmt::format("y{}", stage));
  for (const int i : line.edges) {
    const Edge& e = graph_.edge(i);
    const double kept = static_cast<double>(retention(graph_, e));
    // C1, C2; the pixel's lifetime
    program.add_row({{e.consumer, 1}, {e.producer, -1}}, Sense::at_least, static_cast<double>(dependency(graph_, e)));
    program.add_row({{line.lifetime, 1}, {e.consumer, -1}, {e.producer, 1}}, Sense::at_least, kept - 1);
    std::vector<Term> keeps{{line.lines, row * memory_.lines_per_block}, {e.consumer, -1}, {e.producer, 1}};
    if (!registers) {
      program.add_row(keeps, Sense::at_least, kept);
      continue;
    }
    // C8: lines, or a distance that registers hold
    const double most_kept = static_cast<double>(horizon_) + kept;
    keeps.push_back({line.registers, -most_kept});
    program.add_row(keeps, Sense::at_least, kept - most_kept);
    program.add_row({{line.lines, 1}, {line.registers, -1}}, Sense::at_least, 0);
    program.add_row({{e.consumer, 1}, {e.producer, -1}, {line.registers, -static_cast<double>(horizon_)}},
                    Sense::at_most, memory_.register_depth + graph_.look_ahead(e));
  }
}

/// One of its literals is chosen, unless the buffer is registers, and what is chosen holds.
void Formulation::add_clause(const Clause& clause, std::size_t number, Program& program) const {
  const Line& line = *std::ranges::find(lines_, clause.stage, &Line::stage);
  std::vector<Term> holds;
  for (std::size_t i = 0; i < clause.any.size(); ++i) {
    holds.push_back({program.add_variable(0, 1, true, fmt::format("c{}_{}", number, i)), 1});
    add_literal(clause.any[i], line, holds.back().variable, program);
  }
  add_bounds(line, clause.any, holds, program);
  holds.push_back({line.registers, -1});
  program.add_row(holds, Sense::equal, 0);
}

void Formulation::add_literal(const Literal& l, const Line& line, int holds, Program& program) const {
  std::vector<Term> terms;
  if (l.later != l.earlier) terms = {{l.later, 1}, {l.earlier, -1}};
  double missed = *slack(l);
  if (l.laps != 0) {
    const double per_group = static_cast<double>(memory_.lines_per_block * l.laps);
    terms.push_back({line.lines, per_group});
    if (l.laps < 0) missed -= per_group * most_groups(line.stage);
  }
  const double least = static_cast<double>(l.least);
  terms.push_back({holds, -missed});
  program.add_row(terms, Sense::at_least, least - missed);
  if (!l.together) return;
  const double over = static_cast<double>(horizon_ - l.least);
  terms.back() = {holds, over};
  program.add_row(terms, Sense::at_most, least + over);
}

/// The lines that each choice needs anywhere: without these rows the program's relaxation hardly sees the clauses.
void Formulation::add_bounds(const Line& own, const std::vector<Literal>& literals, const std::vector<Term>& holds,
                             Program& program) const {
  std::vector<Following> chosen;
  chosen.reserve(literals.size());
  for (const Literal& l : literals) chosen.push_back(with(l));
  for (const Line& line : lines_) {
    const auto least = static_cast<double>(least_groups(line, following_));
    std::vector<Term> lines{{line.lines, 1}}, registers{{line.registers, 1}};
    for (std::size_t i = 0; i < literals.size(); ++i) {
      auto groups = static_cast<double>(least_groups(line, chosen[i]));
      if (line.stage == own.stage) groups = std::max(groups, static_cast<double>(lap_groups(literals[i])));
      if (groups > least) lines.push_back({holds[i].variable, least - groups});
      if (groups > 0) registers.push_back({holds[i].variable, -1});
    }
    if (lines.size() > 1) program.add_row(lines, Sense::at_least, least);
    if (line.stage != own.stage && registers.size() > 1) program.add_row(registers, Sense::at_least, 0);
  }
}

std::vector<Term> Formulation::cost() const {
  std::vector<Term> terms;
  for (const Line& line : lines_) {
    terms.push_back({line.lines, line.cost});
    terms.push_back({line.registers, line.fixed});
  }
  return terms;
}

std::vector<Term> Formulation::lifetime() const {
  std::vector<Term> terms;
  for (const Line& line : lines_) terms.push_back({line.lifetime, 1});
  return terms;
}

// ---- what a solution says ----

std::vector<std::int64_t> Formulation::starts(const std::vector<double>& values) const {
  std::vector<std::int64_t> start;
  for (std::size_t s = 0; s < graph_.stages.size(); ++s) start.push_back(std::llround(values[s]));
  return start;
}

std::vector<Buffer> Formulation::buffers(const std::vector<double>& values) const {
  std::vector<Buffer> out;
  const auto start = starts(values);
  for (const Line& line : lines_) {
    Buffer b{.stage = line.stage, .lines_per_block = memory_.lines_per_block};
    b.registers = values[static_cast<std::size_t>(line.registers)] < 0.5;
    if (b.registers) {
      for (const int e : line.edges)
        b.depth = std::max(b.depth, static_cast<int>(fetch_start(graph_, start, graph_.edge(e)) -
                                                     start[static_cast<std::size_t>(line.stage)]));
      b.lines_per_block = 1;
    } else {
      b.lines = memory_.lines_per_block * static_cast<int>(std::lround(values[static_cast<std::size_t>(line.lines)]));
    }
    out.push_back(std::move(b));
  }
  return out;
}

}  // namespace pare::imaging
