#include "pare/cluster/measure.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>

#include "pare/base/error.h"
#include "pare/base/median.h"
#include "pare/base/progress.h"
#include "pare/base/temporary.h"
#include "pare/cluster/cases.h"
#include "pare/runtime/block_cache.h"
#include "pare/runtime/cuda.h"
#include "pare/runtime/device_clock.h"
#include "pare/runtime/memory.h"
#include "pare/runtime/rank_group.h"
#include "pare/runtime/ranks.h"

namespace pare::cluster {
namespace {

using nlohmann::json;
using runtime::Pending;
using runtime::RankGroup;

constexpr int warm_up = 8;                           // rounds that are not counted: every buffer once
constexpr double smallest_message = 1024, step = 4;  // of the sizes between

/// A rank that measures, and the other one where there is one.
struct Here {
  at::Device device;
  runtime::DeviceClock clock;
  std::unique_ptr<RankGroup> both;

  explicit Here(std::unique_ptr<RankGroup> group) : device(group->device()), clock(device), both(std::move(group)) {}
  explicit Here(at::Device alone) : device(alone), clock(alone) {}

  int rank() const { return both ? both->rank() : 0; }
  void barrier() const {
    if (both) both->barrier();
  }
};

/// Two ranks, or one where there is one device only.
Here on_this_machine(const std::filesystem::path& folder, int rank, bool cuda) {
  if (!cuda) return Here(std::make_unique<RankGroup>(folder / "store", "both", rank, 2));
  if (runtime::cuda().devices() == 1) return Here(at::Device(at::kCUDA, 0));
  return Here(RankGroup::over_nccl(folder / "store", rank, 2));
}

/// So many that, between two runs on one of them, more than a cache has been used; the largest do that alone.
int sets(const Operation& o) {
  constexpr double cache = 64 << 20;
  return bytes(o) >= 4 * cache ? 1 : static_cast<int>(std::clamp(cache / bytes(o), 2.0, 8.0));
}

/// An operation on its sets of buffers in turn; what each run makes is kept until then, so that results find cold
/// memory too.
class Rotated {
 public:
  explicit Rotated(const Operation& operation) : cases_(cases(operation, sets(operation))), made_(cases_.size()) {}

  double seconds(Here& here) {
    const std::size_t i = next_++ % cases_.size();
    made_[i].clear();
    return here.clock.seconds([&] { made_[i] = cases_[i](); });
  }

 private:
  std::vector<Case> cases_;
  std::vector<Made> made_;
  std::size_t next_ = 0;
};

using Times = std::vector<std::vector<double>>;  // [event][round]

/// In rounds over all operations, each as the others leave the caches.
Times in_rounds(const Events& events, int rounds, Here& here, Progress* progress) {
  std::vector<Rotated> all;
  for (const auto& [key, operation] : events.operations) all.emplace_back(operation);
  Times times(all.size());
  for (int round = -warm_up; round < rounds; ++round) {
    here.barrier();
    for (std::size_t i = 0; i < all.size(); ++i) {
      const double seconds = all[i].seconds(here);
      if (round >= 0) times[i].push_back(seconds);
      if (progress) progress->step();
    }
  }
  return times;
}

/// One after the other, with no more than one's buffers: the clock clears the caches.
Times in_turn(const Events& events, int rounds, Here& here, Progress* progress) {
  Times times;
  here.barrier();
  for (const auto& [key, operation] : events.operations) {
    const Case run = cases(operation, 1, here.device)[0];
    auto& own = times.emplace_back();
    for (int round = -warm_up; round < rounds; ++round) {
      const double seconds = here.clock.seconds([&] { run(); });
      if (round >= 0) own.push_back(seconds);
      if (progress) progress->step();
    }
  }
  return times;
}

/// Times of every operation, [key][round].
json computation(const Events& events, int rounds, Here& here, Progress* progress) {
  const Times times = (here.device.is_cpu() ? in_rounds : in_turn)(events, rounds, here, progress);
  json out = json::object();
  std::size_t i = 0;
  for (const auto& [key, operation] : events.operations) out[key] = times[i++];
  return out;
}

/// What two ranks do for one collective of that many bytes, the size of the whole array.
std::function<void()> communication(CollectiveKind kind, double bytes, const Here& here) {
  RankGroup& both = *here.both;
  const int rank = both.rank();
  const auto count = std::max<std::int64_t>(2, static_cast<std::int64_t>(bytes / 4) / 2 * 2);
  const auto zeros = [&](std::int64_t n) { return at::zeros({n}, at::TensorOptions(here.device)); };
  const at::Tensor whole = zeros(count), other = zeros(count), part = zeros(count / 2), others = zeros(count / 2);
  switch (kind) {
    case CollectiveKind::all_reduce: return [=, &both] { both.sum(whole); };
    case CollectiveKind::all_gather: return [=, &both] { both.gather(whole, part); };
    case CollectiveKind::reduce_scatter: return [=, &both] { both.reduce_scatter(part, whole); };
    case CollectiveKind::all_to_all: return [=, &both] { both.all_to_all(other, whole); };
    case CollectiveKind::exchange: return [=, &both] { both.exchange(part, others, 1 - rank); };
    case CollectiveKind::send: break;
  }
  // there and back; a receiver is there before what it waits for
  return [=, &both] {
    if (rank == 0) {
      const Pending sent = both.send(whole, 1, 0), arrival = both.receive(other, 1, 0);
      sent();
      arrival();
    } else {
      both.receive(other, 0, 0)();
      both.send(whole, 0, 0)();
    }
  };
}

std::set<double> sizes(const std::set<double>& asked) {
  std::set<double> out = asked;
  for (double bytes = smallest_message; bytes < *asked.rbegin(); bytes *= step) out.insert(bytes);
  return out;
}

/// [{kind, bytes, times}].
json communications(const Events& events, int rounds, Here& here, Progress* progress) {
  json out = json::array();
  const at::Tensor meeting = at::zeros({1}, at::TensorOptions(here.device));
  const auto meet = [&] { here.both->sum(meeting); };
  for (const auto& [kind, asked] : events.collectives)
    for (const double bytes : sizes(asked)) {
      const auto run = communication(kind, bytes, here);
      std::vector<double> times;
      for (int round = -warm_up; round < rounds; ++round) {
        const double seconds = here.clock.seconds(run, meet);
        if (round >= 0) times.push_back(kind == CollectiveKind::send ? seconds / 2 : seconds);
        if (progress) progress->step();
      }
      out.push_back({{"kind", name(kind)}, {"bytes", bytes}, {"times", times}});
    }
  return out;
}

std::size_t count(const Events& events) {
  std::size_t n = events.operations.size();
  for (const auto& [kind, asked] : events.collectives) n += sizes(asked).size();
  return n;
}

/// What an operation's buffers take, bytes, results too: as much as it moves, but for what it moves more than once.
double held_bytes(const Operation& o) {
  const auto [a, b, c, d] = o.shape;
  switch (o.kind) {
    // gradient, parameter, two moments; a copy in 16 bits
    case OperationKind::optimizer: return 18 * static_cast<double>(a);
    // the logits, in float32 too, and their exponents
    case OperationKind::loss: return 12 * static_cast<double>(a) * static_cast<double>(b);
    default: return bytes(o);
  }
}

/// Ranks of a launcher that are on this node; of two without one.
int ranks_here() {
  const char* given = std::getenv("LOCAL_WORLD_SIZE");
  return given && std::string_view(given) == "1" ? 1 : 2;
}

/// Before ranks are started, so that what is wrong is said once. Ranks of a processor hold all at the same time.
void check_runnable(const Events& events, bool cuda) {
  double needed = 0;
  for (const auto& [key, operation] : events.operations) {
    check_runnable(operation);
    needed += sets(operation) * held_bytes(operation);
  }
  needed *= ranks_here();
  const auto free = static_cast<double>(runtime::available_memory_bytes());
  if (!cuda && needed > free)
    throw Error(fmt::format("its events take {:.1f} GiB, {:.1f} are free", needed / (1 << 30), free / (1 << 30)),
                "profile", "take a smaller --micro-batch, or more tensor or pipeline ranks");
}

/// The processor's name, as the kernel has it.
std::string processor() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);)
    if (const auto colon = line.find(": "); line.starts_with("model name") && colon != std::string::npos)
      return line.substr(colon + 2);
  return "CPU";
}

/// {device, operations, collectives}, of one rank.
json measured(const Events& events, int rounds, Here& here) {
  std::optional<Progress> shown;
  if (here.rank() == 0) shown.emplace("profiling", count(events) * static_cast<std::size_t>(rounds + warm_up));
  Progress* progress = shown ? &*shown : nullptr;
  json out{{"device", here.device.is_cpu() ? "one core of " + processor() : runtime::cuda().name(here.device.index())},
           {"library", here.device.is_cpu() ? "gloo" : "nccl"},
           {"operations", computation(events, rounds, here, progress)}};
  if (here.both) out["collectives"] = communications(events, rounds, here, progress);
  here.barrier();
  return out;
}

/// second: null where there is one rank.
Profile profile_of(const json& first, const json& second, int nodes) {
  Profile profile{.device = first["device"]};
  const auto on_ranks = [](std::vector<double> times, const json& more) {
    if (!more.is_null()) times.insert(times.end(), more.begin(), more.end());
    return median(times);
  };
  for (const auto& [key, times] : first["operations"].items())
    profile.operations[key] = {on_ranks(times, second.is_null() ? json() : second["operations"][key]), "measured"};
  if (second.is_null()) return profile;  // nobody to communicate with
  for (std::size_t i = 0; i < first["collectives"].size(); ++i) {
    const json& a = first["collectives"][i];
    profile.collectives.push_back({.kind = parse_collective(a["kind"], "profile"),
                                   .ranks = 2,
                                   .nodes = nodes,
                                   .bytes = a["bytes"],
                                   .seconds = on_ranks(a["times"], second["collectives"][i]["times"]),
                                   .source = "measured",
                                   .library = first["library"]});
  }
  return profile;
}

Profile measure_here(const Events& events, const MeasureOptions& options) {
  const TemporaryFolder folder("pare-profile");
  const auto said = runtime::run_ranks(
      2,
      [&](int rank) {
        runtime::use_block_cache();
        if (options.cuda && rank >= runtime::cuda().devices()) return std::string("null");
        Here here = on_this_machine(folder.path(), rank, options.cuda);
        return measured(events, options.rounds, here).dump();
      },
      /*pinned=*/!options.cuda);
  return profile_of(json::parse(said[0]), json::parse(said[1]), 1);
}

/// What the second rank says, to the first.
std::string from_second(const std::string& own, const Here& here) {
  RankGroup& both = *here.both;
  const at::Tensor length = at::full({1}, static_cast<std::int64_t>(own.size()), at::TensorOptions(at::kLong));
  const at::Tensor there = length.to(here.device);
  if (both.rank() == 1) {
    both.send(there, 0, 0)();
    both.send(at::tensor(at::ArrayRef(reinterpret_cast<const std::uint8_t*>(own.data()), own.size()), at::kByte)
                  .to(here.device),
              0, 0)();
    here.barrier();
    return {};
  }
  both.receive(there, 1, 0)();
  const at::Tensor bytes = at::empty({there.item<std::int64_t>()}, at::TensorOptions(at::kByte).device(here.device));
  both.receive(bytes, 1, 0)();
  here.barrier();
  const at::Tensor text = bytes.cpu();
  return {reinterpret_cast<const char*>(text.const_data_ptr<std::uint8_t>()), static_cast<std::size_t>(text.numel())};
}

/// The nodes that two ranks are on: of another name, or number of the launcher's.
int nodes_of(RankGroup& both) {
  char host[256] = {};
  ::gethostname(host, sizeof host - 1);
  const char* number = std::getenv("GROUP_RANK");
  const auto node =
      static_cast<std::int64_t>(std::hash<std::string>{}(fmt::format("{} {}", host, number ? number : "")));
  const at::Tensor own = at::full({1}, node, at::TensorOptions(at::kLong)).to(both.device());
  const at::Tensor all = at::zeros({2}, own.options());
  both.gather(all, own);
  return all[0].item<std::int64_t>() == all[1].item<std::int64_t>() ? 1 : 2;
}

std::optional<Profile> measure_with(std::unique_ptr<RankGroup> both, const Events& events,
                                    const MeasureOptions& options) {
  if (both->size() != 2)
    throw Error(fmt::format("is {}", both->size()), "WORLD_SIZE",
                "a profile takes two ranks: torchrun --nnodes 2 --nproc-per-node 1 across nodes, none inside one");
  std::string asked;
  for (const auto& [key, operation] : events.operations) asked += key + '\n';
  for (const auto& [kind, all] : events.collectives) asked += fmt::format("{} {}\n", name(kind), fmt::join(all, " "));
  both->agree(fmt::format("{}{} rounds", asked, options.rounds), "events");
  at::set_num_threads(1);
  const int nodes = nodes_of(*both);
  Here here(std::move(both));
  const json own = measured(events, options.rounds, here);
  const std::string second = from_second(own.dump(), here);
  if (here.rank() > 0) return std::nullopt;
  return profile_of(own, json::parse(second), nodes);
}

}  // namespace

std::optional<Profile> measure(const Events& events, const MeasureOptions& options) {
  check_runnable(events, options.cuda);
  if (auto both = RankGroup::from_environment(options.cuda)) return measure_with(std::move(both), events, options);
  return measure_here(events, options);
}

}  // namespace pare::cluster
