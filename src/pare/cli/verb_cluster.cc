// cluster: training runs spread over many devices.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <memory>
#include <optional>
#include <tuple>

#include "pare/base/error.h"
#include "pare/base/file.h"
#include "pare/base/staged_file.h"
#include "pare/cli/cluster_options.h"
#include "pare/cli/plugin.h"
#include "pare/cli/verb_cluster_parts.h"
#include "pare/cluster/launch.h"
#include "pare/cluster/profile.h"
#include "pare/cluster/search.h"

namespace pare::cli {
namespace {

/// "3:1.5": number 3 of `count`, from 0, one and a half times slower; none of them for an empty text.
std::pair<int, double> parse_slow(const std::string& text, const char* option, int count) {
  if (text.empty()) return {-1, 1};
  double which = -1, factor = 0;
  char rest = 0;
  if (std::sscanf(text.c_str(), "%lf:%lf%c", &which, &factor, &rest) != 2 || !(which >= 0 && which < count) ||
      which != std::floor(which) || !(factor >= 1 && factor <= 1e6))
    throw UsageError(fmt::format("'{}' is not a number below {}, a colon and a factor from 1", printable(text), count),
                     option, "as in 0:1.5");
  return {static_cast<int>(which), factor};
}

void say_where_it_fails(const study::Study& study, const Global& global) {
  if (global.json || global.quiet) return;
  for (const auto& candidate : study.candidates)
    if (!candidate.details["fits"].get<bool>())
      fmt::print("{} does not fit: {:.1f} GiB too much on the fullest device\n", candidate.name,
                 candidate.details["bytes_over"].get<double>() / (1024.0 * 1024 * 1024));
}

/// What the busiest rank does with a batch, into a candidate's details; the `shown` longest events on the terminal.
void add_events(study::Candidate& candidate, const cluster::Network& network, const cluster::Strategy& strategy,
                const cluster::Cluster& machine, const cluster::Costs& costs, const cluster::Prediction& prediction,
                int shown = 0) {
  const auto busiest = std::ranges::max_element(prediction.ranks, {}, &cluster::RankActivity::compute_s);
  const auto rank = static_cast<int>(busiest - prediction.ranks.begin());
  auto& details = candidate.details["time_by_event"];
  details["pipeline_rank"] = rank;
  if (shown > 0)
    fmt::print(
        "A batch on a device of pipeline rank {}, the longest events first:\n  % of batch         s     count  event\n",
        rank);
  for (const cluster::EventTime& e : event_times(network, strategy, machine, costs, rank)) {
    details["events"].push_back({{"event", e.event}, {"count", e.count}, {"seconds", e.seconds}, {"hidden", e.hidden}});
    if (shown-- > 0)
      fmt::print("  {:10.2f}  {:8.4g}  {:8.0f}  {}\n", 100 * e.seconds / prediction.batch_time_s, e.seconds, e.count,
                 e.event);
  }
}

void add_predict(CLI::App& cluster_verb, const Global& global) {
  CLI::App* verb =
      add_verb(cluster_verb, "predict", "", "Batch time, memory and activity of every device under one strategy",
               {"pare cluster predict config.json --cluster dgx.toml --data-parallel 8 --tensor-parallel 8 --batch 512",
                "pare cluster predict config.json --cluster dgx.toml --data-parallel 2 --tensor-parallel 8 "
                "--pipeline-parallel 4 "
                "--schedule zb-h1 --batch 256 -o out"});
  struct Request {
    ClusterWorkload workload;
    StrategyOptions strategy;
    ProfileOptions profile;
    std::string slow_device, slow_link;
    int events = 0;
  };
  auto r = std::make_shared<Request>();
  add_workload(*verb, r->workload);
  add_strategy(*verb, r->strategy);
  add_profile_options(*verb, r->profile);
  verb->add_option("--slow-device", r->slow_device, "a straggler: its number and how many times slower, 3:1.2");
  verb->add_option("--slow-link", r->slow_link, "a node whose link is slower: its number and how many times, 1:2");
  verb->add_option("--events", r->events, "print so many of the events that take longest on the busiest device")
      ->check(CLI::Range(0, 1 << 16))
      ->capture_default_str();
  verb->callback([r, &global] {
    const cluster::Strategy strategy = r->strategy.strategy();
    const auto network = r->workload.network();
    auto machine = r->workload.machine();
    std::tie(machine.slow_device, machine.slow_device_factor) =
        parse_slow(r->slow_device, "--slow-device", machine.devices());
    std::tie(machine.slow_node, machine.slow_node_factor) = parse_slow(r->slow_link, "--slow-link", machine.nodes);
    cluster::check(strategy, *network, machine);
    const GivenCosts given(r->profile, machine);
    const auto prediction = cluster::predict(*network, strategy, machine, *given.costs);
    study::Study study = training_study("cluster predict", *network, machine);
    study.candidates.push_back(to_candidate(*network, strategy, machine, prediction));
    study.candidates[0].details["launch"] = launch(strategy, *network, machine);
    study.chosen = study.candidates[0].name;
    study::mark_front(study);
    add_events(study.candidates[0], *network, strategy, machine, *given.costs, prediction,
               global.json || global.quiet ? 0 : r->events);
    std::optional<StagedFile> trace;  // neither it nor the study without the other
    if (!global.output.empty()) trace.emplace(global.output / "trace.json", to_trace(strategy, prediction));
    given.add_estimated(study.candidates[0], *network, strategy, machine, global);
    say_where_it_fails(study, global);
    finish(study, global);
    if (trace) trace->keep();
  });
}

void add_profile(CLI::App& cluster_verb, const Global& global) {
  CLI::App* verb =
      add_verb(cluster_verb, "profile", "", "Measures here, on two ranks, the events that a strategy is made of",
               {"pare cluster profile config.json --cluster here.toml --data-parallel 2 --batch 16 --precision fp32 "
                "--no-dropout --profile here.json",
                "pare cluster predict config.json --cluster here.toml --data-parallel 2 --batch 16 --precision fp32 "
                "--no-dropout --profile here.json"});
  struct Request {
    ClusterWorkload workload;
    StrategyOptions strategy;
    std::filesystem::path profile;
    int rounds = 15;
  };
  auto r = std::make_shared<Request>();
  add_workload(*verb, r->workload);
  add_strategy(*verb, r->strategy);
  verb->add_option("--profile", r->profile, "the file to write; what else it has stays")->required();
  verb->add_option("--rounds", r->rounds, "times that each event is run; its figure is the median")
      ->check(CLI::Range(1, 1 << 16))
      ->capture_default_str();
  verb->callback([r, &global] {
    const auto network = r->workload.network();
    const auto machine = r->workload.machine();
    const cluster::Strategy strategy = r->strategy.strategy();
    cluster::check(strategy, *network, machine);
    cluster::Profile profile;
    if (std::filesystem::exists(r->profile)) profile = cluster::read_profile(r->profile);
    const bool cuda = global.device == "cuda";
    const auto of_first = torch_verbs(global, Devices::cpu_and_cuda)
                              .profile({cluster::events(*network, strategy, machine, cuda), r->rounds, cuda});
    if (!of_first) return;  // the first of two ranks has it
    const cluster::Profile& measured = *of_first;
    profile.merge(measured);
    write_file(r->profile, to_json(profile));

    study::Study study = training_study("cluster profile", *network, machine);
    study.conditions["measured_on"] = measured.device;
    study.conditions["rounds"] = r->rounds;
    study::Candidate candidate{.name = strategy.label()};
    double seconds = 0;
    for (const auto& [key, operation] : measured.operations) {
      seconds += operation.seconds;
      candidate.details["operations"][key] = operation.seconds;
    }
    const auto counted = [&](const char* name, std::size_t value) {
      candidate.costs.push_back(
          {name, static_cast<double>(value), "", study::Better::lower, study::Provenance::counted});
    };
    counted("operations", measured.operations.size());
    counted("collectives", measured.collectives.size());
    candidate.costs.push_back({"operations_s", seconds, "s", study::Better::lower, study::Provenance::measured});
    study.candidates.push_back(std::move(candidate));
    study.chosen = study.candidates[0].name;
    study::mark_front(study);
    finish(study, global);
  });
}

void add_plan(CLI::App& cluster_verb, const Global& global) {
  CLI::App* verb = add_verb(cluster_verb, "plan", "", "The best strategies for a cluster, out of all that fit",
                            {"pare cluster plan config.json --cluster dgx.toml --batch 512",
                             "pare cluster plan config.json --cluster dgx.toml --batch 512 --objective memory --json"});
  struct Request {
    ClusterWorkload workload;
    cluster::SearchSpace space;
    std::string objective = "time";
    TrainingOptions training;
    ProfileOptions profile;
  };
  auto r = std::make_shared<Request>();
  add_workload(*verb, r->workload);
  verb->add_option("--batch", r->space.batch, "samples of one optimizer step, over all replicas")
      ->required()
      ->check(CLI::Range(1, 1 << 24));
  verb->add_option("--objective", r->objective, "time, money (on fewer nodes too) or memory")->capture_default_str();
  verb->add_option("--largest-micro-batch", r->space.largest_micro_batch, "samples of one pass at most")
      ->check(CLI::Range(1, 1 << 16))
      ->capture_default_str();
  add_training(*verb, r->training);
  add_profile_options(*verb, r->profile);
  verb->callback([r, &global] {
    r->training.put_into(r->space.training);
    r->space.objective = cluster::parse_objective(r->objective);
    const auto network = r->workload.network();
    const auto machine = r->workload.machine();
    if (r->space.objective == cluster::Objective::money && machine.price_per_device_hour == 0)
      throw Error("says no price", r->workload.cluster, "add price_per_device_hour to [nodes]");
    const GivenCosts given(r->profile, machine);
    const cluster::Search found = cluster::search(*network, machine, r->space, *given.costs);
    study::Study study = training_study("cluster plan", *network, machine);
    study.conditions["objective"] = r->objective;
    study.conditions["strategies"] = found.tried;
    if (found.unknown > 0) {
      study.conditions["not_in_the_profile"] = found.unknown;
      if (!global.json && !global.quiet)
        fmt::print("{} of {} strategies left out: the profile lacks events of theirs (pare cluster profile)\n",
                   found.unknown, found.tried);
    }
    study.conditions["feasible"] = found.feasible;
    study.conditions["pipelines_run"] = found.run;
    const auto add = [&](const cluster::Plan& plan) {
      study.candidates.push_back(to_candidate(*network, plan.strategy, machine, plan.prediction));
    };
    for (const cluster::Plan& plan : found.best) add(plan);
    // the worst shows what is at stake
    if (found.feasible > found.best.size()) add(found.worst);
    const cluster::Plan& best = found.best[0];
    study.candidates[0].details["launch"] = launch(best.strategy, *network, machine);
    add_events(study.candidates[0], *network, best.strategy, machine, *given.costs, best.prediction);
    given.add_estimated(study.candidates[0], *network, best.strategy, machine, global);
    study.chosen = study.candidates[0].name;
    study::mark_front(study, {"batch_time_s", "peak_bytes"});
    finish(study, global);
  });
}

}  // namespace

void add_cluster(CLI::App& app, const Global& global) {
  CLI::App* verb = add_verb(app, "cluster", "Training runs",
                            "Hybrid-parallel training: profile, predict a strategy, plan the best one",
                            {"pare cluster plan --help", "pare cluster trace --help"});
  verb->require_subcommand(1);
  add_profile(*verb, global);
  add_predict(*verb, global);
  add_plan(*verb, global);
  add_cluster_collective(*verb, global);
  add_cluster_pipeline(*verb, global);
  add_cluster_trace(*verb, global);
}

}  // namespace pare::cli
