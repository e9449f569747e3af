#include "pare/graph/layers.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <torch/nn/init.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "pare/base/parallel.h"
#include "pare/base/random.h"
#include "pare/graph/gcn.h"

namespace pare::graph {
namespace {

using torch::nn::init::uniform_;
using torch::nn::init::xavier_uniform_;

at::Tensor glorot(std::int64_t in, std::int64_t out) { return xavier_uniform_(at::empty({in, out}, at::kFloat)); }
at::Tensor zeros(std::int64_t width) { return at::zeros({width}, at::kFloat); }

/// As torch's linear layers begin.
at::Tensor fan_in(std::int64_t in, at::IntArrayRef shape) {
  const double bound = 1 / std::sqrt(static_cast<double>(in));
  return uniform_(at::empty(shape, at::kFloat), -bound, bound);
}

/// Zeros with that probability, else what makes up for them. Ten times as fast as torch's own draws; the seed is
/// torch's.
at::Tensor dropout_mask(at::IntArrayRef sizes, double probability) {
  at::Tensor mask = at::empty(sizes, at::kFloat);
  const auto seed = static_cast<std::uint64_t>(
      at::randint(std::numeric_limits<std::int64_t>::max(), {1}, at::kLong).item<std::int64_t>());
  const auto limit = static_cast<std::uint32_t>(std::min(probability * 0x1p32, 0x1p32 - 1));
  const auto scale = static_cast<float>(1 / (1 - probability));
  float* out = mask.data_ptr<float>();
  const std::int64_t n = mask.numel();
  constexpr std::int64_t run = 8192;  // with a stream of its own: the same for any number of threads
  parallel_for(static_cast<std::size_t>((n + run - 1) / run), [&](std::size_t block) {
    Random random(Random(seed ^ block)());
    const std::int64_t first = static_cast<std::int64_t>(block) * run, last = std::min(n, first + run);
    for (std::int64_t i = first; i < last; i += 2) {
      const std::uint64_t both = random();
      out[i] = static_cast<std::uint32_t>(both) < limit ? 0 : scale;
      if (i + 1 < last) out[i + 1] = static_cast<std::uint32_t>(both >> 32) < limit ? 0 : scale;
    }
  });
  return mask;
}

at::Tensor dropped(const at::Tensor& x, double probability, bool training) {
  return training && probability > 0 ? x * dropout_mask(x.sizes(), probability) : x;
}

/// Features of the vertices that come out.
Features targets_of(const Hop& hop, const Features& x) {
  if (hop.graph->rows() == x.vertices()) return x;
  if (x.dense.defined()) return {x.dense.narrow(0, 0, hop.graph->rows()), {}, {}};
  const Adjacency& all = x.sparse->matrix();
  const std::int64_t rows = hop.graph->rows(), edges = all.begin[static_cast<std::size_t>(rows)];
  Adjacency first;
  first.columns = all.columns;
  first.begin.assign(all.begin.begin(), all.begin.begin() + rows + 1);
  first.column.assign(all.column.begin(), all.column.begin() + edges);
  if (!all.weight.empty()) first.weight.assign(all.weight.begin(), all.weight.begin() + edges);
  return {{},
          c10::make_intrusive<Propagation>(std::move(first), Propagation::Kernels::plain),
          x.values.defined() ? x.values.narrow(0, 0, edges) : at::Tensor()};
}

at::Tensor targets_of(const Hop& hop, const at::Tensor& x) { return x.narrow(0, 0, hop.graph->rows()); }

bool multiply_first(const Features& x, std::int64_t out) { return x.sparse || out <= x.width(); }

SumOptions scales(const Hop& hop) {
  SumOptions o;
  o.row_scale = hop.row_scale;
  o.column_scale = hop.column_scale;
  return o;
}

}  // namespace

Features dropout(const Features& x, double probability, bool training) {
  if (!training || probability == 0) return x;
  if (x.dense.defined()) return {dropped(x.dense, probability, true), {}, {}};
  at::Tensor values = x.values;
  if (!values.defined()) {
    const auto& own = x.sparse->matrix().weight;
    values = own.empty() ? at::ones({x.sparse->nonzeros()}, at::kFloat)
                         : at::from_blob(const_cast<float*>(own.data()), {x.sparse->nonzeros()}, at::kFloat);
  }
  return {{}, x.sparse, dropped(values, probability, true)};
}

at::Tensor product(const Features& x, const at::Tensor& w) {
  if (x.dense.defined()) return at::mm(x.dense, w);
  SumOptions o;
  o.edge = x.values;
  return aggregate_sum(x.sparse, w, o);
}

Adjacency matrix_for(Model model, const Adjacency& adjacency) {
  return model == Model::gcn || model == Model::gat ? with_self_loops(adjacency) : adjacency;
}

at::Tensor degree_scale(const Adjacency& a) {
  const std::vector<float> scales = degree_scales(a);
  at::Tensor scale = at::empty({a.rows()}, at::kFloat);
  std::ranges::copy(scales, scale.data_ptr<float>());
  return scale;
}

GcnLayer::GcnLayer(std::int64_t in, std::int64_t out, bool last) : out_(out), last_(last) {
  weight_ = register_parameter("weight", glorot(in, out));
  bias_ = register_parameter("bias", zeros(out_));
}

at::Tensor GcnLayer::forward(const Hop& hop, const Features& x) {
  SumOptions o = scales(hop);
  if (multiply_first(x, out_)) {
    o.bias = bias_;
    o.relu = !last_;
    return aggregate_sum(hop.graph, product(x, weight_), o);
  }
  const at::Tensor y = at::addmm(bias_, aggregate_sum(hop.graph, x.dense, o), weight_);
  return last_ ? y : at::relu(y);
}

SageLayer::SageLayer(std::int64_t in, std::int64_t out, bool maximum, bool last) : out_(out), last_(last) {
  own_ = register_parameter("own", glorot(in, out));
  neighbours_ = register_parameter("neighbours", glorot(maximum ? out : in, out));
  bias_ = register_parameter("bias", zeros(out));
  if (!maximum) return;
  pool_ = register_parameter("pool", glorot(in, out));
  pool_bias_ = register_parameter("pool_bias", zeros(out));
}

at::Tensor SageLayer::forward(const Hop& hop, const Features& x) {
  if (pool_.defined()) {
    const at::Tensor most = aggregate_max(hop.graph, at::relu(product(x, pool_) + pool_bias_));
    const at::Tensor y = product(targets_of(hop, x), own_) + at::addmm(bias_, most, neighbours_);
    return last_ ? y : at::relu(y);
  }
  if (multiply_first(x, out_)) {
    SumOptions o;
    o.own = product(targets_of(hop, x), own_);
    o.bias = bias_;
    o.relu = !last_;
    return aggregate_mean(hop.graph, product(x, neighbours_), o);
  }
  const at::Tensor y =
      at::addmm(bias_, targets_of(hop, x.dense), own_) + at::mm(aggregate_mean(hop.graph, x.dense), neighbours_);
  return last_ ? y : at::relu(y);
}

GatLayer::GatLayer(std::int64_t in, std::int64_t out, std::int64_t heads, bool last, double dropout)
    : out_(out), heads_(heads), last_(last), dropout_(dropout) {
  weight_ = register_parameter("weight", glorot(in, heads * out));
  // one vector of 2 · out a head, as the paper has it, in two halves
  const double bound = std::sqrt(6.0 / static_cast<double>(2 * out + 1));
  to_ = register_parameter("to", uniform_(at::empty({heads, out}, at::kFloat), -bound, bound));
  from_ = register_parameter("from", uniform_(at::empty({heads, out}, at::kFloat), -bound, bound));
  bias_ = register_parameter("bias", zeros(last ? out : heads * out));
}

at::Tensor GatLayer::forward(const Hop& hop, const Features& x) {
  const at::Tensor h = product(x, weight_);
  const auto score = [&](const at::Tensor& of, const at::Tensor& a) {
    return (of.view({-1, heads_, out_}) * a).sum(2);  // [vertices, heads]
  };
  const at::Tensor scores = at::leaky_relu(edge_sums(hop.graph, score(targets_of(hop, h), to_), score(h, from_)), 0.2);
  SumOptions o;
  o.edge = dropped(edge_softmax(hop.graph, scores), dropout_, is_training());
  const at::Tensor gathered = dropped(h, dropout_, is_training());
  if (!last_) {
    o.bias = bias_;
    return at::elu(aggregate_sum(hop.graph, gathered, o));
  }
  const at::Tensor y = aggregate_sum(hop.graph, gathered, o);
  return (heads_ == 1 ? y : y.view({-1, heads_, out_}).mean(1)) + bias_;
}

BatchNorm::BatchNorm(std::int64_t width) {
  weight_ = register_parameter("weight", at::ones({width}, at::kFloat));
  bias_ = register_parameter("bias", zeros(width));
  mean_ = register_buffer("mean", zeros(width));
  variance_ = register_buffer("variance", at::ones({width}, at::kFloat));
}

at::Tensor BatchNorm::forward(const at::Tensor& x) {
  // one vertex alone has no variance
  const bool own_statistics = is_training() && x.size(0) > 1;
  return at::batch_norm(x, weight_, bias_, mean_, variance_, own_statistics, 0.1, 1e-5, false);
}

GinLayer::GinLayer(std::int64_t in, std::int64_t hidden, std::int64_t out, bool last) {
  self_ = register_parameter("self", at::ones({1}, at::kFloat));
  first_ = register_parameter("first", fan_in(in, {in, hidden}));
  first_bias_ = register_parameter("first_bias", fan_in(in, {hidden}));
  second_ = register_parameter("second", fan_in(hidden, {hidden, out}));
  second_bias_ = register_parameter("second_bias", fan_in(hidden, {out}));
  inner_ = register_module("inner", std::make_shared<BatchNorm>(hidden));
  if (!last) outer_ = register_module("outer", std::make_shared<BatchNorm>(out));
}

at::Tensor GinLayer::forward(const Hop& hop, const Features& x) {
  SumOptions o;
  o.self = self_;
  at::Tensor h;
  if (multiply_first(x, first_.size(1))) {
    const at::Tensor z = product(x, first_);
    o.own = targets_of(hop, z);
    o.bias = first_bias_;
    h = aggregate_sum(hop.graph, z, o);
  } else {
    o.own = targets_of(hop, x.dense);
    h = at::addmm(first_bias_, aggregate_sum(hop.graph, x.dense, o), first_);
  }
  h = at::addmm(second_bias_, at::relu(inner_->forward(h)), second_);
  return outer_ ? at::relu(outer_->forward(h)) : h;
}

Network::Network(const NetworkOptions& options) : options_(options) {
  std::int64_t in = options.in;
  for (int i = 0; i < options.layers; ++i) {
    const bool last = i + 1 == options.layers;
    std::int64_t out = last ? options.out : options.hidden;
    std::shared_ptr<Layer> layer;
    switch (options.model) {
      case Model::gcn: layer = std::make_shared<GcnLayer>(in, out, last); break;
      case Model::sage: layer = std::make_shared<SageLayer>(in, out, options.maximum, last); break;
      case Model::gin: layer = std::make_shared<GinLayer>(in, options.hidden, out, last); break;
      case Model::gat: {
        const std::int64_t heads = last ? 1 : options.heads;
        layer = std::make_shared<GatLayer>(in, out, heads, last, options.dropout);
        out *= heads;
        break;
      }
    }
    layers_.push_back(register_module(std::to_string(i), layer));
    in = out;
  }
}

at::Tensor Network::forward(const std::vector<Hop>& hops, const Features& x) {
  Features h = x;
  for (std::size_t i = 0; i < layers_.size(); ++i)
    h = {layers_[i]->forward(hops[i], dropout(h, options_.dropout, is_training())), {}, {}};
  return h.dense;
}

GraphNetwork::GraphNetwork(const NetworkOptions& options) : options_(options) {
  std::int64_t in = options.in;
  for (int i = 0; i < options.layers; ++i) {
    const std::string name = std::to_string(i);
    readouts_.push_back(register_parameter("readout" + name, fan_in(in, {in, options.out})));
    biases_.push_back(register_parameter("readout_bias" + name, fan_in(in, {options.out})));
    if (i + 1 == options.layers) break;
    layers_.push_back(register_module(name, std::make_shared<GinLayer>(in, options.hidden, options.hidden, false)));
    in = options.hidden;
  }
}

at::Tensor GraphNetwork::forward(const Hop& hop, const Matrix& sums, const Features& x) {
  Features h = x;
  at::Tensor score;
  for (std::size_t i = 0; i < readouts_.size(); ++i) {
    // sums of products are products of sums, and the narrower of both is summed
    const at::Tensor own = aggregate_sum(sums, product(h, readouts_[i])) + biases_[i];
    const at::Tensor kept = dropped(own, options_.dropout, is_training());
    score = score.defined() ? score + kept : kept;
    if (i < layers_.size()) h = {layers_[i]->forward(hop, h), {}, {}};
  }
  return score;
}

}  // namespace pare::graph
