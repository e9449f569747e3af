// pare's side of speed.py and ablation.py: aggregate_speed THREADS answers the requests that peers.py describes, and
//
//   {"do": "load", "graph": FILE, "all": true}    every plan of the ablation is a path, else the chosen one
//   {"do": "order", "order": NAME, "file": OUT}   writes the place of each vertex, int32  -> {"seconds"}
//   {"do": "chosen"}                              -> {"choices": [{"path", "plan", "measuring_s", "preparing_s"}]}
//
// aggregate_speed --generate VERTICES EDGES FILE.npz writes a planted partition; edges are undirected.
#include <hwy/aligned_allocator.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <limits>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "pare/base/error.h"
#include "pare/base/parallel.h"
#include "pare/base/stopwatch.h"
#include "pare/graph/generate.h"
#include "pare/graph/graph.h"
#include "pare/graph/order.h"
#include "pare/graph/tuned.h"

namespace {

using namespace pare;
using nlohmann::json;

struct Path {
  std::string name;
  const graph::Tuned* tuned;
  const graph::KernelPlan* plan = nullptr;  // null: the chosen one
  bool scales = false;                      // the weights as scales of columns and rows, not one by one
};

struct Plan {
  const char* name;
  graph::KernelPlan plan;
};

// Static plans of the ablation: no selection in them.
std::vector<Plan> static_plans(std::int64_t width) {
  using enum graph::Order;
  using graph::Inter;
  using graph::Intra;
  const int ahead = kernels::usual_prefetch(4 * width);
  return {
      {"natural", {.prefetch = ahead}},
      {"random", {.order = random, .prefetch = ahead}},
      {"ordered", {.order = community, .prefetch = ahead}},
      {"16: tile + rows", {.order = community, .block = 16, .intra = Intra::tile, .prefetch = ahead}},
      {"16: tile + coordinates",
       {.order = community, .block = 16, .intra = Intra::tile, .inter = Inter::coordinates, .prefetch = ahead}},
      {"128: local + rows", {.order = community, .block = 128, .intra = Intra::local, .prefetch = ahead}},
      {"128: local + coordinates",
       {.order = community, .block = 128, .intra = Intra::local, .inter = Inter::coordinates, .prefetch = ahead}},
  };
}

class Worker {
 public:
  json answer(const json& request) {
    const std::string what = request.at("do");
    if (what == "load") return load(request.at("graph"), request.value("all", false));
    if (what == "width") return set_width(request.at("width"));
    if (what == "check") return check(request.at("path"), request.at("file"));
    if (what == "time") return time(request.at("path"), request.at("least_s"));
    if (what == "order") return order(request.at("order"), request.at("file"));
    if (what == "chosen") return chosen();
    throw Error("a request that is not known", what);
  }

 private:
  json load(const std::string& file, bool all) {
    paths_.clear();
    all_ = all;
    graph::Graph g = graph::read_graph(file);
    scale_.assign(static_cast<std::size_t>(g.vertices()), 0);
    const graph::Adjacency& a = g.adjacency;
    for (std::int64_t r = 0; r < a.rows() && !a.weight.empty(); ++r)
      for (std::int64_t e = a.begin[r]; e < a.begin[r + 1]; ++e)
        if (a.column[e] == r) scale_[r] = std::sqrt(a.weight[e]);
    if (!a.weight.empty()) {
      graph::Adjacency structure = a;
      structure.weight.clear();
      structure_ = std::make_unique<graph::Tuned>(std::move(structure));
    }
    if (all) whole_ = std::make_unique<graph::Tuned>(a, graph::TuneOptions{.subgraphs = false});
    tuned_ = std::make_unique<graph::Tuned>(std::move(g.adjacency));
    return {{"rows", matrix().rows()}, {"nonzeros", matrix().nonzeros()}};
  }

  // Features as in peers.py: exact in float32.
  json set_width(std::int64_t width) {
    width_ = width;
    x_ = hwy::AllocateAligned<float>(static_cast<std::size_t>(matrix().columns * width));
    y_ = hwy::AllocateAligned<float>(result_size());
    std::fill_n(y_.get(), result_size(), 0.0f);
    for (std::int64_t r = 0; r < matrix().columns; ++r)
      for (std::int64_t j = 0; j < width; ++j)
        x_[r * width + j] = static_cast<float>((r * 131 + j * 71) % 251 - 125) / 64;
    paths_.clear();
    plans_ = static_plans(width);
    if (all_) {
      for (const Plan& p : plans_) paths_.push_back({p.name, tuned_.get(), &p.plan});
      paths_.push_back({"chosen, unsplit", whole_.get()});
    }
    paths_.push_back({"chosen", tuned_.get()});
    if (!matrix().weight.empty()) paths_.push_back({"chosen, scales", structure_.get(), nullptr, true});
    json names = json::array();
    for (const Path& p : paths_) names.push_back(p.name);
    return {{"paths", names}};
  }

  std::size_t result_size() const { return static_cast<std::size_t>(matrix().rows() * width_); }

  json check(const std::string& name, const std::string& file) {
    std::fill_n(y_.get(), result_size(), std::numeric_limits<float>::quiet_NaN());  // what is left out is seen
    run(path(name));
    std::ofstream out(file, std::ios::binary);
    out.write(reinterpret_cast<const char*>(y_.get()), static_cast<std::streamsize>(4 * result_size()));
    if (!out) throw Error("cannot write", file);
    return json::object();
  }

  // As run_times in peers.py.
  json time(const std::string& name, double least_s) {
    const Path& p = path(name);
    constexpr double warm_up_s = 0.02;
    double once = 1;
    const Stopwatch warming;
    while (warming.seconds() < warm_up_s) once = std::min(once, seconds_of([&] { run(p); }));
    const int group = std::max(1, static_cast<int>(100e-6 / once));
    std::vector<double> seconds;
    const Stopwatch watch;
    while (seconds.empty() || watch.seconds() < least_s)
      seconds.push_back(seconds_of([&] {
                          for (int i = 0; i < group; ++i) run(p);
                        }) /
                        group);
    return {{"seconds", seconds}};
  }

  json order(const std::string& name, const std::string& file) {
    std::vector<std::int32_t> new_of;
    const double seconds = seconds_of([&] { new_of = graph::order_of(matrix(), graph::order_named(name, "order")); });
    std::ofstream out(file, std::ios::binary);
    out.write(reinterpret_cast<const char*>(new_of.data()), static_cast<std::streamsize>(4 * new_of.size()));
    if (!out) throw Error("cannot write", file);
    return {{"seconds", seconds}};
  }

  json chosen() const {
    json choices = json::array();
    for (const Path& p : paths_)
      if (p.plan == nullptr)
        for (const auto& [use, choice] : p.tuned->choices())
          if (use.width == width_)
            choices.push_back({{"path", p.name},
                               {"plan", name_of(choice.plan)},
                               {"measuring_s", choice.measuring_s},
                               {"preparing_s", choice.preparing_s}});
    return {{"choices", choices}};
  }

  void run(const Path& p) {
    const kernels::Input x{x_.get(), width_, width_};
    const kernels::Output y{y_.get(), width_, width_};
    kernels::Weights weights;
    kernels::Epilogue epilogue;
    if (p.scales) {
      weights.column = scale_.data();
      epilogue.row_scale = scale_.data();
    }
    if (p.plan)
      p.tuned->aggregate(*p.plan, weights, kernels::Reduce::sum, x, epilogue, y);
    else
      p.tuned->aggregate(weights, kernels::Reduce::sum, x, epilogue, y);
  }

  const Path& path(const std::string& name) const {
    for (const Path& p : paths_)
      if (p.name == name) return p;
    throw Error("a path that is not known", name);
  }
  const graph::Adjacency& matrix() const {
    if (!tuned_) throw Error("load a graph first", "aggregate_speed");
    return tuned_->matrix();
  }

  bool all_ = false;
  std::unique_ptr<graph::Tuned> tuned_, whole_, structure_;  // structure_: without weights
  std::vector<float> scale_;  // [vertices]: A + I over its degrees' square roots, taken apart again
  std::vector<Plan> plans_;
  std::vector<Path> paths_;
  std::int64_t width_ = 0;
  hwy::AlignedFreeUniquePtr<float[]> x_, y_;  // [columns, width], [rows, width]; aligned as torch aligns
};

int generate(char** arguments) {
  graph::PlantedOptions options;
  options.vertices = std::atoll(arguments[0]);
  options.edges = std::atoll(arguments[1]);
  graph::Graph g;
  g.adjacency = graph::planted_graph(options).adjacency;
  g.symmetric = true;
  graph::write_graph_npz(arguments[2], g);
  std::cerr << g.adjacency.nonzeros() << " nonzeros\n";
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    if (argc == 5 && std::string(argv[1]) == "--generate") return generate(argv + 2);
    if (argc != 2) throw UsageError("give the number of threads, or --generate VERTICES EDGES FILE", "aggregate_speed");
    set_threads(std::max(1, std::atoi(argv[1])));
    Worker worker;
    for (std::string line; std::getline(std::cin, line);) std::cout << worker.answer(json::parse(line)) << std::endl;
  } catch (const UsageError& e) {
    std::cerr << e.what() << "\n";
    return 2;
  } catch (const std::exception& e) {
    std::cerr << e.what() << "\n";
    return 1;
  }
  return 0;
}
