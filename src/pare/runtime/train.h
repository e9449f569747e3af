// Training of a network by gradient descent.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "pare/io/dataset.h"
#include "pare/runtime/executor.h"

namespace pare::runtime {

struct TrainOptions {
  int epochs = 1;
  double learning_rate = 1e-3;
  std::size_t batch = 64;
  std::uint64_t seed = 0;
  bool mirror = true;  // images may be mirrored (not so digits or text)
  /// Parameters that are steps of quantisers, by name, with a factor on their gradient; they get no weight decay and
  /// stay positive.
  std::map<std::string, double> gradient_scale;
  /// A network whose answers on the same inputs are learned beside the labels, or none: half the loss is the divergence
  /// of the two networks' distributions (Hinton et al. 2015, temperature 1).
  const Executor* teacher = nullptr;
};

struct Epoch {
  double loss = 0;             // mean over the epoch's samples
  double accuracy = 0;         // top 1 on the validation samples, per cent
  double validation_loss = 0;  // cross-entropy on them, nats
};

struct Trained {
  std::vector<Epoch> epochs;  // epochs[0] is before training
  std::size_t best = 0;       // the epoch of least validation loss, steadier than accuracy on so few samples
};

/// Trains the parameters of a trainable executor in place and leaves in them their running mean over about an epoch of
/// steps, as it was after the best epoch. A tenth of the samples, at most 1000, are held back for validation; images
/// [channels, height, width] are mirrored and shifted by up to an eighth at random; SGD with momentum 0.9, weight decay
/// 1e-4 and a cosine rate; loss: cross-entropy of the first output, halved where a teacher gives the other half. Throws
/// Error where there are no labels, or when the loss is no longer finite.
Trained train(Executor& network, const io::Dataset& data, const TrainOptions& options);

}  // namespace pare::runtime
