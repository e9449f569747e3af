// Pieces of a network that a stage is made of, with their gradients in two parts.
#pragma once
#include <memory>
#include <vector>

#include "communicator.h"
#include "compute.h"
#include "parameters.h"
#include "settings.h"

namespace pare::cluster::trainer {

/// What is learned: for each token the next word, from the word or from random features.
struct MicroBatch {
  at::Tensor tokens, targets;  // [rows] int64
  at::Tensor features;         // [rows, hidden], for a perceptron
};

MicroBatch micro_batch(const Settings& settings, const Place& place, int index);

/// What the pieces of a rank share.
struct Rank {
  const Settings& settings;
  Place place;
  Compute& compute;
  Communicator& others;
  Parameters& parameters;
  std::vector<MicroBatch> data;  // by micro-batch
  double loss = 0;               // sum over the tokens of the micro-batches since it was last cleared

  std::int64_t samples() const { return settings.strategy.micro_batch; }
  std::int64_t rows() const { return samples() * settings.network.sequence; }
  const MicroBatch& at(int micro_batch) const { return data[static_cast<std::size_t>(micro_batch)]; }
};

/// Keeps what each micro-batch needs from forward to weight.
class Layer {
 public:
  virtual ~Layer() = default;
  /// x: [rows, hidden], undefined for the first; undefined from the last, which ends in the loss.
  virtual at::Tensor forward(int micro_batch, const at::Tensor& x) = 0;
  /// The gradient of x from that of the output.
  virtual at::Tensor backward(int micro_batch, const at::Tensor& dy) = 0;
  /// Adds the gradients of the weights, which backward left.
  virtual void weight(int micro_batch) = 0;
};

/// A matrix and its bias.
struct Matrix {
  std::size_t weight = 0, bias = 0;
};

std::unique_ptr<Layer> make_embedding(Rank& rank);
std::unique_ptr<Layer> make_block(Rank& rank, std::int64_t index);
std::unique_ptr<Layer> make_head(Rank& rank);

std::unique_ptr<Layer> make_features(Rank& rank);
std::unique_ptr<Layer> make_perceptron(Rank& rank, std::int64_t index);

/// The pieces of the rank's stage, as pare divides the network.
std::vector<std::unique_ptr<Layer>> make_stage(Rank& rank);

}  // namespace pare::cluster::trainer
