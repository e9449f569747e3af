#include "pare/cluster/profile.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "pare/base/error.h"
#include "pare/base/file.h"
#include "pare/base/median.h"

namespace pare::cluster {
namespace {

using nlohmann::json;

constexpr std::size_t largest_file = 256 << 20;

double positive(const json& entry, const char* key, const std::string& what, const std::string& where) {
  const auto found = entry.find(key);
  const double value = found != entry.end() && found->is_number() ? found->get<double>() : NAN;
  if (!std::isfinite(value) || value <= 0)
    throw Error(fmt::format("{}: '{}' must be a number above 0", what, key), where);
  return value;
}

int whole(const json& entry, const char* key, const std::string& what, const std::string& where) {
  const double value = positive(entry, key, what, where);
  if (value != std::floor(value) || value > 1 << 24)
    throw Error(fmt::format("{}: '{}' must be a whole number of at most {}", what, key, 1 << 24), where);
  return static_cast<int>(value);
}

std::string text(const json& entry, const char* key) {
  const auto found = entry.find(key);
  return found != entry.end() && found->is_string() ? found->get<std::string>() : "";
}

ProfiledCollective collective(const json& entry, const std::string& what, const std::string& where) {
  if (!entry.is_object()) throw Error(what + " is no object", where);
  const int ranks = whole(entry, "ranks", what, where), nodes = whole(entry, "nodes", what, where);
  if (ranks < 2 || nodes > ranks)
    throw Error(fmt::format("{}: {} ranks on {} nodes", what, ranks, nodes), where,
                "two ranks or more, one a node or more");
  return {.kind = parse_collective(text(entry, "kind"), where),
          .ranks = ranks,
          .nodes = nodes,
          .bytes = positive(entry, "bytes", what, where),
          .seconds = positive(entry, "seconds", what, where),
          .source = text(entry, "source"),
          .library = text(entry, "library")};
}

}  // namespace

void Profile::merge(const Profile& newer) {
  if (!newer.device.empty()) device = newer.device;
  for (const auto& [key, operation] : newer.operations) operations[key] = operation;
  for (const ProfiledCollective& c : newer.collectives) {
    std::erase_if(collectives, [&](const ProfiledCollective& old) {
      const bool alike = old.kind == c.kind && old.ranks == c.ranks && old.nodes == c.nodes;
      return alike && (old.bytes == c.bytes || old.library != c.library);  // two libraries make no curve
    });
    collectives.push_back(c);
  }
}

Profile parse_profile(const std::string& content, const std::string& where) {
  const json file = json::parse(content, nullptr, /*allow_exceptions=*/false);
  if (!file.is_object() || !file.contains("operations") || !file["operations"].is_object())
    throw Error("is no profile: a JSON object with 'operations'", where, "pare cluster profile writes one");
  Profile profile;
  profile.device = text(file, "device");
  for (const auto& [key, entry] : file["operations"].items()) {
    const std::string what = fmt::format("operation '{}'", printable(key));
    if (!entry.is_object()) throw Error(what + " is no object", where);
    if (!parse_key(key)) throw Error(what + " is none that is known", where, "as in 'linear forward 512x64x64 bf16'");
    profile.operations[key] = {positive(entry, "seconds", what, where), text(entry, "source")};
  }
  if (const auto found = file.find("collectives"); found != file.end()) {
    if (!found->is_array()) throw Error("'collectives' is no list", where);
    for (const json& entry : *found)
      profile.collectives.push_back(
          collective(entry, fmt::format("collective {}", profile.collectives.size() + 1), where));
  }
  return profile;
}

Profile read_profile(const std::filesystem::path& path) {
  Profile profile = parse_profile(read_file(path, largest_file), path.string());
  profile.where = path.string();
  return profile;
}

std::string to_json(const Profile& profile) {
  json file{{"device", profile.device}, {"operations", json::object()}, {"collectives", json::array()}};
  for (const auto& [key, operation] : profile.operations)
    file["operations"][key] = {{"seconds", operation.seconds}, {"source", operation.source}};
  for (const ProfiledCollective& c : profile.collectives)
    file["collectives"].push_back({{"kind", name(c.kind)},
                                   {"ranks", c.ranks},
                                   {"nodes", c.nodes},
                                   {"bytes", c.bytes},
                                   {"seconds", c.seconds},
                                   {"source", c.source},
                                   {"library", c.library}});
  return file.dump(1) + "\n";
}

ProfiledCosts::ProfiledCosts(const Profile& profile, const Cluster& cluster, Missing missing)
    : profile_(profile), described_(cluster), missing_(missing) {
  if (missing == Missing::estimated) correct_description();
  for (const ProfiledCollective& c : profile.collectives) {
    // a trace does not know its nodes: what one cannot hold lies in as many as it needs
    const int fewest = (c.ranks + cluster.devices_per_node - 1) / cluster.devices_per_node;
    const int nodes = c.nodes == 1 ? fewest : c.nodes;
    Measured& m = measured_[{c.kind, nodes > 1}][{c.ranks, nodes}];
    m.group = {.size = c.ranks, .inside = (c.ranks + nodes - 1) / nodes, .nodes = nodes, .below = nodes};
    m.nccl = c.library == "nccl";
    m.points.push_back({c.bytes, c.seconds});
  }
  for (auto& [kind, groups] : measured_)
    for (auto& [size, m] : groups) std::ranges::sort(m.points, {}, &Point::bytes);
}

void ProfiledCosts::correct_description() {
  std::vector<double> products, others;
  for (const auto& [key, measured] : profile_.operations)
    if (const auto o = parse_key(key))
      (flops(*o) > 0 ? products : others).push_back(measured.seconds / described_.operation_s(*o));
  if (!products.empty()) products_ = median(products);
  if (!others.empty()) others_ = median(others);
}

double ProfiledCosts::operation_s(const Operation& o) const {
  const auto found = profile_.operations.find(o.key());
  if (found != profile_.operations.end()) return o.count * found->second.seconds;
  if (missing_ == Missing::estimated) return described_.operation_s(o) * (flops(o) > 0 ? products_ : others_);
  throw NotProfiled(
      fmt::format("has no '{}'", o.key()), profile_.where,
      "pare cluster profile with the same options measures what is missing; --estimate-missing does without");
}

namespace {

/// On a line between the neighbours' logarithms; outside them, along the nearest: as long as the smallest below, in
/// proportion above.
template <typename Points>
double interpolate(const Points& points, double bytes) {
  const auto above = std::ranges::lower_bound(points, bytes, {}, [](const auto& p) { return p.bytes; });
  if (above == points.begin()) return above->seconds;
  const auto& low = *std::prev(above);
  if (above == points.end()) return low.seconds * bytes / low.bytes;
  const double part = std::log(bytes / low.bytes) / std::log(above->bytes / low.bytes);
  return low.seconds * std::pow(above->seconds / low.seconds, part);
}

}  // namespace

const ProfiledCosts::BySize* ProfiledCosts::groups(CollectiveKind kind, bool across) const {
  if (const auto found = measured_.find({kind, across}); found != measured_.end()) return &found->second;
  if (!across) return nullptr;
  // Gloo's processes on one machine stand for all; NCCL's links inside a node say nothing about those across
  const BySize* inside = groups(kind, false);
  return inside && !inside->begin()->second.nccl ? inside : nullptr;
}

double ProfiledCosts::nccl_s(const Measured& from, CollectiveKind kind, double bytes, const Group& to) const {
  const double m = from.group.size, n = to.size;
  const double as_much = bytes * (n - 1) / n * m / (m - 1);
  Group alone = to;  // as the measured one was
  alone.sharing = 1;
  alone.below = alone.nodes;
  alone.climbs = 0;
  const double free = described_.collective_s(kind, bytes, alone), shared = described_.collective_s(kind, bytes, to);
  const double seconds = free * interpolate(from.points, as_much) / described_.collective_s(kind, as_much, from.group);
  return shared > free ? std::max(seconds, shared) : seconds;
}

double ProfiledCosts::collective_s(CollectiveKind kind, double bytes, const Group& group) const {
  if (group.size <= 1 || bytes <= 0) return 0;
  const BySize* all = groups(kind, group.nodes > 1);
  if (!all) return described_.collective_s(kind, bytes, group);
  auto next = all->find({group.size, group.nodes});
  if (next == all->end()) next = all->upper_bound({group.size, std::numeric_limits<int>::max()});
  if (next != all->begin() && (next == all->end() || next->first.first > group.size)) --next;
  const Measured& m = next->second;
  if (m.nccl) return nccl_s(m, kind, bytes, group);
  const double measured = m.group.size, steps = group.size - 1;
  return steps / (measured - 1) * interpolate(m.points, bytes * measured / group.size);
}

double ProfiledCosts::transfer_s(double bytes, Distance distance) const {
  const BySize* all = groups(CollectiveKind::send, distance != Distance::node);
  if (!all) return described_.transfer_s(bytes, distance);
  const Measured& pair = all->begin()->second;
  const double seconds = interpolate(pair.points, bytes);
  // neighbours send at the same time
  return pair.nccl && distance != Distance::node ? std::max(seconds, described_.transfer_s(bytes, distance)) : seconds;
}

}  // namespace pare::cluster
