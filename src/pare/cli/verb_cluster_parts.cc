// cluster collective, cluster pipeline: the parts of a prediction on their own.
#include "pare/cli/verb_cluster_parts.h"

#include <fmt/format.h>

#include <memory>

#include "pare/base/error.h"
#include "pare/cluster/costs.h"
#include "pare/cluster/names.h"
#include "pare/cluster/pipeline.h"

namespace pare::cli {

using study::Better;
using study::Provenance;

void add_cluster_collective(CLI::App& cluster_verb, const Global& global) {
  CLI::App* verb =
      add_verb(cluster_verb, "collective", "", "Time of a collective over so many devices",
               {"pare cluster collective all-reduce --cluster dgx.toml --devices 16 --bytes 1048576,1073741824"});
  struct Request {
    std::string kind, cluster;
    int devices = 2, stride = 1;
    std::vector<double> bytes;
  };
  auto r = std::make_shared<Request>();
  verb->add_option("kind", r->kind, "all-reduce, all-gather, reduce-scatter, all-to-all, exchange or send")->required();
  verb->add_option("--cluster", r->cluster, "a TOML file: devices, nodes and links (docs/cluster.md)")->required();
  verb->add_option("--devices", r->devices, "that take part")->check(CLI::Range(2, 1 << 20))->capture_default_str();
  verb->add_option("--stride", r->stride, "from one of them to the next, as of replicas beside tensor parallelism")
      ->check(CLI::Range(1, 1 << 20))
      ->capture_default_str();
  verb->add_option("--bytes", r->bytes, "sizes of the whole array")
      ->delimiter(',')
      ->required()
      ->check(CLI::Range(1.0, 1e15));
  verb->callback([r, &global] {
    const auto machine = cluster::read_cluster(r->cluster);
    const auto kind = cluster::parse_name<cluster::CollectiveKind>(cluster::collective_names, r->kind, "kind");
    if (1LL * r->devices * r->stride > machine.devices())
      throw UsageError(fmt::format("{} devices {} apart, the cluster has {}", r->devices, r->stride, machine.devices()),
                       "--devices", "change the cluster's nodes");
    const auto group = cluster::group_of(r->devices, r->stride, machine);
    const cluster::DescribedCosts costs(machine);
    study::Study study{.verb = "cluster collective",
                       .workload = {std::string(cluster::name(kind)), r->cluster, machine.hash}};
    study.conditions = {
        {"cluster", machine.name}, {"devices", r->devices}, {"stride", r->stride}, {"nodes", group.nodes}};
    for (const double bytes : r->bytes) {
      const double seconds = kind == cluster::CollectiveKind::send
                                 ? costs.transfer_s(bytes, cluster::distance(0, (r->devices - 1) * r->stride, machine))
                                 : costs.collective_s(kind, bytes, group);
      study::Candidate candidate{.name = fmt::format("{:.0f} bytes", bytes), .decision = {{"bytes", bytes}}};
      candidate.costs = {{"time_s", seconds, "s", Better::lower, Provenance::estimated},
                         {"bytes_per_s", bytes / seconds, "1/s", Better::higher, Provenance::estimated}};
      study.candidates.push_back(std::move(candidate));
    }
    finish(study, global);
  });
}

void add_cluster_pipeline(CLI::App& cluster_verb, const Global& global) {
  CLI::App* verb =
      add_verb(cluster_verb, "pipeline", "", "The pipeline schedules side by side, from the times of one stage",
               {"pare cluster pipeline --ranks 8 --micro-batches 32 --forward 18.5 --backward 18.1 --weight 9.3 "
                "--transfer 0.6"});
  struct Request {
    int ranks = 1, micro_batches = 1, chunks = 2;
    double forward = 0, backward = 0, weight = 0, transfer = 0, pass = 0;
  };
  auto r = std::make_shared<Request>();
  verb->add_option("--ranks", r->ranks, "of the pipeline")->required()->check(CLI::Range(1, 1 << 16));
  verb->add_option("--micro-batches", r->micro_batches, "of one batch")->required()->check(CLI::Range(1, 1 << 20));
  verb->add_option("--chunks", r->chunks, "pieces a rank, of the interleaved schedule")
      ->check(CLI::Range(1, 1 << 10))
      ->capture_default_str();
  const auto time = CLI::Range(0.0, 1e9);
  verb->add_option("--forward", r->forward, "of a rank's layers, ms")->required()->check(CLI::Range(1e-9, 1e9));
  verb->add_option("--backward", r->backward, "gradients of inputs, ms")->required()->check(time);
  verb->add_option("--weight", r->weight, "gradients of weights, ms")->check(time)->capture_default_str();
  verb->add_option("--transfer", r->transfer, "from one rank to the next, ms")->check(time)->capture_default_str();
  verb->add_option("--pass", r->pass, "what every pass costs beside, ms")->check(time)->capture_default_str();
  verb->callback([r, &global] {
    study::Study study{.verb = "cluster pipeline", .workload = {"pipeline", "stage times", ""}};
    study.conditions = {{"ranks", r->ranks},        {"micro_batches", r->micro_batches},
                        {"forward_ms", r->forward}, {"backward_ms", r->backward},
                        {"weight_ms", r->weight},   {"transfer_ms", r->transfer}};
    const double rounding = 1e-12;
    const double work = 1e-3 * r->micro_batches * (r->forward + r->backward + r->weight);
    for (const auto schedule : cluster::all_schedules) {
      cluster::Pipeline pipeline{schedule, r->ranks, r->micro_batches, 1};
      pipeline.apart = true;  // time_s is that of the slowest rank
      if (schedule == cluster::Schedule::interleaved) {
        if (r->chunks == 1) {
          study.conditions["left_out"] = "interleaved: needs two chunks or more";
          continue;
        }
        pipeline.chunks = r->chunks;
      }
      if (schedule == cluster::Schedule::zb_v) pipeline.chunks = 2;
      check(pipeline);
      const auto part = static_cast<double>(pipeline.chunks);
      const auto pass = [&](double ms) { return 1e-3 * (ms / part + r->pass); };
      const cluster::StageTimes times = pipeline.splits_backward()
                                            ? cluster::StageTimes{pass(r->forward), pass(r->backward), pass(r->weight)}
                                            : cluster::StageTimes{pass(r->forward), pass(r->backward + r->weight), 0};
      const auto stages = static_cast<std::size_t>(pipeline.stages());
      std::vector<double> transfers(stages, 1e-3 * r->transfer);
      for (int stage = 0; stage + 1 < pipeline.stages(); ++stage)
        if (pipeline.rank(stage) == pipeline.rank(stage + 1)) transfers[static_cast<std::size_t>(stage)] = 0;
      const auto line = run_pipeline(pipeline, std::vector(stages, times), transfers, cluster::Keep::spans);
      double held = 0;
      for (int rank = 0; rank < r->ranks; ++rank) held = std::max(held, peak_in_flight(pipeline, rank));
      const double bubble = 1 - work / line.span_s;
      study::Candidate candidate{.name = std::string(name(schedule)),
                                 .decision = {{"schedule", name(schedule)}, {"chunks", pipeline.chunks}}};
      candidate.costs = {{"time_s", line.span_s, "s", Better::lower, Provenance::estimated},
                         {"bubble_share", bubble > rounding ? bubble : 0, "", Better::lower, Provenance::estimated},
                         {"micro_batches_held", held, "", Better::lower, Provenance::counted}};
      study.candidates.push_back(std::move(candidate));
    }
    study::mark_front(study, {"time_s", "micro_batches_held"});
    finish(study, global);
  });
}

}  // namespace pare::cli
