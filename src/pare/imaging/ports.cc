#include "pare/imaging/ports.h"

#include <algorithm>
#include <map>
#include <optional>

namespace pare::imaging {
namespace {

/// One time when each two accesses meet in a block. Accesses are numbered accessor * lines_per_block + row.
using Meetings = std::map<std::pair<std::size_t, std::size_t>, std::pair<Access, Access>>;

/// By trying: a handful of accesses, each with a handful of ports.
class Assignment {
 public:
  Assignment(const std::vector<bool>& writes, const Meetings& meetings, const rtl::Ports& ports)
      : writes_(writes), earlier_(writes.size()), ports_(ports), port_(writes.size(), -1) {
    for (const auto& meeting : meetings) earlier_[meeting.first.second].push_back(meeting.first.first);
  }

  bool assign(std::size_t access = 0) {
    if (access == port_.size()) return true;
    bool unused = false;  // of ports that are alike, one that nobody has yet is as good as another
    for (int port = 0; port < ports_.all(); ++port) {
      if (port == ports_.read_write || port == ports_.read_write + ports_.read) unused = false;
      if (unused || !fits(access, port)) continue;
      unused = std::find(port_.begin(), port_.begin() + static_cast<std::ptrdiff_t>(access), port) ==
               port_.begin() + static_cast<std::ptrdiff_t>(access);
      port_[access] = port;
      if (assign(access + 1)) return true;
    }
    return false;
  }
  int port(std::size_t access) const { return port_[access]; }

 private:
  bool fits(std::size_t access, int port) const {
    // read and write ports come first, then those that read, then those that write
    if (port >= ports_.read_write && (port < ports_.read_write + ports_.read) == writes_[access]) return false;
    return std::ranges::none_of(earlier_[access], [&](std::size_t other) { return port_[other] == port; });
  }

  const std::vector<bool>& writes_;
  std::vector<std::vector<std::size_t>> earlier_;  // [accesses], those of lower number that it meets
  rtl::Ports ports_;
  std::vector<int> port_;
};

Meetings meetings(const Graph& graph, const std::vector<Accessor>& all, const Buffer& buffer) {
  Meetings out;
  const auto number = [&](const Access& a) {
    return static_cast<std::size_t>(a.accessor) * static_cast<std::size_t>(buffer.lines_per_block) +
           static_cast<std::size_t>(a.row);
  };
  for_each_moment(graph, buffer.stage, all, buffer.lines, buffer.lines_per_block, [&](const auto& accesses) {
    for (const Access& a : accesses)
      for (const Access& b : accesses)
        if (number(a) < number(b)) out.try_emplace({number(a), number(b)}, a, b);
    return true;
  });
  return out;
}

/// As few of them as still leave no map.
std::vector<std::pair<Access, Access>> least(Meetings meetings, const std::vector<bool>& writes,
                                             const rtl::Ports& ports) {
  for (auto m = meetings.begin(); m != meetings.end();) {
    const auto taken = *m;
    m = meetings.erase(m);
    if (Assignment(writes, meetings, ports).assign()) m = std::next(meetings.insert(taken).first);
  }
  std::vector<std::pair<Access, Access>> out;
  for (const auto& m : meetings) out.push_back(m.second);
  return out;
}

}  // namespace

std::vector<std::pair<Access, Access>> assign_ports(const Graph& graph, std::span<const std::int64_t> start,
                                                    Buffer& buffer, const rtl::Ports& ports) {
  const auto all = accessors(graph, start, buffer.stage);
  const auto group = static_cast<std::size_t>(buffer.lines_per_block);
  std::vector<bool> writes;
  for (const Accessor& a : all) writes.insert(writes.end(), group, a.writes());
  const Meetings meeting = meetings(graph, all, buffer);
  Assignment assignment(writes, meeting, ports);
  if (!assignment.assign()) return least(meeting, writes, ports);
  const auto of = [&](std::size_t accessor) {
    std::vector<int> out;
    for (std::size_t row = 0; row < group; ++row) out.push_back(assignment.port(accessor * group + row));
    return out;
  };
  buffer.ports.clear();
  for (std::size_t e = 0; e < graph.edges.size(); ++e) {
    if (graph.edges[e].producer != buffer.stage) continue;
    const auto same = std::ranges::find_if(
        all, [&](const Accessor& a) { return std::ranges::find(a.edges, static_cast<int>(e)) != a.edges.end(); });
    buffer.ports.push_back(of(static_cast<std::size_t>(same - all.begin())));
  }
  buffer.ports.push_back(of(all.size() - 1));
  return {};
}

}  // namespace pare::imaging
