#include "pare/trace/chakra_order.h"

#include <fmt/format.h>

#include <algorithm>

#include "pare/base/error.h"

namespace pare::trace {
namespace {

/// Of all nodes of a file together.
constexpr std::size_t most_dependencies = std::size_t{1} << 27;
/// Of a cycle's nodes, those that an error names.
constexpr std::size_t most_named = 8;
/// In place of the number of a node that is not there.
constexpr std::uint64_t absent = ~std::uint64_t{0};

}  // namespace

void DependencyOrder::begin(std::uint64_t id, const std::string& where) {
  if (!numbers_.emplace(id, static_cast<std::uint32_t>(ids_.size())).second)
    throw Error(fmt::format("two nodes have the id {}", id), where, "the trace is damaged: write it again");
  ids_.push_back(id);
  starts_.push_back(on_.size());
}

void DependencyOrder::depend(std::uint64_t on, const std::string& where) {
  if (on_.size() >= most_dependencies)
    throw Error(fmt::format("more than {} dependencies", most_dependencies), where, "record fewer steps");
  on_.push_back(on);
}

void DependencyOrder::resolve(const std::string& where) {
  for (std::size_t node = 0; node < ids_.size(); ++node)
    for (std::size_t i = starts_[node]; i < end(node); ++i) {
      const auto found = numbers_.find(on_[i]);
      if (found == numbers_.end() && i >= controls_[node])
        throw Error(fmt::format("node {} needs the data of node {}, which is not there", ids_[node], on_[i]), where,
                    "the trace is cut off, or nodes were taken out of it");
      dropped_ += found == numbers_.end();
      on_[i] = found == numbers_.end() ? absent : found->second;
    }
}

void DependencyOrder::refuse_cycle(const std::vector<std::uint32_t>& open, std::uint32_t again,
                                   const std::string& where) const {
  std::string path;
  std::size_t named = 0;
  for (auto at = std::ranges::find(open, again); at != open.end() && named < most_named; ++at, ++named)
    path += fmt::format("{} on ", ids_[*at]);
  if (open.end() - std::ranges::find(open, again) > static_cast<std::ptrdiff_t>(most_named)) path += "... on ";
  throw Error(fmt::format("nodes depend on themselves: {}{}", path, ids_[again]), where,
              "an execution trace has no cycles: convert it again");
}

void DependencyOrder::check(const std::string& where) {
  resolve(where);
  enum State : std::uint8_t { fresh, opened, done };
  std::vector<State> state(ids_.size(), fresh);
  std::vector<std::size_t> next = starts_;  // the dependency of each node to follow next
  std::vector<std::uint32_t> open;
  order_.reserve(ids_.size());
  for (std::uint32_t root = 0; root < ids_.size(); ++root) {
    if (state[root] != fresh) continue;
    open.push_back(root);
    state[root] = opened;
    while (!open.empty()) {
      const std::uint32_t node = open.back();
      if (next[node] == end(node)) {
        state[node] = done;
        order_.push_back(node);
        open.pop_back();
        continue;
      }
      const std::uint64_t named = on_[next[node]++];
      if (named == absent) continue;
      const auto on = static_cast<std::uint32_t>(named);
      if (state[on] == opened) refuse_cycle(open, on, where);
      if (state[on] == done) continue;
      state[on] = opened;
      open.push_back(on);
    }
  }
}

std::optional<std::uint32_t> DependencyOrder::first_control(std::size_t node) const {
  if (controls_[node] == starts_[node] || on_[starts_[node]] == absent) return std::nullopt;
  return static_cast<std::uint32_t>(on_[starts_[node]]);
}

}  // namespace pare::trace
