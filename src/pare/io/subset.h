// Some of the samples of another data set.
#pragma once
#include <utility>
#include <vector>

#include "pare/io/dataset.h"

namespace pare::io {

/// Samples `chosen` of `whole`, in that order; `whole` must outlive it.
class Subset : public Dataset {
 public:
  Subset(const Dataset& whole, std::vector<std::size_t> chosen, std::string name)
      : whole_(whole), chosen_(std::move(chosen)) {
    size_ = chosen_.size();
    sample_shape_ = whole.sample_shape();
    name_ = std::move(name);
    if (!whole.lengths().empty())
      for (const std::size_t i : chosen_) lengths_.push_back(whole.lengths()[i]);
    if (!whole.labels().empty())
      for (const std::size_t i : chosen_) labels_.push_back(whole.labels()[i]);
  }

  void read(std::span<const std::size_t> samples, float* out) const override {
    std::vector<std::size_t> there;
    for (const std::size_t s : samples) there.push_back(chosen_[s]);
    whole_.read(there, out);
  }

  void read_tokens(std::size_t sample, std::int64_t* out) const override { whole_.read_tokens(chosen_[sample], out); }

 private:
  const Dataset& whole_;
  std::vector<std::size_t> chosen_;
};

}  // namespace pare::io
