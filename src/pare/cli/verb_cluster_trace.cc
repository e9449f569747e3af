// cluster trace: what other programs recorded of a training run.
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>

#include "pare/base/error.h"
#include "pare/base/staged_file.h"
#include "pare/cli/verb_cluster_parts.h"
#include "pare/cluster/traced.h"
#include "pare/trace/read.h"
#include "pare/trace/study.h"

namespace pare::cli {
namespace {

/// Rows of a table that a terminal shows without -v.
constexpr std::size_t most_rows = 25;

std::string cut(const std::string& text, std::size_t longest) {
  return text.size() <= longest ? text : text.substr(0, longest - 3) + "...";
}

double microseconds(const study::Json& times, const char* which) { return times[which].get<double>() * 1e6; }

void print_operators(const study::Json& operators, std::size_t rows) {
  fmt::print("{:<40} {:<48} {:<8} {:>7} {:>11} {:>11} {:>13}\n", "operator", "shapes", "phase", "count", "median us",
             "least us", "total us");
  for (std::size_t i = 0; i < std::min(rows, operators.size()); ++i) {
    const auto& one = operators[i];
    fmt::print("{:<40} {:<48} {:<8} {:>7} {:>11.1f} {:>11.1f} {:>13.1f}\n", cut(one["name"], 40),
               cut(one["shapes"], 48), one["phase"].get<std::string>(), one["count"].get<std::size_t>(),
               microseconds(one["own"], "median_s"), microseconds(one["own"], "least_s"),
               microseconds(one["own"], "total_s"));
  }
  if (operators.size() > rows) fmt::print("... and {} more (-v shows all)\n", operators.size() - rows);
}

void print_collectives(const study::Json& collectives) {
  if (collectives.empty()) return;
  fmt::print("\n{:<16} {:>16} {:>6} {:>7} {:>11} {:>11} {:>13}\n", "collective", "bytes", "ranks", "count", "median us",
             "least us", "total us");
  for (const auto& one : collectives)
    fmt::print("{:<16} {:>16} {:>6} {:>7} {:>11.1f} {:>11.1f} {:>13.1f}\n", one["kind"].get<std::string>(),
               one["bytes"].get<double>(), one["ranks"].get<std::int64_t>(), one["count"].get<std::size_t>(),
               microseconds(one["time"], "median_s"), microseconds(one["time"], "least_s"),
               microseconds(one["time"], "total_s"));
}

study::Json to_json(const cluster::TracedProfile& traced) {
  auto unmapped = study::Json::array();
  double unmapped_s = 0;
  for (const auto& one : traced.unmapped) {
    unmapped.push_back({{"name", one.name}, {"count", one.count}, {"total_s", one.seconds}});
    unmapped_s += one.seconds;
  }
  return {{"operations", traced.profile.operations.size()},
          {"collectives", traced.profile.collectives.size()},
          {"mapped_s", traced.mapped_s},
          {"unmapped_s", unmapped_s},
          {"collectives_unmapped", traced.collectives_left},
          {"unmapped", std::move(unmapped)}};
}

void print_profile(const study::Json& profile) {
  const double mapped = profile["mapped_s"], unmapped = profile["unmapped_s"];
  fmt::print("profile: {} operations and {} collectives out of {:.0f} % of the operators' time",
             profile["operations"].get<int>(), profile["collectives"].get<int>(),
             mapped + unmapped > 0 ? 100 * mapped / (mapped + unmapped) : 0.0);
  if (profile["operations"] == 0) fmt::print("; shapes are needed: record_shapes=True of torch.profiler");
  const auto& left = profile["unmapped"];
  for (std::size_t i = 0; i < std::min<std::size_t>(5, left.size()); ++i)
    fmt::print("{}{}", i == 0 ? "; the rest is most of all " : ", ", left[i]["name"].get<std::string>());
  fmt::print("\n");
  if (const auto count = profile["collectives_unmapped"].get<std::size_t>(); count > 0)
    fmt::print("{} collectives are of kinds or groups that a profile does not have\n", count);
}

/// What the tables do not hold, or hold with a doubt.
void print_rest(const study::Json& details) {
  std::size_t alone = 0;
  for (const auto& one : details["collectives"]) alone += one["seen_by_one_rank"].get<std::size_t>();
  const auto say = [](std::size_t count, const char* what) {
    if (count > 0) fmt::print("{} {}\n", count, what);
  };
  fmt::print("\n");
  say(alone, "collectives were seen by one rank only: their times may be waiting (give the traces of all ranks)");
  say(details["kernels_without_operator"].get<std::size_t>(), "kernels belong to no operator and stand by themselves");
  say(details["collectives_without_size"].get<std::size_t>(),
      "collectives are left out: the trace does not say their kind, size or group");
  say(details["dependencies_not_there"].get<std::size_t>(), "dependencies name nodes that the trace does not hold");
  say(details["events_without_time"].get<std::size_t>(), "events are left out: the trace says that they took no time");
}

}  // namespace

void add_cluster_trace(CLI::App& cluster_verb, const Global& global) {
  CLI::App* verb = add_verb(cluster_verb, "trace", "",
                            "Times of operators and collectives out of traces of torch.profiler (Kineto) or Chakra",
                            {"pare cluster trace trace.json.gz", "pare cluster trace rank0.et rank1.et -o profile"});
  auto files = std::make_shared<std::vector<std::filesystem::path>>();
  verb->add_option("file", *files,
                   "traces of one run, one file a rank (.json of export_chrome_trace, .et; gzip'ed or not)")
      ->required();
  verb->callback([files, &global] {
    const trace::Trace read = trace::read_traces(*files);
    if (read.calls.empty() && read.collectives.empty())
      throw Error("has no operators and no collectives with a time", files->front().string(),
                  "record some steps under torch.profiler, or convert a run to Chakra");
    study::Study study{.verb = "cluster trace",
                       .workload = {"training", files->front().filename().string(), read.hash}};
    study.candidates.push_back(trace::to_candidate(read));
    study.conditions = {{"files", read.files}, {"source", read.source}, {"device", read.device}};
    auto& details = study.candidates[0].details;
    const cluster::TracedProfile traced = cluster::to_profile(read);
    details["profile"] = to_json(traced);
    std::optional<StagedFile> profile;  // neither it nor the study without the other
    if (!global.output.empty()) profile.emplace(global.output / "profile.json", cluster::to_json(traced.profile));
    study.chosen = study.candidates[0].name;
    study::mark_front(study);
    if (!global.json && !global.quiet) {
      print_operators(details["operators"], global.verbose ? details["operators"].size() : most_rows);
      print_collectives(details["collectives"]);
      print_rest(details);
      print_profile(details["profile"]);
    }
    finish(study, global);
    if (profile) profile->keep();
  });
}

}  // namespace pare::cli
