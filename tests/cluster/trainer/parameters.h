// The parameters of one rank and their gradients, one piece of memory each.
#pragma once
#include <ATen/core/Tensor.h>

#include <filesystem>
#include <string>
#include <vector>

#include "pare/cluster/kernels.h"

namespace pare::cluster::trainer {

class Parameters {
 public:
  enum class Start { zeros, ones, normal };

  /// tensor, width: which of how many tensor ranks this is.
  Parameters(int tensor, int width) : tensor_(tensor), width_(width) {}

  /// Declares one of the whole network's parameters by a name of its own; every tensor rank has its part along the
  /// dimension `split`, or the whole where that is -1. The number it is asked for by.
  std::size_t add(const std::string& name, std::vector<std::int64_t> shape, int split, Start start);

  /// What is declared from here on belongs to another part of the network.
  void begin_part() { parts_.push_back(declared_.size()); }

  /// Makes room for all that were declared. filled: with values that do not depend on how the network is spread.
  void allocate(bool filled);

  const at::Tensor& value(std::size_t i) const { return values_[i]; }
  const at::Tensor& gradient(std::size_t i) const { return gradients_[i]; }
  const at::Tensor& all_gradients() const { return flat_gradient_; }
  /// Slices of all_gradients, one for each part that has parameters.
  std::vector<at::Tensor> gradients_by_part() const;
  const at::Tensor& all_values() const { return flat_; }
  std::size_t size() const { return declared_.size(); }
  const std::string& name(std::size_t i) const { return declared_[i].name; }

  /// Files of whole parameters, one each.
  void save(const std::filesystem::path& folder) const;
  /// Largest over the parameters of |this - saved| / |saved|, Euclidean.
  double difference(const std::filesystem::path& folder) const;

 private:
  struct Declared {
    std::string name;
    std::vector<std::int64_t> shape;  // of the whole
    int split = -1;
    Start start = Start::zeros;
  };

  at::Tensor own_part(const at::Tensor& whole, int split) const;
  at::Tensor initial(const Declared& declared) const;

  int tensor_, width_;
  std::vector<Declared> declared_;
  std::vector<std::size_t> parts_;  // the first parameter of each
  std::vector<at::Tensor> values_, gradients_;
  at::Tensor flat_, flat_gradient_;
};

}  // namespace pare::cluster::trainer
