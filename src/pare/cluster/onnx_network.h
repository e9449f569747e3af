// A network out of an ONNX file, as its training is predicted.
#pragma once
#include <vector>

#include "pare/cluster/layer.h"
#include "pare/model/model.h"

namespace pare::cluster {

/// Its parts are what lies between two places where a single tensor with a gradient crosses: a stage of a pipeline may
/// end there. What has no gradient (masks, positions) every stage makes for itself. Values that the model's
/// FakeQuantize nodes round are kept and sent in their format, weights too; products still run in the strategy's
/// precision.
class OnnxNetwork : public Network {
 public:
  /// A model as read, or with a recipe applied in its trainable form. tokens: of a text where the file leaves it open.
  /// Throws Error naming the node that cannot be predicted.
  explicit OnnxNetwork(const model::Model& model, std::int64_t tokens);

  std::int64_t parameters() const override { return parameters_; }
  double model_flops() const override { return flops_; }
  std::int64_t tokens() const override { return tokens_; }
  std::int64_t depth() const override { return static_cast<std::int64_t>(pieces_.size()); }
  std::int64_t most_stages() const override { return depth(); }
  bool shares(int tensor) const override { return tensor == 1; }
  /// Layers are not shared by devices: replicas and pipelines only.
  void check(const Strategy& strategy) const override;
  Parts parts(const Strategy& strategy) const override;

 private:
  struct Size {
    double elements = 0;  // that take the strategy's width
    double bytes = 0;     // of those in formats of their own
    Size& operator+=(const Size& other) {
      elements += other.elements;
      bytes += other.bytes;
      return *this;
    }
  };
  struct Repeated {
    Operation operation;    // of one sample
    bool by_sample = true;  // false: once a pass, on weights
  };
  struct Piece {
    std::string name;
    std::vector<Repeated> forward, backward, weight;
    double parameters = 0;
    int tensors = 0;                                 // that they are made of
    double narrow_parameters = 0, narrow_bytes = 0;  // of those in a format of their own, and what they take
    double outputs = 0;                              // elements that the loss reads
    Size kept, boundary;                             // of one sample
  };

  class Builder;
  static std::vector<Operation> operations(const std::vector<Repeated>& list, const Strategy& strategy);

  std::vector<Piece> pieces_;
  std::int64_t parameters_ = 0, tokens_ = 0;
  double flops_ = 0;
};

}  // namespace pare::cluster
