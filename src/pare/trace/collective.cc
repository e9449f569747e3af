#include "pare/trace/collective.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <map>
#include <set>
#include <tuple>

namespace pare::trace {
namespace {

using Group = std::tuple<std::uint32_t, CollectiveKind>;

/// Ranks that take part, where the calls do not say it: as many as files have a collective of that group. Of one file
/// alone nobody knows; that is 0.
std::map<Group, std::int64_t> sizes_by_files(const std::vector<CollectiveCall>& calls) {
  std::map<Group, std::set<std::uint32_t>> files;
  for (const auto& call : calls) files[{call.group, call.kind}].insert(call.file);
  std::map<Group, std::int64_t> out;
  for (const auto& [group, members] : files)
    out[group] = members.size() > 1 ? static_cast<std::int64_t>(members.size()) : 0;
  return out;
}

double whole_bytes(const CollectiveCall& call, std::int64_t group_size) {
  const bool parts = call.kind == CollectiveKind::all_gather || call.kind == CollectiveKind::gather;
  return call.input_of_one_rank && parts && group_size > 0 ? call.bytes * static_cast<double>(group_size) : call.bytes;
}

}  // namespace

std::string_view name(CollectiveKind kind) {
  constexpr std::array<std::string_view, 10> names{"all-reduce", "all-gather", "reduce-scatter", "all-to-all",
                                                   "broadcast",  "reduce",     "gather",         "scatter",
                                                   "barrier",    "transfer"};
  return names[static_cast<std::size_t>(kind)];
}

std::optional<CollectiveKind> collective_kind(std::string_view name) {
  std::string letters;
  for (const char c : name)
    if (std::isalpha(static_cast<unsigned char>(c)))
      letters += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  // what holds another name stands before it
  constexpr std::array<std::pair<std::string_view, CollectiveKind>, 11> names{{
      {"reducescatter", CollectiveKind::reduce_scatter},
      {"allreduce", CollectiveKind::all_reduce},
      {"allgather", CollectiveKind::all_gather},
      {"alltoall", CollectiveKind::all_to_all},
      {"broadcast", CollectiveKind::broadcast},
      {"barrier", CollectiveKind::barrier},
      {"reduce", CollectiveKind::reduce},
      {"gather", CollectiveKind::gather},
      {"scatter", CollectiveKind::scatter},
      {"send", CollectiveKind::transfer},
      {"recv", CollectiveKind::transfer},
  }};
  for (const auto& [word, kind] : names)
    if (letters.find(word) != std::string::npos) return kind;
  return std::nullopt;
}

int element_bytes(std::string_view type) {
  if (type.starts_with("c10::")) type.remove_prefix(5);
  constexpr std::array<std::pair<std::string_view, int>, 22> sizes{{
      {"float", 4},        {"Float", 4},          {"BFloat16", 2}, {"Half", 2},     {"double", 8},
      {"Double", 8},       {"long", 8},           {"Long", 8},     {"long int", 8}, {"int", 4},
      {"Int", 4},          {"short", 2},          {"Short", 2},    {"char", 1},     {"signed char", 1},
      {"Char", 1},         {"unsigned char", 1},  {"Byte", 1},     {"bool", 1},     {"Bool", 1},
      {"ComplexFloat", 8}, {"ComplexDouble", 16},
  }};
  for (const auto& [name, bytes] : sizes)
    if (type == name) return bytes;
  return type.starts_with("Float8") ? 1 : 0;
}

std::vector<CollectiveTimes> collective_times(const std::vector<CollectiveCall>& calls) {
  struct Met {
    double least_s = 0;
    std::size_t ranks = 0;
  };
  using Kind = std::tuple<CollectiveKind, double, std::int64_t>;                // with bytes and ranks
  using Instance = std::tuple<Kind, std::uint32_t, std::int64_t, std::size_t>;  // group, sequence, which of equals
  const auto sizes = sizes_by_files(calls);
  std::map<Instance, Met> instances;
  std::map<std::tuple<Kind, std::uint32_t, std::int64_t, std::uint32_t>, std::size_t> seen;
  for (const auto& call : calls) {
    const std::int64_t size = call.group_size > 0 ? call.group_size : sizes.at({call.group, call.kind});
    const Kind kind{call.kind, whole_bytes(call, size), size};
    const std::size_t which = seen[{kind, call.group, call.sequence, call.file}]++;
    Met& met = instances[{kind, call.group, call.sequence, which}];
    met.least_s = met.ranks == 0 ? call.seconds : std::min(met.least_s, call.seconds);
    ++met.ranks;
  }
  std::map<Kind, std::pair<CollectiveTimes, std::vector<double>>> kinds;
  for (const auto& [instance, met] : instances) {
    const Kind& kind = std::get<0>(instance);
    auto& [times, seconds] = kinds[kind];
    std::tie(times.kind, times.bytes, times.group_size) = kind;
    times.alone += met.ranks == 1 && times.group_size != 1;
    seconds.push_back(met.least_s);
  }
  std::vector<CollectiveTimes> out;
  for (auto& [kind, entry] : kinds) {
    const Times times = times_of(entry.second);
    out.push_back(entry.first);
    out.back().times = times;
  }
  std::ranges::stable_sort(out, std::greater(), [](const CollectiveTimes& times) { return times.times.total; });
  return out;
}

}  // namespace pare::trace
