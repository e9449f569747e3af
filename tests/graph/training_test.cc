#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "pare/base/error.h"
#include "pare/base/random.h"
#include "pare/graph/generate.h"
#include "pare/graph/train_vertices.h"

namespace pare::graph {
namespace {

using OneRun = Run;  // gtest has a Run of its own

/// Communities of a planted partition; a vertex shows words of its own community a little more often.
Graph communities(std::uint64_t seed) {
  const Planted planted = planted_graph({.vertices = 400, .edges = 1600, .community = 100, .seed = seed});
  Graph graph;
  graph.name = "communities";
  graph.adjacency = planted.adjacency;
  graph.symmetric = true;
  graph.labels = planted.community_of;
  graph.classes = 1 + *std::ranges::max_element(graph.labels);
  const std::int32_t words = 10 * graph.classes;
  graph.feature_width = words;
  Random random(seed);
  std::vector<Edge> edges;
  for (std::int32_t v = 0; v < 400; ++v)
    for (int i = 0; i < 6; ++i) {
      const auto own = static_cast<std::int32_t>(10 * graph.labels[v] + static_cast<std::int32_t>(random.below(10)));
      edges.push_back({v, random.uniform() < 0.3 ? own : static_cast<std::int32_t>(random.below(words))});
    }
  graph.sparse_features = from_edges(400, words, edges);
  return graph;
}

TrainOptions quick(Model model) {
  TrainOptions o = published(model, false);
  o.epochs = 40;
  o.patience = 0;
  o.hidden = model == Model::gat ? 4 : 16;
  o.seed = 3;
  return o;
}

TEST(Training, EveryModelLearns) {
  const Graph graph = communities(1);
  for (const Model model : {Model::gcn, Model::sage, Model::gat, Model::gin})
    for (const bool sampled : {false, true}) {
      TrainOptions o = quick(model);
      if (sampled) {
        o.fanouts = {5, 5};
        o.batch = 32;
      }
      const OneRun run = train_vertices(graph, o, nullptr)[0];
      EXPECT_GT(run.test_accuracy, 0.7) << name_of(model) << (sampled ? ", sampled" : "");
      EXPECT_LT(run.curve.back().training_loss, 0.95 * run.curve.front().training_loss) << name_of(model);
    }
}

TEST(Training, TheSameSeedGivesTheSameRun) {
  const Graph graph = communities(2);
  for (const Model model : {Model::gcn, Model::gat}) {
    TrainOptions o = quick(model);
    o.epochs = 10;
    o.fanouts = {4, 4};
    o.batch = 50;
    const auto once = train_vertices(graph, o, nullptr), again = train_vertices(graph, o, nullptr);
    o.seed = 4;
    const auto other = train_vertices(graph, o, nullptr);
    for (std::size_t e = 0; e < 10; ++e) {
      EXPECT_EQ(once[0].curve[e].training_loss, again[0].curve[e].training_loss);
      EXPECT_EQ(once[0].curve[e].validation_loss, again[0].curve[e].validation_loss);
      EXPECT_NE(once[0].curve[e].training_loss, other[0].curve[e].training_loss);
    }
  }
}

TEST(Training, KeepsTheBestAndStopsWhenNothingGetsBetter) {
  const Graph graph = communities(3);
  TrainOptions o = quick(Model::gcn);
  o.epochs = 400;
  o.patience = 12;
  o.rate = 0.1;
  o.weight_decay = 0;
  o.seeds = 3;
  for (const OneRun& run : train_vertices(graph, o, nullptr)) {
    double loss = INFINITY, accuracy = 0;
    std::size_t best = 0, last_good = 0;
    for (std::size_t e = 0; e < run.curve.size(); ++e) {
      const Epoch& now = run.curve[e];
      if (now.validation_loss <= loss && now.validation_accuracy >= accuracy) best = e;
      if (now.validation_loss <= loss || now.validation_accuracy >= accuracy) last_good = e;
      loss = std::min(loss, now.validation_loss);
      accuracy = std::max(accuracy, now.validation_accuracy);
    }
    EXPECT_LT(run.curve.size(), 400u);
    EXPECT_EQ(run.curve.size() - 1 - last_good, 12u);
    EXPECT_EQ(run.best, best);
    EXPECT_EQ(run.validation_accuracy, run.curve[best].validation_accuracy);
  }
}

std::vector<at::Tensor> gradients(const VertexTrainer& trainer) {
  std::vector<at::Tensor> out;
  for (const at::Tensor& p : trainer.parameters()) out.push_back(p.grad().clone());
  return out;
}

/// All neighbours of a batch, layer by layer, are as good as the whole graph. GIN's normalisation is not the same over
/// other vertices.
TEST(Training, BatchesWithAllNeighboursHaveTheWholeGraphsGradients) {
  const Graph graph = communities(4);
  const std::vector<std::int32_t> batch{7, 31, 5, 200, 399};
  for (const Model model : {Model::gcn, Model::sage, Model::gat})
    for (const bool maximum : {false, true}) {
      TrainOptions o = quick(model);
      o.maximum = maximum;
      o.dropout = 0;
      o.layers = 3;
      const VertexTask task = vertex_task(graph, o, true);
      VertexTrainer whole(task, o, 1, nullptr);
      o.batch = 5;
      VertexTrainer parts(task, o, 1, nullptr);
      EXPECT_NEAR(whole.gradients(batch, 0), parts.gradients(batch, 0), 1e-5) << name_of(model);
      const auto a = gradients(whole), b = gradients(parts);
      for (std::size_t i = 0; i < a.size(); ++i)
        EXPECT_LT((a[i] - b[i]).abs().max().item<double>(), 1e-5) << name_of(model) << ", parameter " << i;
      EXPECT_GT(a[0].abs().max().item<double>(), 1e-4);
    }
}

/// Sampled losses differ, but a network without nonlinearity has the right logits on average; here: the right gradients
/// of one layer, whose loss is curved only a little.
TEST(Training, SampledGradientsAreRightOnAverage) {
  const Graph graph = communities(5);
  std::vector<std::int32_t> batch;
  for (std::int32_t v = 0; v < 100; ++v) batch.push_back(v);
  TrainOptions o = quick(Model::gcn);
  o.dropout = 0;
  o.layers = 1;
  const VertexTask task = vertex_task(graph, o, true);
  VertexTrainer whole(task, o, 1, nullptr);
  whole.gradients(batch, 0);
  o.fanouts = {3};
  VertexTrainer sampled(task, o, 1, nullptr);
  at::Tensor sum;
  constexpr int trials = 300;
  for (int t = 0; t < trials; ++t) {
    sampled.gradients(batch, static_cast<std::uint64_t>(t));
    const at::Tensor g = gradients(sampled)[0];
    sum = t == 0 ? g : sum + g;
  }
  const at::Tensor right = gradients(whole)[0];
  EXPECT_LT((sum / trials - right).norm().item<double>(), 0.05 * right.norm().item<double>());
}

/// Rings with and without chords: kinds of graphs that neighbours' counts tell apart.
Graph rings(int count) {
  Graph graph;
  graph.name = "rings";
  std::vector<Edge> edges;
  Random random(1);
  std::int32_t first = 0;
  for (int g = 0; g < count; ++g) {
    const auto n = static_cast<std::int32_t>(6 + random.below(5));
    const bool chord = g % 2 == 1;
    for (std::int32_t i = 0; i < n; ++i) {
      const auto join = [&](std::int32_t a, std::int32_t b) {
        edges.push_back({first + a, first + b});
        edges.push_back({first + b, first + a});
      };
      join(i, (i + 1) % n);
      if (chord && i == 0) join(0, n / 2);
      graph.graph_of.push_back(g);
    }
    graph.graph_labels.push_back(chord);
    first += n;
  }
  graph.graph_classes = 2;
  graph.adjacency = from_edges(first, first, edges);
  return graph;
}

TEST(Training, WholeGraphsAreToldApart) {
  const Graph graph = rings(60);
  for (const bool nested : {false, true}) {
    TrainOptions o = published(Model::gin, true);
    o.epochs = 12;
    o.hidden = 16;
    o.batch = 16;
    o.folds = 4;
    o.nested = nested;
    const auto runs = train_graphs(graph, o, nullptr);
    ASSERT_EQ(runs.size(), 4u);
    double mean = 0;
    for (const OneRun& run : runs) {
      mean += run.test_accuracy / 4;
      EXPECT_EQ(run.test_accuracy, run.test_curve[run.best]);
      if (nested) {
        for (const Epoch& e : run.curve) EXPECT_LE(e.validation_accuracy, run.validation_accuracy);
      } else {
        EXPECT_EQ(run.best, runs[0].best);
      }
    }
    EXPECT_GT(mean, 0.9);
    for (std::size_t e = 0; e < 12 && !nested; ++e) {
      double other = 0;
      for (const OneRun& run : runs) other += run.test_curve[e] / 4;
      EXPECT_LE(other, mean + 1e-9);
    }
  }
}

TEST(Training, RefusesWhatCannotBeLearnt) {
  Graph graph = communities(6);
  graph.labels.clear();
  EXPECT_THROW(train(graph, {quick(Model::gcn)}, nullptr), Error);
  Graph whole = rings(10);
  TrainOptions o = published(Model::gin, true);
  EXPECT_THROW(train(whole, {o}, nullptr), Error);  // ten folds of ten graphs
  o.model = Model::gcn;
  EXPECT_THROW(train(whole, {o}, nullptr), UsageError);
  TrainOptions fanouts = quick(Model::gcn);
  fanouts.fanouts = {3, 3, 3};
  EXPECT_THROW(train(communities(6), {fanouts}, nullptr), UsageError);
  Graph shared = rings(40);
  shared.graph_of[static_cast<std::size_t>(shared.vertices()) - 1] = 38;
  o = published(Model::gin, true);
  EXPECT_THROW(train_graphs(shared, o, nullptr), Error);
}

}  // namespace
}  // namespace pare::graph
