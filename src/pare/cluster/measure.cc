#include "pare/cluster/measure.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>

#include "pare/base/error.h"
#include "pare/base/median.h"
#include "pare/base/stopwatch.h"
#include "pare/base/temporary.h"
#include "pare/cluster/cases.h"
#include "pare/runtime/block_cache.h"
#include "pare/runtime/gloo.h"
#include "pare/runtime/ranks.h"

namespace pare::cluster {
namespace {

using nlohmann::json;
using runtime::GlooGroup;
using runtime::Pending;

constexpr int warm_up = 8;                           // rounds that are not counted: every buffer once
constexpr double smallest_message = 1024, step = 4;  // of the sizes between

/// An operation with so many buffers that, between two runs on one of them, more than a cache has been used; what each
/// run makes is kept until then, so that results find cold memory too.
class Rotated {
 public:
  explicit Rotated(const Operation& operation)
      : cases_(cases(operation, static_cast<int>(std::clamp(rotated_bytes / bytes(operation), 2.0, 8.0)))),
        made_(cases_.size()) {}

  double seconds() {
    const std::size_t i = next_++ % cases_.size();
    made_[i].reset();
    return seconds_of([&] { made_[i] = cases_[i](); });
  }

 private:
  static constexpr double rotated_bytes = 64 << 20;

  std::vector<Case> cases_;
  std::vector<at::Tensor> made_;
  std::size_t next_ = 0;
};

/// Times of every operation, [key][round].
json computation(const Events& events, const MeasureOptions& options, GlooGroup& both) {
  std::vector<Rotated> all;
  for (const auto& [key, operation] : events.operations) all.emplace_back(operation);
  std::vector<std::vector<double>> times(all.size());
  for (int round = -warm_up; round < options.rounds; ++round) {
    both.barrier();
    for (std::size_t i = 0; i < all.size(); ++i) {
      const double seconds = all[i].seconds();
      if (round >= 0) times[i].push_back(seconds);
    }
  }
  json out = json::object();
  std::size_t i = 0;
  for (const auto& [key, operation] : events.operations) out[key] = times[i++];
  return out;
}

/// What two ranks do for one collective of that many bytes, the size of the whole array.
std::function<void()> communication(CollectiveKind kind, double bytes, int rank, GlooGroup& both) {
  const auto count = std::max<std::int64_t>(2, static_cast<std::int64_t>(bytes / 4) / 2 * 2);
  const at::Tensor whole = at::zeros({count}), other = at::zeros({count}), part = at::zeros({count / 2});
  switch (kind) {
    case CollectiveKind::all_reduce: return [=, &both] { both.sum(whole); };
    case CollectiveKind::all_gather: return [=, &both] { both.gather(whole, part); };
    case CollectiveKind::reduce_scatter: return [=, &both] { both.reduce_scatter(part, whole); };
    case CollectiveKind::send:  // there and back
      return [=, &both] {
        const Pending arrival = both.receive(other, 1 - rank, 0);
        if (rank == 0) both.send(whole, 1, 0)();
        arrival();
        if (rank == 1) both.send(whole, 0, 0)();
      };
    default: return {};
  }
}

std::set<double> sizes(const std::set<double>& asked) {
  std::set<double> out = asked;
  for (double bytes = smallest_message; bytes < *asked.rbegin(); bytes *= step) out.insert(bytes);
  return out;
}

/// [{kind, bytes, times}].
json communications(const Events& events, const MeasureOptions& options, int rank, GlooGroup& both) {
  json out = json::array();
  for (const auto& [kind, asked] : events.collectives)
    for (const double bytes : sizes(asked)) {
      const auto run = communication(kind, bytes, rank, both);
      std::vector<double> times;
      for (int round = -warm_up; round < options.rounds; ++round) {
        both.barrier();
        const double seconds = seconds_of(run);
        if (round >= 0) times.push_back(kind == CollectiveKind::send ? seconds / 2 : seconds);
      }
      out.push_back({{"kind", name(kind)}, {"bytes", bytes}, {"times", times}});
    }
  return out;
}

/// Before ranks are started, so that what is wrong is said once.
void check_runnable(const Events& events) {
  for (const auto& [key, operation] : events.operations) check_runnable(operation);
  for (const auto& [kind, bytes] : events.collectives)
    if (kind == CollectiveKind::all_to_all || kind == CollectiveKind::exchange)
      throw Error(fmt::format("'{}' is not run here", name(kind)), "profile",
                  "take such strategies by --cluster alone");
}

/// The processor's name, as the kernel has it.
std::string processor() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);)
    if (const auto colon = line.find(": "); line.starts_with("model name") && colon != std::string::npos)
      return line.substr(colon + 2);
  return "CPU";
}

}  // namespace

Profile measure(const Events& events, const MeasureOptions& options) {
  check_runnable(events);
  const TemporaryFolder folder("pare-profile");
  const auto said = runtime::run_ranks(2, [&](int rank) {
    runtime::use_block_cache();
    GlooGroup both(folder.path() / "store", "both", rank, 2);
    json out{{"operations", computation(events, options, both)},
             {"collectives", communications(events, options, rank, both)}};
    both.barrier();
    return out.dump();
  });

  const json first = json::parse(said[0]), second = json::parse(said[1]);
  Profile profile{.device = fmt::format("one core of {}", processor())};
  const auto both_ranks = [](const json& a, const json& b) {
    std::vector<double> times = a;
    times.insert(times.end(), b.begin(), b.end());
    return median(times);
  };
  for (const auto& [key, times] : first["operations"].items())
    profile.operations[key] = {both_ranks(times, second["operations"][key]), "measured"};
  for (std::size_t i = 0; i < first["collectives"].size(); ++i) {
    const json& a = first["collectives"][i];
    profile.collectives.push_back({.kind = parse_collective(a["kind"], "profile"),
                                   .ranks = 2,
                                   .nodes = 1,
                                   .bytes = a["bytes"],
                                   .seconds = both_ranks(a["times"], second["collectives"][i]["times"]),
                                   .source = "measured"});
  }
  return profile;
}

}  // namespace pare::cluster
