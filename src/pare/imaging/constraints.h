// The scheduling program: constraints on start cycles, in the terms of the specification (4, C1 to C8).
#pragma once
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "pare/imaging/accesses.h"
#include "pare/imaging/schedule.h"
#include "pare/solve/program.h"

namespace pare::imaging {

/// One way in which two accesses of a block are apart: start[later] - start[earlier] + lines * laps >= least, or, of
/// two fetches, both start together.
struct Literal {
  int earlier = 0, later = 0;  // stages
  std::int64_t laps = 0;       // cycles for each line of the buffer
  std::int64_t least = 0;
  bool together = false;  // start[later] - start[earlier] == least
  bool operator==(const Literal&) const = default;
};

/// One of the literals holds, or the buffer is registers.
struct Clause {
  int stage = 0;
  std::vector<Literal> any;
  bool operator==(const Clause&) const = default;
};

/// What can keep accesses that now meet in one block apart: of every `count` of them some two must be. Empty lists of
/// literals mean that nothing can.
std::vector<Clause> clauses(const Graph& graph, const Buffer& buffer, const std::vector<Accessor>& accessors,
                            const std::vector<Access>& meeting, const rtl::Ports& ports);

/// That some two of these, which now meet in one block, come apart.
Clause apart(const Graph& graph, const Buffer& buffer, const std::vector<Accessor>& accessors,
             const std::vector<std::pair<Access, Access>>& meeting);

/// The least start[b] - start[a] that is implied, [stages][stages]; nothing where b need not follow a. First by
/// dependencies alone.
class Following {
 public:
  explicit Following(const Graph& graph);
  std::optional<std::int64_t> least(int a, int b) const;
  /// From now on start[b] - start[a] >= least, which must be possible.
  void add(int a, int b, std::int64_t least);
  bool operator==(const Following&) const = default;

 private:
  std::size_t count_;
  std::vector<std::optional<std::int64_t>> least_;
};

/// Cycles from a producer's start to its consumer's at least (C1).
std::int64_t dependency(const Graph& graph, const Edge& edge);
/// start[consumer] - start[producer] + this is what the buffer's lines must reach in cycles (C2).
std::int64_t retention(const Graph& graph, const Edge& edge);

}  // namespace pare::imaging
