// A decoder as GPT-2 has them, spread over tensor ranks as Megatron-LM does (Shoeybi et al. 2019).
#include <fmt/format.h>

#include "layer.h"

namespace pare::cluster::trainer {
namespace {

using Start = Parameters::Start;

class Embedding : public Layer {
 public:
  explicit Embedding(Rank& rank) : r_(rank) {
    const Transformer& t = r_.settings.network;
    words_ = r_.parameters.add("words", {t.vocabulary, t.hidden}, 0, Start::normal);
    positions_ = r_.parameters.add("positions", {t.positions, t.hidden}, -1, Start::normal);
    first_ = r_.place.tensor * t.vocabulary / r_.settings.strategy.tensor;
  }

  at::Tensor forward(int micro_batch, const at::Tensor&) override {
    at::Tensor x = r_.compute.embed(r_.at(micro_batch).tokens, r_.parameters.value(words_), first_);
    r_.others.sum_tensor(x);
    return r_.compute.add_positions(x, r_.parameters.value(positions_), r_.samples());
  }

  at::Tensor backward(int micro_batch, const at::Tensor& dy) override {
    gradients_[micro_batch] = dy;
    return {};
  }

  void weight(int micro_batch) override {
    const at::Tensor dy = gradients_.extract(micro_batch).mapped();
    r_.compute.embed_weight(dy, r_.at(micro_batch).tokens, first_, r_.parameters.gradient(words_));
    r_.compute.add_positions_weight(dy, r_.parameters.gradient(positions_), r_.samples());
  }

 private:
  Rank& r_;
  std::size_t words_, positions_;
  std::int64_t first_;  // word of this rank
  std::map<int, at::Tensor> gradients_;
};

class Block : public Layer {
 public:
  Block(Rank& rank, std::int64_t index)
      : r_(rank), heads_(rank.settings.network.heads / rank.settings.strategy.tensor) {
    const std::int64_t h = r_.settings.network.hidden, f = r_.settings.network.feed_forward;
    const auto add = [&](const char* name, std::vector<std::int64_t> shape, int split, Start start) {
      return r_.parameters.add(fmt::format("layer {} {}", index, name), std::move(shape), split, start);
    };
    // the first matrix of a pair has its columns spread, the second its rows
    norm_[0] = {add("norm 1 weight", {h}, -1, Start::ones), add("norm 1 bias", {h}, -1, Start::zeros)};
    qkv_ = {add("qkv weight", {3, h, h}, 1, Start::normal), add("qkv bias", {3, h}, 1, Start::zeros)};
    projection_ = {add("projection weight", {h, h}, 1, Start::normal), add("projection bias", {h}, -1, Start::zeros)};
    norm_[1] = {add("norm 2 weight", {h}, -1, Start::ones), add("norm 2 bias", {h}, -1, Start::zeros)};
    up_ = {add("up weight", {f, h}, 0, Start::normal), add("up bias", {f}, 0, Start::zeros)};
    down_ = {add("down weight", {h, f}, 1, Start::normal), add("down bias", {h}, -1, Start::zeros)};
  }

  at::Tensor forward(int micro_batch, const at::Tensor& x) override {
    Saved& s = saved_[micro_batch];
    s.x = x;
    s.norm[0] = normalise(x, norm_[0]);
    s.qkv = r_.compute.linear(s.norm[0].y, flat(value(qkv_.weight)), value(qkv_.bias).flatten());
    s.attended = r_.compute.attend(s.qkv, r_.samples(), heads_);
    s.middle = add_to(x, s.attended.y, projection_);
    s.norm[1] = normalise(s.middle, norm_[1]);
    s.up = r_.compute.linear(s.norm[1].y, value(up_.weight), value(up_.bias));
    s.active = r_.compute.gelu(s.up);
    return add_to(s.middle, s.active, down_);
  }

  at::Tensor backward(int micro_batch, const at::Tensor& dy) override {
    Saved& s = saved_.at(micro_batch);
    s.dy = dy;
    s.dup = r_.compute.gelu_backward(r_.compute.linear_backward(dy, value(down_.weight)), s.up);
    s.dmiddle = through_norm(r_.compute.linear_backward(s.dup, value(up_.weight)), s.middle, s.norm[1], norm_[1], dy);
    s.dqkv = r_.compute.attend_backward(r_.compute.linear_backward(s.dmiddle, value(projection_.weight)), s.qkv,
                                        s.attended, r_.samples(), heads_);
    return through_norm(r_.compute.linear_backward(s.dqkv, flat(value(qkv_.weight))), s.x, s.norm[0], norm_[0],
                        s.dmiddle);
  }

  void weight(int micro_batch) override {
    const Saved s = saved_.extract(micro_batch).mapped();
    weight_of(s.dy, s.active, down_);
    weight_of(s.dup, s.norm[1].y, up_);
    weight_of(s.dmiddle, s.attended.y, projection_);
    r_.compute.linear_weight(s.dqkv, s.norm[0].y, flat(gradient(qkv_.weight)), gradient(qkv_.bias).flatten());
  }

 private:
  struct Saved {
    at::Tensor x, qkv, middle, up, active;
    kernel::Normalised norm[2];
    kernel::Attended attended;
    at::Tensor dy, dup, dmiddle, dqkv;
  };

  const at::Tensor& value(std::size_t i) const { return r_.parameters.value(i); }
  const at::Tensor& gradient(std::size_t i) const { return r_.parameters.gradient(i); }
  /// Queries, keys and values as one matrix.
  static at::Tensor flat(const at::Tensor& qkv) { return qkv.flatten(0, 1); }

  kernel::Normalised normalise(const at::Tensor& x, const Matrix& norm) {
    return r_.compute.normalise(x, value(norm.weight), value(norm.bias));
  }

  /// x + y W^T + bias, y and W spread over the tensor ranks.
  at::Tensor add_to(const at::Tensor& x, const at::Tensor& y, const Matrix& matrix) {
    const at::Tensor sum = r_.compute.linear(y, value(matrix.weight), {});
    r_.others.sum_tensor(sum);
    return r_.compute.residual(x, sum, value(matrix.bias));
  }

  /// Back through a normalisation that a residual connection goes around; dy: this rank's part of the sum.
  at::Tensor through_norm(const at::Tensor& dy, const at::Tensor& x, const kernel::Normalised& saved,
                          const Matrix& norm, const at::Tensor& around) {
    r_.others.sum_tensor(dy);
    const at::Tensor dx = r_.compute.normalise_backward(dy, x, saved, value(norm.weight), value(norm.bias),
                                                        gradient(norm.weight), gradient(norm.bias));
    return r_.compute.residual_backward(dx, around);
  }

  void weight_of(const at::Tensor& dy, const at::Tensor& x, const Matrix& matrix) {
    r_.compute.linear_weight(dy, x, gradient(matrix.weight), gradient(matrix.bias));
  }

  Rank& r_;
  std::int64_t heads_;  // of this rank
  Matrix norm_[2], qkv_, projection_, up_, down_;
  std::map<int, Saved> saved_;
};

/// Normalisation, logits, cross-entropy over words that are spread over the tensor ranks.
class Head : public Layer {
 public:
  explicit Head(Rank& rank) : r_(rank) {
    const Transformer& t = r_.settings.network;
    norm_ = {r_.parameters.add("last norm weight", {t.hidden}, -1, Start::ones),
             r_.parameters.add("last norm bias", {t.hidden}, -1, Start::zeros)};
    words_ = r_.parameters.add("head", {t.vocabulary, t.hidden}, 0, Start::normal);
    first_ = r_.place.tensor * t.vocabulary / r_.settings.strategy.tensor;
  }

  at::Tensor forward(int micro_batch, const at::Tensor& x) override {
    Saved& s = saved_[micro_batch];
    s.x = x;
    s.norm = r_.compute.normalise(x, r_.parameters.value(norm_.weight), r_.parameters.value(norm_.bias));
    const at::Tensor logits = r_.compute.linear(s.norm.y, r_.parameters.value(words_), {});
    const at::Tensor most = r_.compute.loss_most(logits);
    r_.others.most_tensor(most);
    s.exponents = r_.compute.loss_exponents(logits, most, r_.at(micro_batch).targets, first_);
    r_.others.sum_tensor(s.exponents.sums);
    if (!r_.compute.sleeping()) r_.loss += kernel::loss_value(s.exponents);
    return {};
  }

  at::Tensor backward(int micro_batch, const at::Tensor&) override {
    Saved& s = saved_.at(micro_batch);
    const double tokens = static_cast<double>(r_.settings.strategy.batch * r_.settings.network.sequence);
    s.dlogits = r_.compute.loss_backward(s.exponents, r_.at(micro_batch).targets, first_, 1 / tokens);
    const at::Tensor dy = r_.compute.linear_backward(s.dlogits, r_.parameters.value(words_));
    r_.others.sum_tensor(dy);
    return r_.compute.normalise_backward(dy, s.x, s.norm, r_.parameters.value(norm_.weight),
                                         r_.parameters.value(norm_.bias), r_.parameters.gradient(norm_.weight),
                                         r_.parameters.gradient(norm_.bias));
  }

  void weight(int micro_batch) override {
    const Saved s = saved_.extract(micro_batch).mapped();
    r_.compute.linear_weight(s.dlogits, s.norm.y, r_.parameters.gradient(words_), {});
  }

 private:
  struct Saved {
    at::Tensor x, dlogits;
    kernel::Normalised norm;
    kernel::Exponents exponents;
  };

  Rank& r_;
  Matrix norm_;
  std::size_t words_;
  std::int64_t first_;
  std::map<int, Saved> saved_;
};

}  // namespace

std::unique_ptr<Layer> make_embedding(Rank& rank) { return std::make_unique<Embedding>(rank); }
std::unique_ptr<Layer> make_block(Rank& rank, std::int64_t index) { return std::make_unique<Block>(rank, index); }
std::unique_ptr<Layer> make_head(Rank& rank) { return std::make_unique<Head>(rank); }

}  // namespace pare::cluster::trainer
