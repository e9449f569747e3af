#include "pare/graph/tune.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "pare/base/error.h"
#include "pare/base/parallel.h"
#include "pare/base/random.h"
#include "pare/base/simd.h"
#include "pare/base/stopwatch.h"
#include "pare/graph/cache.h"
#include "pare/graph/choices.h"
#include "pare/graph/gcn.h"
#include "pare/graph/graph.h"
#include "pare/kernels/bfloat16.h"

namespace pare::graph {
namespace {

using study::Better;
using study::Json;
using study::Provenance;

Adjacency matrix_of(Graph graph, const TuneRequest& request) {
  Adjacency a = request.matrix == "gcn" ? gcn_matrix(graph.adjacency) : std::move(graph.adjacency);
  return request.transposed ? transpose(a).matrix : a;
}

/// Rows of random features, aligned as torch aligns.
struct Buffer {
  std::vector<float> floats;
  std::vector<std::uint16_t> halves;
  std::int64_t width;
  bool bfloat16;

  Buffer(std::int64_t rows, std::int64_t width_, bool bfloat16_, Random* random) : width(width_), bfloat16(bfloat16_) {
    const auto n = static_cast<std::size_t>(rows * width) + 32;
    if (bfloat16) {
      halves.resize(n);
      for (auto& h : halves) h = random ? kernels::to_bfloat16(static_cast<float>(random->uniform(-1, 1))) : 0;
    } else {
      floats.resize(n);
      for (auto& f : floats) f = random ? static_cast<float>(random->uniform(-1, 1)) : 0;
    }
  }
  void* data() {
    void* at = bfloat16 ? static_cast<void*>(halves.data()) : floats.data();
    std::size_t space = bfloat16 ? halves.size() * sizeof(halves[0]) : floats.size() * sizeof(floats[0]);
    return std::align(64, 1, at, space);
  }
  kernels::Float type() const { return bfloat16 ? kernels::Float::bfloat16 : kernels::Float::float32; }
};

/// Bytes that one aggregation must move whatever the kernel: matrix, features and result once each.
double least_bytes(const Adjacency& a, std::int64_t width, std::int64_t item) {
  const auto nonzeros = static_cast<double>(a.nonzeros());
  return nonzeros * (a.weight.empty() ? 4 : 8) + 8.0 * static_cast<double>(a.rows() + 1) +
         static_cast<double>((a.rows() + a.columns) * width * item);
}

void add_candidates(study::Study& study, const Tuned& tuned, const Use& use, const Choice& choice, bool one_width) {
  const auto item = static_cast<std::int64_t>(kernels::bytes_of(use.type));
  for (const Trial& t : choice.trials) {
    study::Candidate c{.name = name_of(t.plan)};
    if (!one_width) c.name = fmt::format("{}: {}", use.width, c.name);
    if (std::ranges::find(study.candidates, c.name, &study::Candidate::name) != study.candidates.end()) continue;
    c.decision = to_json(t.plan);
    c.decision["width"] = use.width;
    c.costs.push_back({"ms", t.seconds * 1e3, "ms", Better::lower, Provenance::measured});
    c.costs.push_back(
        {"bytes", static_cast<double>(tuned.layout_bytes(t.plan)), "bytes", Better::lower, Provenance::counted});
    c.costs.push_back({"preprocess_s", tuned.preprocess_s(t.plan), "s", Better::lower, Provenance::measured});
    c.details["preprocess_aggregations"] = tuned.preprocess_s(t.plan) / t.seconds;
    c.details["bytes_per_s"] = least_bytes(tuned.matrix(), use.width, item) / t.seconds;
    c.details["runs"] = t.runs;
    if (t.plan == choice.plan) {
      c.details["chosen"] = true;
      c.details["measuring_s"] = choice.measuring_s;
      c.details["measuring_aggregations"] = choice.measuring_s / t.seconds;
      c.details["preparing_s"] = choice.preparing_s;  // of all candidates
      if (const auto& j = choice.judgement)
        c.details["judgement"] = {{"best", name_of(j->best)},
                                  {"regret", j->regret},
                                  {"best_before", name_of(j->best_before)},
                                  {"regret_of_best_before", j->regret_of_best_before}};
      study.chosen = c.name;
    }
    c.details["kernels"] = Json::array();
    if (t.plan.block > 0)
      c.details["kernels"].push_back({{"subgraph", "intra"},
                                      {"kernel", t.plan.intra == Intra::tile ? "tile" : "local"},
                                      {"share", tuned.inside(t.plan.order, t.plan.block)}});
    c.details["kernels"].push_back({{"subgraph", t.plan.block > 0 ? "inter" : "all"},
                                    {"kernel", t.plan.inter == Inter::rows ? "rows" : "coordinates"}});
    study.candidates.push_back(std::move(c));
  }
}

}  // namespace

study::Study tune(const TuneRequest& request) {
  Graph graph = read_graph(request.graph);
  study::Study study{.verb = "graph tune", .workload = {"graph", graph.name, graph.hash}};
  const Adjacency matrix = matrix_of(std::move(graph), request);
  if (matrix.rows() == 0) throw Error("has no vertices", request.graph.string());
  const Tuned tuned(
      matrix, {.orders = request.orders, .exhaustive = request.exhaustive, .judge = request.judge, .remember = false});
  study.conditions = {{"device", "cpu"},
                      {"instructions", simd_target()},
                      {"threads", threads()},
                      {"matrix", request.matrix},
                      {"transposed", request.transposed},
                      {"reduce", reduce_names[static_cast<std::size_t>(request.reduce)]},
                      {"type", request.bfloat16 ? "bfloat16" : "float32"},
                      {"vertices", matrix.rows()},
                      {"nonzeros", matrix.nonzeros()},
                      {"seed", request.seed}};
  Random random(request.seed);
  for (const std::int64_t width : request.widths) {
    Buffer x(matrix.columns, width, request.bfloat16, &random), y(matrix.rows(), width, request.bfloat16, nullptr);
    tuned.aggregate({}, request.reduce, {x.data(), width, width, x.type()}, {}, {y.data(), width, width, y.type()});
  }
  // a width is a decision of its own: plans are compared with those of the same
  for (const auto& [use, choice] : tuned.choices()) {
    study::Study of_width;
    add_candidates(of_width, tuned, use, choice, request.widths.size() == 1);
    study::mark_front(of_width, {"ms", "bytes", "preprocess_s"});
    std::ranges::move(of_width.candidates, std::back_inserter(study.candidates));
    if (study.chosen.empty()) study.chosen = of_width.chosen;
  }
  return study;
}

}  // namespace pare::graph
