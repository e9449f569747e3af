// cluster: training runs spread over many devices.
#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "pare/base/error.h"
#include "pare/base/file.h"
#include "pare/cli/context.h"
#include "pare/cluster/search.h"

namespace pare::cli {
namespace {

struct Workload {
  std::string model, cluster;
  std::int64_t sequence = 0;
};

void add_workload(CLI::App& verb, Workload& workload) {
  verb.add_option("model", workload.model,
                  "a config.json as transformers writes it (bert, gpt2, llama, mistral, qwen2)")
      ->required();
  verb.add_option("--cluster", workload.cluster, "a TOML file: devices, nodes and links (docs/cluster.md)")->required();
  verb.add_option("--sequence", workload.sequence, "tokens a sample (default: the network's positions)")
      ->check(CLI::Range(1, 1 << 24));
}

study::Study study_of(const std::string& verb, const cluster::Transformer& network, const cluster::Cluster& machine) {
  study::Study study{.verb = verb, .workload = {"training", network.name, network.hash}};
  study.conditions = {{"cluster", machine.name},       {"cluster_hash", machine.hash},
                      {"device", machine.device.name}, {"devices", machine.devices()},
                      {"nodes", machine.nodes},        {"parameters", network.parameters()},
                      {"sequence", network.sequence}};
  return study;
}

void say_where_it_fails(const study::Study& study, const Global& global) {
  if (global.json || global.quiet) return;
  for (const auto& candidate : study.candidates)
    if (!candidate.details["fits"].get<bool>())
      fmt::print("{} does not fit: {:.1f} GiB too much on the fullest device\n", candidate.name,
                 candidate.details["bytes_over"].get<double>() / (1024.0 * 1024 * 1024));
}

void add_predict(CLI::App& cluster_verb, const Global& global) {
  CLI::App* verb =
      add_verb(cluster_verb, "predict", "", "Batch time, memory and activity of every device under one strategy",
               {"pare cluster predict config.json --cluster dgx.toml --data-parallel 8 --tensor-parallel 8 --batch 512",
                "pare cluster predict config.json --cluster dgx.toml --data-parallel 2 --tensor-parallel 8 "
                "--pipeline-parallel 4 "
                "--schedule zb-h1 --batch 256 -o out"});
  struct Request {
    Workload workload;
    cluster::Strategy strategy;
    std::string schedule = "1f1b", recompute = "none";
    bool plain_attention = false, no_overlap = false;
  };
  auto r = std::make_shared<Request>();
  add_workload(*verb, r->workload);
  cluster::Strategy& s = r->strategy;
  verb->add_option("--data-parallel", s.data, "replicas")->capture_default_str();
  verb->add_option("--tensor-parallel", s.tensor, "devices that share every layer")->capture_default_str();
  verb->add_option("--pipeline-parallel", s.pipeline, "devices that divide the layers")->capture_default_str();
  verb->add_option("--micro-batch", s.micro_batch, "samples of one pass")->capture_default_str();
  verb->add_option("--batch", s.batch, "samples of one optimizer step, over all replicas")->required();
  verb->add_option("--schedule", r->schedule, "gpipe, 1f1b, interleaved or zb-h1")->capture_default_str();
  verb->add_option("--chunks", s.chunks, "pieces of the network a device, of the interleaved schedule")
      ->capture_default_str();
  verb->add_option("--recompute", r->recompute, "none, selective or full")->capture_default_str();
  verb->add_flag("--sequence-parallel", s.sequence_parallel, "spread what lies between tensor-parallel parts, too");
  verb->add_flag("--distributed-optimizer", s.distributed_optimizer, "ZeRO stage 1");
  verb->add_flag("--plain-attention", r->plain_attention, "attention writes its scores to memory");
  verb->add_flag("--no-overlap", r->no_overlap, "gradients are summed only when backward is done");
  verb->callback([r, &global] {
    cluster::Strategy& strategy = r->strategy;
    strategy.schedule = cluster::parse_schedule(r->schedule);
    strategy.recompute = cluster::parse_recompute(r->recompute);
    strategy.flash_attention = !r->plain_attention;
    strategy.overlap_gradients = !r->no_overlap;
    const auto network = cluster::read_transformer(r->workload.model, r->workload.sequence);
    const auto machine = cluster::read_cluster(r->workload.cluster);
    cluster::check(strategy, network, machine);
    const auto prediction = cluster::predict(network, strategy, machine);
    study::Study study = study_of("cluster predict", network, machine);
    study.candidates.push_back(to_candidate(network, strategy, machine, prediction));
    study.chosen = study.candidates[0].name;
    study::mark_front(study);
    if (!global.output.empty()) write_file(global.output / "trace.json", to_trace(strategy, prediction));
    say_where_it_fails(study, global);
    finish(study, global);
  });
}

void add_plan(CLI::App& cluster_verb, const Global& global) {
  CLI::App* verb = add_verb(cluster_verb, "plan", "", "The best strategies for a cluster, out of all that fit",
                            {"pare cluster plan config.json --cluster dgx.toml --batch 512",
                             "pare cluster plan config.json --cluster dgx.toml --batch 512 --objective memory --json"});
  struct Request {
    Workload workload;
    cluster::SearchSpace space;
    std::string objective = "time";
    bool plain_attention = false;
  };
  auto r = std::make_shared<Request>();
  add_workload(*verb, r->workload);
  verb->add_option("--batch", r->space.batch, "samples of one optimizer step, over all replicas")
      ->required()
      ->check(CLI::Range(1, 1 << 24));
  verb->add_option("--objective", r->objective, "time or memory")
      ->check(CLI::IsMember({"time", "memory"}))
      ->capture_default_str();
  verb->add_option("--largest-micro-batch", r->space.largest_micro_batch, "samples of one pass at most")
      ->check(CLI::Range(1, 1 << 16))
      ->capture_default_str();
  verb->add_flag("--plain-attention", r->plain_attention, "attention writes its scores to memory");
  verb->callback([r, &global] {
    r->space.flash_attention = !r->plain_attention;
    const auto network = cluster::read_transformer(r->workload.model, r->workload.sequence);
    const auto machine = cluster::read_cluster(r->workload.cluster);
    std::size_t tried = 0;
    auto plans = cluster::search(network, machine, r->space, tried);
    if (r->objective == "memory")
      std::ranges::stable_sort(plans, {}, [](const cluster::Plan& plan) { return plan.prediction.peak_bytes(); });
    study::Study study = study_of("cluster plan", network, machine);
    study.conditions["strategies"] = tried;
    study.conditions["feasible"] = plans.size();
    // the ten best, and the worst to see what is at stake
    for (std::size_t i = 0; i < plans.size(); ++i)
      if (i < 10 || i + 1 == plans.size())
        study.candidates.push_back(to_candidate(network, plans[i].strategy, machine, plans[i].prediction));
    study.chosen = study.candidates[0].name;
    study::mark_front(study, {"batch_time_s", "peak_bytes"});
    finish(study, global);
  });
}

}  // namespace

void add_cluster(CLI::App& app, const Global& global) {
  CLI::App* verb =
      add_verb(app, "cluster", "Training runs", "Hybrid-parallel training: predict a strategy, plan the best one",
               {"pare cluster plan --help", "pare cluster trace --help"});
  verb->require_subcommand(1);
  add_predict(*verb, global);
  add_plan(*verb, global);
  add_cluster_trace(*verb, global);
}

}  // namespace pare::cli
