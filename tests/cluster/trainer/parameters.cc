#include "parameters.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>

#include <algorithm>
#include <cstring>

#include "pare/base/error.h"
#include "pare/base/file.h"

namespace pare::cluster::trainer {
namespace {

/// The same for a name whatever else there is.
std::uint64_t seed_of(const std::string& name) { return std::stoull(content_hash(name), nullptr, 16); }

}  // namespace

std::size_t Parameters::add(const std::string& name, std::vector<std::int64_t> shape, int split, Start start) {
  declared_.push_back({name, std::move(shape), split, start});
  return declared_.size() - 1;
}

at::Tensor Parameters::own_part(const at::Tensor& whole, int split) const {
  if (split < 0) return whole;
  const std::int64_t part = whole.size(split) / width_;
  return whole.narrow(split, tensor_ * part, part);
}

at::Tensor Parameters::initial(const Declared& d) const {
  switch (d.start) {
    case Start::ones: return at::ones(d.shape);
    case Start::normal: return at::randn(d.shape, at::detail::createCPUGenerator(seed_of(d.name))).mul_(0.02);
    case Start::zeros: break;
  }
  return at::zeros(d.shape);
}

void Parameters::allocate(bool filled) {
  std::int64_t count = 0;
  std::vector<std::vector<std::int64_t>> shapes;
  for (const Declared& d : declared_) {
    shapes.push_back(d.shape);
    if (d.split >= 0) shapes.back()[static_cast<std::size_t>(d.split)] /= width_;
    count += c10::multiply_integers(shapes.back());
  }
  flat_ = at::empty({count});
  flat_gradient_ = at::zeros({count});
  std::int64_t begin = 0;
  for (std::size_t i = 0; i < declared_.size(); ++i) {
    const std::int64_t size = c10::multiply_integers(shapes[i]);
    values_.push_back(flat_.narrow(0, begin, size).view(shapes[i]));
    gradients_.push_back(flat_gradient_.narrow(0, begin, size).view(shapes[i]));
    if (filled) values_.back().copy_(own_part(initial(declared_[i]), declared_[i].split));
    begin += size;
  }
}

std::vector<at::Tensor> Parameters::gradients_by_part() const {
  std::vector<at::Tensor> out;
  for (std::size_t part = 0; part < parts_.size(); ++part) {
    const std::size_t end = part + 1 < parts_.size() ? parts_[part + 1] : size();
    if (parts_[part] == end) continue;
    const std::int64_t begin = gradients_[parts_[part]].storage_offset();
    const std::int64_t behind = gradients_[end - 1].storage_offset() + gradients_[end - 1].numel();
    out.push_back(flat_gradient_.narrow(0, begin, behind - begin));
  }
  return out;
}

void Parameters::save(const std::filesystem::path& folder) const {
  for (std::size_t i = 0; i < size(); ++i)
    write_file(folder / name(i), {static_cast<const char*>(values_[i].const_data_ptr()), values_[i].nbytes()});
}

double Parameters::difference(const std::filesystem::path& folder) const {
  double most = 0;
  for (std::size_t i = 0; i < size(); ++i) {
    const std::string bytes = read_file(folder / name(i));
    at::Tensor whole = at::empty(declared_[i].shape);
    if (bytes.size() != whole.nbytes()) throw Error("is of another network", (folder / name(i)).string());
    std::memcpy(whole.mutable_data_ptr(), bytes.data(), bytes.size());
    const at::Tensor saved = own_part(whole, declared_[i].split);
    most = std::max(most, ((values_[i] - saved).norm() / saved.norm()).item<double>());
  }
  return most;
}

}  // namespace pare::cluster::trainer
