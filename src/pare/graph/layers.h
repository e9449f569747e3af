// Layers of networks on graphs. Parameters are float32.
#pragma once
#include <torch/nn/module.h>

#include <memory>
#include <vector>

#include "pare/graph/operators.h"
#include "pare/graph/train_options.h"

namespace pare::graph {

/// Features of vertices: a dense matrix, or a sparse one (bags of words), which is multiplied as such.
struct Features {
  at::Tensor dense;   // [vertices, width] float32, or
  Matrix sparse;      // [vertices, width]
  at::Tensor values;  // [nonzeros of sparse] float32; undefined: the matrix's own

  std::int64_t vertices() const { return dense.defined() ? dense.size(0) : sparse->rows(); }
  std::int64_t width() const { return dense.defined() ? dense.size(1) : sparse->columns(); }
};
/// Features zeroed with that probability, the others scaled to make up for it.
Features dropout(const Features& x, double probability, bool training);
/// x · w, w: [width, out].
at::Tensor product(const Features& x, const at::Tensor& w);

/// What one layer gathers over.
struct Hop {
  Matrix graph;                        // rows: the vertices that come out, which are the first of those that go in
  at::Tensor row_scale, column_scale;  // of GCN: 1 over the square root of the degrees; else undefined
};

/// The matrix that a model gathers over: GCN's and GAT's have self loops.
Adjacency matrix_for(Model model, const Adjacency& adjacency);
/// [vertices]: 1 over the square root of each row's sum, 0 where that is not positive. D^-1/2 of Kipf and Welling.
at::Tensor degree_scale(const Adjacency& with_self_loops);

/// `last`, when layers are made: no nonlinearity follows.
class Layer : public torch::nn::Module {
 public:
  /// [targets, out]
  virtual at::Tensor forward(const Hop& hop, const Features& x) = 0;
};

/// Kipf and Welling 2017. Multiplies by the weights first where that is narrower.
class GcnLayer : public Layer {
 public:
  GcnLayer(std::int64_t in, std::int64_t out, bool last);
  at::Tensor forward(const Hop& hop, const Features& x) override;

 private:
  std::int64_t out_;
  bool last_;
  at::Tensor weight_, bias_;
};

/// Hamilton, Ying, Leskovec 2017: own features and the neighbours' mean, or the maximum of what a layer makes of each.
class SageLayer : public Layer {
 public:
  SageLayer(std::int64_t in, std::int64_t out, bool maximum, bool last);
  at::Tensor forward(const Hop& hop, const Features& x) override;

 private:
  std::int64_t out_;
  bool last_;
  at::Tensor own_, neighbours_, bias_, pool_, pool_bias_;
};

/// Veličković et al. 2018: heads side by side, of the last layer averaged. `dropout` is of the attention and of what it
/// weighs.
class GatLayer : public Layer {
 public:
  GatLayer(std::int64_t in, std::int64_t out, std::int64_t heads, bool last, double dropout);
  at::Tensor forward(const Hop& hop, const Features& x) override;

 private:
  std::int64_t out_, heads_;
  bool last_;
  double dropout_;
  at::Tensor weight_, to_, from_, bias_;
};

/// Normalisation over the vertices of a batch (Ioffe and Szegedy 2015).
class BatchNorm : public torch::nn::Module {
 public:
  explicit BatchNorm(std::int64_t width);
  at::Tensor forward(const at::Tensor& x);

 private:
  at::Tensor weight_, bias_, mean_, variance_;
};

/// Xu et al. 2019: (1 + eps) · own + sum of neighbours, then two layers of a perceptron; eps is learnt. The first of
/// them is linear, so it goes before the sum.
class GinLayer : public Layer {
 public:
  GinLayer(std::int64_t in, std::int64_t hidden, std::int64_t out, bool last);
  at::Tensor forward(const Hop& hop, const Features& x) override;

 private:
  at::Tensor self_, first_, first_bias_, second_, second_bias_;
  std::shared_ptr<BatchNorm> inner_, outer_;
};

struct NetworkOptions {
  Model model = Model::gcn;
  std::int64_t in = 0, hidden = 16, out = 0;
  int layers = 2;
  int heads = 8;         // GAT; of the last layer: 1
  bool maximum = false;  // SAGE
  double dropout = 0.5;
};

/// Layers one after the other, dropout before each.
class Network : public torch::nn::Module {
 public:
  explicit Network(const NetworkOptions& options);
  /// hops: one a layer. Returns [targets of the last, out], without softmax.
  at::Tensor forward(const std::vector<Hop>& hops, const Features& x);

 private:
  NetworkOptions options_;
  std::vector<std::shared_ptr<Layer>> layers_;
};

/// GIN for whole graphs: `layers` - 1 GIN layers; features of every depth are summed over each graph, multiplied, and
/// added up.
class GraphNetwork : public torch::nn::Module {
 public:
  explicit GraphNetwork(const NetworkOptions& options);
  /// sums: [graphs, vertices], ones. Returns [graphs, out].
  at::Tensor forward(const Hop& hop, const Matrix& sums, const Features& x);

 private:
  NetworkOptions options_;
  std::vector<std::shared_ptr<GinLayer>> layers_;
  std::vector<at::Tensor> readouts_, biases_;
};

}  // namespace pare::graph
