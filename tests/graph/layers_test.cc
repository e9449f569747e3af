// Layers against the formulas of their papers, written out on dense matrices in double precision.
#include "pare/graph/layers.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "pare/base/random.h"
#include "random_graphs.h"

namespace pare::graph {
namespace {

at::Tensor full(const Adjacency& a) {
  at::Tensor out = at::zeros({a.rows(), a.columns}, at::kDouble);
  for (const auto& [ends, weight] : dense(a)) out[ends.first][ends.second] = static_cast<double>(weight);
  return out;
}

struct Case {
  std::string name;
  Adjacency adjacency, features;

  Features as_sparse() const { return {{}, c10::make_intrusive<Propagation>(features), {}}; }
  Features as_dense() const { return {full(features).to(at::kFloat), {}, {}}; }
};

std::vector<Case> cases() {
  std::vector<Case> out;
  Random random(3);
  for (const char* name : {"star", "path", "isolated", "directed 17", "directed 64", "sparse 333"}) {
    const Adjacency a = shapes().at(name);
    out.push_back(
        {name, a,
         from_edges(a.rows(), 11, random_edges(a.rows(), 11, 3 * static_cast<std::size_t>(a.rows()), true, random))});
  }
  return out;
}

at::Tensor parameter(const torch::nn::Module& m, const std::string& name) {
  return m.named_parameters()[name].detach().to(at::kDouble);
}

void expect_near(const at::Tensor& got, const at::Tensor& wanted, const std::string& name) {
  ASSERT_EQ(got.sizes(), wanted.sizes()) << name;
  EXPECT_LT((got.detach().to(at::kDouble) - wanted).abs().max().item<double>(), 2e-4) << name;
}

/// Both kinds of features, a narrowing and a widening layer, with and without what follows.
void hold(
    const std::function<std::shared_ptr<Layer>(std::int64_t out, bool last)>& make, Model model,
    const std::function<at::Tensor(const Layer&, const at::Tensor& a, const at::Tensor& x, bool last)>& reference) {
  for (const Case& c : cases())
    for (const std::int64_t out : {4, 20})
      for (const bool last : {false, true}) {
        at::manual_seed(7);
        const auto layer = make(out, last);
        {
          const c10::NoGradGuard no_gradients;
          for (at::Tensor p : layer->parameters()) p.add_(at::randn_like(p), 0.3);  // biases begin at zero
        }
        layer->eval();
        const Adjacency matrix = matrix_for(model, c.adjacency);
        Hop hop{c10::make_intrusive<Propagation>(matrix), {}, {}};
        if (model == Model::gcn) hop.row_scale = hop.column_scale = degree_scale(matrix);
        const at::Tensor wanted = reference(*layer, full(c.adjacency), full(c.features), last);
        for (const Features& x : {c.as_sparse(), c.as_dense()})
          expect_near(layer->forward(hop, x), wanted,
                      c.name + (x.sparse ? ", sparse" : ", dense") + (last ? ", last" : "") + std::to_string(out));
      }
}

TEST(Layers, Gcn) {
  hold([](std::int64_t out, bool last) { return std::make_shared<GcnLayer>(11, out, last); }, Model::gcn,
       [](const Layer& layer, const at::Tensor& a, const at::Tensor& x, bool last) {
         const at::Tensor loops = a + at::eye(a.size(0), at::kDouble) * a.diagonal().eq(0);
         const at::Tensor d = loops.sum(1).pow(-0.5);
         const at::Tensor y =
             at::mm(d.unsqueeze(1) * loops * d, at::mm(x, parameter(layer, "weight"))) + parameter(layer, "bias");
         return last ? y : at::relu(y);
       });
}

TEST(Layers, SageMean) {
  hold([](std::int64_t out, bool last) { return std::make_shared<SageLayer>(11, out, false, last); }, Model::sage,
       [](const Layer& layer, const at::Tensor& a, const at::Tensor& x, bool last) {
         const at::Tensor mean = at::mm(a, x) / a.ne(0).sum(1, true).clamp_min(1);
         const at::Tensor y = at::mm(x, parameter(layer, "own")) + at::mm(mean, parameter(layer, "neighbours")) +
                              parameter(layer, "bias");
         return last ? y : at::relu(y);
       });
}

TEST(Layers, SageMax) {
  hold([](std::int64_t out, bool last) { return std::make_shared<SageLayer>(11, out, true, last); }, Model::sage,
       [](const Layer& layer, const at::Tensor& a, const at::Tensor& x, bool last) {
         const at::Tensor made = at::relu(at::mm(x, parameter(layer, "pool")) + parameter(layer, "pool_bias"));
         // relu leaves nothing below 0, which is what vertices without neighbours get
         const at::Tensor most = std::get<0>((a.ne(0).to(at::kDouble).unsqueeze(2) * made.unsqueeze(0)).max(1));
         const at::Tensor y = at::mm(x, parameter(layer, "own")) + at::mm(most, parameter(layer, "neighbours")) +
                              parameter(layer, "bias");
         return last ? y : at::relu(y);
       });
}

TEST(Layers, Gat) {
  static constexpr std::int64_t heads = 3;
  hold([](std::int64_t out, bool last) { return std::make_shared<GatLayer>(11, out, heads, last, 0.6); }, Model::gat,
       [](const Layer& layer, const at::Tensor& a, const at::Tensor& x, bool last) {
         const at::Tensor there = at::logical_or(a.ne(0), at::eye(a.size(0), at::kDouble).ne(0));
         const at::Tensor to = parameter(layer, "to"), from = parameter(layer, "from");
         const std::int64_t out = to.size(1);
         std::vector<at::Tensor> all;
         for (std::int64_t h = 0; h < heads; ++h) {
           const at::Tensor z = at::mm(x, parameter(layer, "weight")).narrow(1, h * out, out);
           const at::Tensor e = at::mv(z, to[h]).unsqueeze(1) + at::mv(z, from[h]).unsqueeze(0);
           const at::Tensor score = at::where(e > 0, e, 0.2 * e).masked_fill(at::logical_not(there), -INFINITY);
           all.push_back(at::mm(at::softmax(score, 1), z));
         }
         if (last) return at::stack(all).mean(0) + parameter(layer, "bias");
         const at::Tensor y = at::cat(all, 1) + parameter(layer, "bias");
         return at::where(y > 0, y, at::exp(y) - 1);
       });
}

TEST(Layers, Gin) {
  hold([](std::int64_t out, bool last) { return std::make_shared<GinLayer>(11, 8, out, last); }, Model::gin,
       [](const Layer& layer, const at::Tensor& a, const at::Tensor& x, bool last) {
         const auto norm = [&](const at::Tensor& h, const std::string& name) {  // of mean 0 and variance 1
           return h / std::sqrt(1 + 1e-5) * parameter(layer, name + ".weight") + parameter(layer, name + ".bias");
         };
         const at::Tensor sum = parameter(layer, "self") * x + at::mm(a, x);
         const at::Tensor h = at::mm(sum, parameter(layer, "first")) + parameter(layer, "first_bias");
         const at::Tensor y =
             at::mm(at::relu(norm(h, "inner")), parameter(layer, "second")) + parameter(layer, "second_bias");
         return last ? y : at::relu(norm(y, "outer"));
       });
}

TEST(Layers, BatchNormNormalisesOverTheBatch) {
  BatchNorm norm(3);
  const at::Tensor x = at::randn({50, 3}) * 4 + 2;
  const at::Tensor y = norm.forward(x);
  EXPECT_LT(y.mean(0).abs().max().item<double>(), 1e-5);
  EXPECT_LT((y.pow(2).mean(0) - 1).abs().max().item<double>(), 1e-3);
  EXPECT_TRUE(norm.forward(x.narrow(0, 0, 1)).isfinite().all().item<bool>());
}

TEST(Layers, DropoutOfSparseFeaturesKeepsTheMean) {
  const Case c = cases().back();
  const Features x = c.as_sparse();
  at::manual_seed(1);
  at::Tensor sum = at::zeros({x.sparse->nonzeros()}, at::kFloat);
  constexpr int trials = 4000;
  for (int i = 0; i < trials; ++i) sum += dropout(x, 0.25, true).values;
  const at::Tensor own = at::tensor(c.features.weight);
  EXPECT_LT((sum / trials - own).abs().max().item<double>(), 0.12);
  EXPECT_FALSE(dropout(x, 0.25, false).values.defined());
}

}  // namespace
}  // namespace pare::graph
