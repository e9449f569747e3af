#include "pare/imaging/ports.h"

#include <algorithm>
#include <set>
#include <vector>

#include "pare/base/error.h"
#include "pare/imaging/accesses.h"

namespace pare::imaging {
namespace {

/// Accesses are numbered accessor * lines_per_block + row.
class Assignment {
 public:
  Assignment(std::vector<bool> writes, std::vector<std::set<std::size_t>> meets, const rtl::Ports& ports)
      : writes_(std::move(writes)), meets_(std::move(meets)), ports_(ports), port_(writes_.size(), -1) {}

  /// By trying: a handful of accesses, each with a handful of ports.
  bool assign(std::size_t access = 0) {
    if (access == port_.size()) return true;
    for (int port = 0; port < ports_.all(); ++port) {
      if (!fits(access, port)) continue;
      port_[access] = port;
      if (assign(access + 1)) return true;
    }
    port_[access] = -1;
    return false;
  }
  int port(std::size_t access) const { return port_[access]; }

 private:
  bool fits(std::size_t access, int port) const {
    // read and write ports come first, then those that read, then those that write
    if (port >= ports_.read_write && (port < ports_.read_write + ports_.read) == writes_[access]) return false;
    for (const std::size_t other : meets_[access])
      if (other < access && port_[other] == port) return false;
    return true;
  }

  std::vector<bool> writes_;
  std::vector<std::set<std::size_t>> meets_;
  rtl::Ports ports_;
  std::vector<int> port_;
};

}  // namespace

void assign_ports(const Graph& graph, std::span<const std::int64_t> start, Buffer& buffer, const rtl::Ports& ports) {
  const auto all = accessors(graph, start, buffer.stage);
  const auto group = static_cast<std::size_t>(buffer.lines_per_block);
  std::vector<bool> writes;
  for (const Accessor& a : all) writes.insert(writes.end(), group, a.writes());
  for (const int most = buffer.lines + 2 * buffer.lines_per_block; buffer.lines <= most;
       buffer.lines += buffer.lines_per_block) {
    std::vector<std::set<std::size_t>> meets(writes.size());
    for_each_moment(graph, buffer.stage, all, buffer.lines, buffer.lines_per_block, [&](const auto& accesses) {
      for (const Access& a : accesses)
        for (const Access& b : accesses)
          if (a != b)
            meets[static_cast<std::size_t>(a.accessor) * group + static_cast<std::size_t>(a.row)].insert(
                static_cast<std::size_t>(b.accessor) * group + static_cast<std::size_t>(b.row));
      return true;
    });
    Assignment assignment(writes, std::move(meets), ports);
    if (!assignment.assign()) continue;
    buffer.ports.clear();
    for (std::size_t e = 0; e < graph.edges.size(); ++e) {
      if (graph.edges[e].producer != buffer.stage) continue;
      std::size_t a = 0;
      while (std::find(all[a].edges.begin(), all[a].edges.end(), static_cast<int>(e)) == all[a].edges.end()) ++a;
      buffer.ports.emplace_back();
      for (std::size_t row = 0; row < group; ++row) buffer.ports.back().push_back(assignment.port(a * group + row));
    }
    buffer.ports.emplace_back();
    for (std::size_t row = 0; row < group; ++row)
      buffer.ports.back().push_back(assignment.port((all.size() - 1) * group + row));
    return;
  }
  throw Error(
      "accesses of '" + graph.stages[static_cast<std::size_t>(buffer.stage)].name + "' cannot keep to a port each",
      "schedule", "take a memory of one port more");
}

}  // namespace pare::imaging
