#include "pare/trace/trace.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <utility>

#include "pare/base/error.h"

namespace pare::trace {
namespace {

void check_room(const Trace& trace, const std::string& where) {
  if (trace.calls.size() + trace.collectives.size() >= most_events)
    throw Error(fmt::format("more than {} operators, kernels and collectives in all traces together", most_events),
                where, "record fewer steps, or give fewer ranks");
}

}  // namespace

std::string_view name(Phase phase) {
  constexpr std::array<std::string_view, 4> names{"", "forward", "backward", "update"};
  return names[static_cast<std::size_t>(phase)];
}

Texts::Id Texts::id(std::string_view text) {
  const auto [at, made] = ids_.try_emplace(std::string(text), static_cast<Id>(texts_.size()));
  if (made) {
    texts_.push_back(&at->first);
    bytes_ += text.size();
    if (bytes_ > most_texts_bytes)
      throw Error(fmt::format("more than {} bytes of distinct names and shapes", most_texts_bytes), "traces",
                  "record fewer steps, or give fewer ranks");
  }
  return at->second;
}

void Trace::add(const Call& call, const std::string& where) {
  check_room(*this, where);
  calls.push_back(call);
}

void Trace::add(const CollectiveCall& collective, const std::string& where) {
  check_room(*this, where);
  collectives.push_back(collective);
}

void sum_up(std::vector<Call>& calls, std::size_t first) {
  for (std::size_t i = calls.size(); i-- > first;)
    if (calls[i].parent != no_call) calls[calls[i].parent].whole_s += calls[i].whole_s;
}

std::vector<OperatorTimes> operator_times(const Trace& trace) {
  std::map<Signature, std::pair<std::vector<double>, std::vector<double>>> groups;
  for (const Call& call : trace.calls) {
    if (call.whole_s <= 0) continue;
    auto& [own, whole] = groups[call.signature];
    own.push_back(call.own_s);
    whole.push_back(call.whole_s);
  }
  std::vector<OperatorTimes> out;
  out.reserve(groups.size());
  for (auto& [signature, seconds] : groups)
    out.push_back({signature, times_of(seconds.first), times_of(seconds.second)});
  std::ranges::stable_sort(out, std::greater(), [](const OperatorTimes& times) { return times.own.total; });
  return out;
}

}  // namespace pare::trace
