// Samples of a data set as the inputs of a network.
#pragma once
#include <ATen/core/Tensor.h>

#include <span>
#include <vector>

#include "pare/io/dataset.h"
#include "pare/model/model.h"

namespace pare::runtime {

struct Batch {
  std::vector<at::Tensor> inputs;  // in the order of the network's
  at::Tensor mask;                 // bool [samples, tokens]: which tokens are no padding; undefined for other samples
  std::int64_t size = 0;           // samples
};

/// Those samples together. Numbers fill the network's only input, float32 [samples, sample shape...]. Sentences are
/// padded to the longest with id 0 and fill the inputs by their names: one with "mask" in it is 1 where tokens are,
/// with "type" or "segment" 0, with "position" 0, 1, 2 ..., the remaining one takes the ids. Throws Error where that is
/// not possible.
Batch read_batch(const model::Model& network, const io::Dataset& data, std::span<const std::size_t> samples);

/// The samples in groups of `batch`: sentences by length, so that little is padding; others in their order.
std::vector<std::vector<std::size_t>> in_batches(const io::Dataset& data, std::span<const std::size_t> samples,
                                                 std::size_t batch);

/// The values of real tokens of an activation of sentences, [tokens, channels...]; other activations as they are.
at::Tensor real_tokens(const at::Tensor& x, const at::Tensor& mask);

}  // namespace pare::runtime
