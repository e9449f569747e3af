// Ranks that share a batch have the gradients of one that does it all. A program of its own, because ranks are forked,
// before anything has started threads.
#include "pare/runtime/ranks.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "pare/base/parallel.h"
#include "pare/base/temporary.h"
#include "pare/graph/generate.h"
#include "pare/graph/train_vertices.h"

namespace pare::graph {
namespace {

Graph made() {
  const Planted planted = planted_graph({.vertices = 200, .edges = 900, .community = 50, .seed = 3});
  Graph graph;
  graph.name = "made";
  graph.adjacency = planted.adjacency;
  graph.labels = planted.community_of;
  graph.classes = 1 + *std::ranges::max_element(graph.labels);
  return graph;
}

/// Loss and gradients of two steps, as text.
std::string two_steps(Model model, runtime::RankGroup* ranks) {
  set_threads(1);
  TrainOptions o = published(model, false);
  o.dropout = 0;
  o.hidden = 8;
  o.batch = 7;
  o.fanouts = {4, 3};
  const Graph graph = made();
  const VertexTask task = vertex_task(graph, o, true);
  VertexTrainer trainer(task, o, 5, ranks);
  nlohmann::json out = nlohmann::json::array();
  for (const std::vector<std::int32_t>& batch : {std::vector<std::int32_t>{4, 190, 33, 2, 71, 8, 64}, {1}}) {
    out.push_back(trainer.gradients(batch, 9));
    for (const at::Tensor& p : trainer.parameters()) {
      const at::Tensor g = p.grad().contiguous();
      out.push_back(std::vector<float>(g.data_ptr<float>(), g.data_ptr<float>() + g.numel()));
    }
    trainer.step();
  }
  return out.dump();
}

TEST(Ranks, HaveTheGradientsOfOne) {
  for (const Model model : {Model::gcn, Model::sage, Model::gat}) {
    const auto one = nlohmann::json::parse(runtime::run_ranks(1, [&](int) { return two_steps(model, nullptr); })[0]);
    const TemporaryFolder folder("pare-ranks");
    const auto both = runtime::run_ranks(2, [&](int rank) {
      runtime::RankGroup group(folder.path() / "store", "both", rank, 2);
      const std::string said = two_steps(model, &group);
      group.barrier();
      return said;
    });
    EXPECT_EQ(both[0], both[1]);
    const auto two = nlohmann::json::parse(both[0]);
    ASSERT_EQ(one.size(), two.size());
    double largest = 0;
    for (std::size_t i = 0; i < one.size(); ++i) {
      const auto a = one[i].is_array() ? one[i].get<std::vector<double>>() : std::vector{one[i].get<double>()};
      const auto b = two[i].is_array() ? two[i].get<std::vector<double>>() : std::vector{two[i].get<double>()};
      ASSERT_EQ(a.size(), b.size());
      for (std::size_t k = 0; k < a.size(); ++k) {
        EXPECT_NEAR(a[k], b[k], 1e-5) << name_of(model) << ", tensor " << i;
        largest = std::max(largest, std::abs(a[k]));
      }
    }
    EXPECT_GT(largest, 1e-2);
  }
}

}  // namespace
}  // namespace pare::graph
