// cluster: training runs spread over many devices.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <tuple>

#include "pare/base/error.h"
#include "pare/base/file.h"
#include "pare/cli/context.h"
#include "pare/cli/verb_cluster_parts.h"
#include "pare/cluster/launch.h"
#include "pare/cluster/profile.h"
#include "pare/cluster/read_network.h"
#include "pare/cluster/search.h"

namespace pare::cli {
namespace {

struct Workload {
  std::string model, cluster;
  cluster::NetworkOptions options;

  std::unique_ptr<cluster::Network> network() const { return cluster::read_network(model, options); }
};

void add_workload(CLI::App& verb, Workload& workload) {
  verb.add_option("model", workload.model,
                  "a config.json as transformers writes it (bert, gpt2, llama, mistral, mixtral, qwen2, t5, vit), or "
                  "an ONNX network")
      ->required();
  verb.add_option("--cluster", workload.cluster, "a TOML file: devices, nodes and links (docs/cluster.md)")->required();
  verb.add_option("--sequence", workload.options.sequence, "tokens a sample (default: the network's positions)")
      ->check(CLI::Range(1, 1 << 24));
  verb.add_option("--decoder-sequence", workload.options.decoder_sequence,
                  "of a decoder beside an encoder (default: as many)")
      ->check(CLI::Range(1, 1 << 24));
  verb.add_option("--recipe", workload.options.recipe, "of an ONNX network: a recipe's folder or its recipe.json");
}

study::Study study_of(const std::string& verb, const cluster::Network& network, const cluster::Cluster& machine) {
  study::Study study{.verb = verb, .workload = {"training", network.name, network.hash}};
  study.conditions = {{"cluster", machine.name},       {"cluster_hash", machine.hash},
                      {"device", machine.device.name}, {"devices", machine.devices()},
                      {"nodes", machine.nodes},        {"parameters", network.parameters()},
                      {"sequence", network.tokens()}};
  return study;
}

/// "3:1.5": the third of `count`, one and a half times slower; none of them for an empty text.
std::pair<int, double> parse_slow(const std::string& text, const char* option, int count) {
  if (text.empty()) return {-1, 1};
  int which = -1;
  double factor = 0;
  char rest = 0;
  if (std::sscanf(text.c_str(), "%d:%lf%c", &which, &factor, &rest) != 2 || which < 0 || which >= count ||
      !(factor >= 1 && factor <= 1e6))
    throw UsageError(fmt::format("'{}' is not a number below {}, a colon and a factor from 1", printable(text), count),
                     option, "as in 0:1.5");
  return {which, factor};
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
    std::string schedule = "1f1b", recompute = "none", precision = "bf16", weights, gradients = "fp32";
    std::string profile, slow_device, slow_link;
    bool plain_attention = false, no_overlap = false, no_tensor_overlap = false, no_scatter_gather = false,
         no_dropout = false;
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
  verb->add_option("--context-parallel", s.context, "devices that share every sequence")->capture_default_str();
  verb->add_option("--expert-parallel", s.expert, "replicas that share the experts")->capture_default_str();
  verb->add_option("--zero", s.zero,
                   "what replicas share: 1 the optimizer's state, 2 and gradients, 3 and weights (FSDP)")
      ->capture_default_str();
  verb->add_option("--shard", s.shard, "replicas that share it, the others repeat it (default: all)");
  verb->add_option("--precision", r->precision, "of products: bf16, fp16, fp8 or fp32")->capture_default_str();
  verb->add_option("--weights", r->weights, "kept and gathered in (default: the precision, 16 bits of fp8)");
  verb->add_option("--gradients", r->gradients, "kept and summed in")->capture_default_str();
  verb->add_flag("--plain-attention", r->plain_attention, "attention writes its scores to memory");
  verb->add_flag("--no-dropout", r->no_dropout, "the network trains without dropout");
  verb->add_flag("--no-overlap", r->no_overlap, "gradients are summed only when backward is done");
  verb->add_flag("--no-tensor-overlap", r->no_tensor_overlap,
                 "tensor-parallel sums of gradients do not run beside the gradients of weights");
  verb->add_flag("--no-scatter-gather", r->no_scatter_gather, "every tensor rank sends all it has to the next stage");
  verb->add_option("--profile", r->profile, "measured times of events, of pare cluster profile");
  verb->add_option("--slow-device", r->slow_device, "a straggler: its number and how many times slower, 3:1.2");
  verb->add_option("--slow-link", r->slow_link, "a node whose link is slower: its number and how many times, 1:2");
  verb->callback([r, &global] {
    cluster::Strategy& strategy = r->strategy;
    strategy.schedule = cluster::parse_schedule(r->schedule);
    strategy.recompute = cluster::parse_recompute(r->recompute);
    strategy.flash_attention = !r->plain_attention;
    strategy.overlap_gradients = !r->no_overlap;
    strategy.overlap_tensor = !r->no_tensor_overlap;
    strategy.scatter_gather = !r->no_scatter_gather;
    strategy.dropout = !r->no_dropout;
    strategy.precision = cluster::parse_precision(r->precision, "--precision");
    strategy.weights = !r->weights.empty() ? cluster::parse_precision(r->weights, "--weights")
                       : strategy.precision == cluster::Precision::float8 ? cluster::Precision::bfloat16
                                                                          : strategy.precision;
    strategy.gradients = cluster::parse_precision(r->gradients, "--gradients");
    const auto network = r->workload.network();
    auto machine = cluster::read_cluster(r->workload.cluster);
    std::tie(machine.slow_device, machine.slow_device_factor) =
        parse_slow(r->slow_device, "--slow-device", machine.devices());
    std::tie(machine.slow_node, machine.slow_node_factor) = parse_slow(r->slow_link, "--slow-link", machine.nodes);
    cluster::check(strategy, *network, machine);
    cluster::Profile profile;
    if (!r->profile.empty()) profile = cluster::read_profile(r->profile);
    std::unique_ptr<cluster::Costs> costs = std::make_unique<cluster::DescribedCosts>(machine);
    if (!r->profile.empty()) costs = std::make_unique<cluster::ProfiledCosts>(profile, machine);
    const auto prediction = cluster::predict(*network, strategy, machine, *costs);
    study::Study study = study_of("cluster predict", *network, machine);
    study.candidates.push_back(to_candidate(*network, strategy, machine, prediction));
    study.candidates[0].details["launch"] = launch(strategy, *network, machine);
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
    const auto network = r->workload.network();
    const auto machine = cluster::read_cluster(r->workload.cluster);
    std::size_t tried = 0;
    auto plans = cluster::search(*network, machine, r->space, tried);
    if (r->objective == "memory")
      std::ranges::stable_sort(plans, {}, [](const cluster::Plan& plan) { return plan.prediction.peak_bytes(); });
    study::Study study = study_of("cluster plan", *network, machine);
    study.conditions["strategies"] = tried;
    study.conditions["feasible"] = plans.size();
    // the ten best, and the worst to see what is at stake
    for (std::size_t i = 0; i < plans.size(); ++i)
      if (i < 10 || i + 1 == plans.size())
        study.candidates.push_back(to_candidate(*network, plans[i].strategy, machine, plans[i].prediction));
    study.candidates[0].details["launch"] = launch(plans[0].strategy, *network, machine);
    study.chosen = study.candidates[0].name;
    study::mark_front(study, {"batch_time_s", "peak_bytes"});
    finish(study, global);
  });
}

}  // namespace

void add_cluster(CLI::App& app, const Global& global) {
  CLI::App* verb =
      add_verb(app, "cluster", "Training runs", "Hybrid-parallel training: predict a strategy, plan the best one",
               {"pare cluster predict --help", "pare cluster plan --help"});
  verb->require_subcommand(1);
  add_predict(*verb, global);
  add_plan(*verb, global);
  add_cluster_collective(*verb, global);
  add_cluster_pipeline(*verb, global);
}

}  // namespace pare::cli
