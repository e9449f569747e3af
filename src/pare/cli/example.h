// A small network and data set that pare makes itself, so that a new user sees a report with one command.
#pragma once
#include <memory>

#include "pare/io/dataset.h"
#include "pare/model/model.h"

namespace pare::cli {

/// Grey images of eight shapes (disc, ring, square, frame, cross, triangle, two kinds of stripes) of random place, size
/// and contrast under noise; [1, 24, 24] float32.
class Shapes : public io::Dataset {
 public:
  Shapes(std::size_t count, std::uint64_t seed, std::string name);
  void read(std::span<const std::size_t> samples, float* out) const override;

 private:
  std::uint64_t seed_;
};

/// Four convolutions and a linear layer, trained on `training` (some seconds).
model::Model train_example(const io::Dataset& training, std::uint64_t seed);

}  // namespace pare::cli
