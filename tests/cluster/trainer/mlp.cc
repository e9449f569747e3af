// A multilayer perceptron: blocks of a square matrix and ReLU between random features and GPT's head.
#include <fmt/format.h>

#include "layer.h"

namespace pare::cluster::trainer {
namespace {

using Start = Parameters::Start;

/// What the first layer reads: it learns nothing.
class Features : public Layer {
 public:
  explicit Features(Rank& rank) : r_(rank) {}
  at::Tensor forward(int micro_batch, const at::Tensor&) override { return r_.at(micro_batch).features; }
  at::Tensor backward(int, const at::Tensor&) override { return {}; }
  void weight(int) override {}

 private:
  Rank& r_;
};

class Perceptron : public Layer {
 public:
  Perceptron(Rank& rank, std::int64_t index) : r_(rank) {
    const std::int64_t h = r_.settings.network.hidden;
    matrix_ = {r_.parameters.add(fmt::format("layer {} weight", index), {h, h}, -1, Start::normal),
               r_.parameters.add(fmt::format("layer {} bias", index), {h}, -1, Start::zeros)};
  }

  at::Tensor forward(int micro_batch, const at::Tensor& x) override {
    Saved& s = saved_[micro_batch];
    s.x = x;
    s.y = r_.compute.relu(r_.compute.linear(x, r_.parameters.value(matrix_.weight), r_.parameters.value(matrix_.bias)));
    return s.y;
  }

  at::Tensor backward(int micro_batch, const at::Tensor& dy) override {
    Saved& s = saved_.at(micro_batch);
    s.dlinear = r_.compute.relu_backward(dy, s.y);
    return r_.compute.linear_backward(s.dlinear, r_.parameters.value(matrix_.weight));
  }

  void weight(int micro_batch) override {
    const Saved s = saved_.extract(micro_batch).mapped();
    r_.compute.linear_weight(s.dlinear, s.x, r_.parameters.gradient(matrix_.weight),
                             r_.parameters.gradient(matrix_.bias));
  }

 private:
  struct Saved {
    at::Tensor x, y, dlinear;
  };

  Rank& r_;
  Matrix matrix_;
  std::map<int, Saved> saved_;
};

}  // namespace

std::unique_ptr<Layer> make_features(Rank& rank) { return std::make_unique<Features>(rank); }
std::unique_ptr<Layer> make_perceptron(Rank& rank, std::int64_t index) {
  return std::make_unique<Perceptron>(rank, index);
}

}  // namespace pare::cluster::trainer
