// What a user can ask of quantisation.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "pare/number/tensor_codec.h"

namespace pare::quantize {

/// How formats, windows and correction are chosen. tensor: the paper's rule, least squared error tensor by tensor in
/// the published window. network: whole-network candidates compared by the divergence of the logits on training
/// samples.
enum class Select { tensor, network };

struct Options {
  std::vector<std::string> families{"int", "float", "pot", "flint"};  // ANT's candidates, in order of preference
  int input_bits = 8;  // of the network's input, usually bytes; 0: as wide as the other activations
  number::Ties ties = number::Ties::away;
  number::IntRange int_range = number::IntRange::symmetric;
  number::Granularity weight_granularity = number::Granularity::channel;
  std::int64_t group_size = 128;  // for granularity group
  Select select = Select::network;
  bool bias_correction = true;  // under Select::tensor; under network both are tried

  std::size_t calibration_samples = 256;  // for scales and bias correction
  std::size_t selection_samples = 1024;   // other training samples, for comparing whole networks
  std::size_t batch = 128;
  std::uint64_t seed = 0;

  // mixed precision
  double max_drop = 1.0;    // points of accuracy (agreement with the float network, where there are no labels)
  double average_bits = 0;  // of the weights; 0: no such limit

  // fine-tuning
  int finetune_epochs = 0;
  std::size_t finetune_batch = 64;
  double learning_rate = 1e-3;
  bool mirror = true;  // images may be mirrored when training (not so digits or text)
};

}  // namespace pare::quantize
