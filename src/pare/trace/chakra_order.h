// The dependencies between the nodes of a Chakra trace.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace pare::trace {

class DependencyOrder {
 public:
  /// Nodes are numbered as they come. Throws Error when the id is taken, or when there are too many dependencies.
  template <typename Ids>
  void add(std::uint64_t id, const Ids& control, const Ids& data, const std::string& where) {
    begin(id, where);
    for (const std::uint64_t on : control) depend(on, where);
    controls_.push_back(on_.size());
    for (const std::uint64_t on : data) depend(on, where);
  }

  /// Throws Error for data from a node that is not there, and for a cycle, naming its nodes. Control by a node that is
  /// not there is dropped and counted: Chakra's converter leaves out nodes that it has no time for.
  void check(const std::string& where);

  /// What follows is known after check().

  std::size_t dropped() const { return dropped_; }
  /// The node that `node` names first among those that control it.
  std::optional<std::uint32_t> first_control(std::size_t node) const;
  /// All nodes, each behind those that it depends on.
  const std::vector<std::uint32_t>& in_order() const { return order_; }

 private:
  void begin(std::uint64_t id, const std::string& where);
  void depend(std::uint64_t on, const std::string& where);
  std::size_t end(std::size_t node) const { return node + 1 < starts_.size() ? starts_[node + 1] : on_.size(); }
  void resolve(const std::string& where);
  [[noreturn]] void refuse_cycle(const std::vector<std::uint32_t>& open, std::uint32_t again,
                                 const std::string& where) const;

  std::unordered_map<std::uint64_t, std::uint32_t> numbers_;
  std::vector<std::uint64_t> ids_;
  std::vector<std::size_t> starts_,
      controls_;                   // of each node: where its dependencies begin, where those of control end
  std::vector<std::uint64_t> on_;  // ids, after resolve() numbers
  std::size_t dropped_ = 0;
  std::vector<std::uint32_t> order_;
};

}  // namespace pare::trace
