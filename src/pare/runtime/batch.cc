#include "pare/runtime/batch.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>

#include "pare/base/error.h"
#include "pare/runtime/tensors.h"

namespace pare::runtime {
namespace {

at::Tensor read_numbers(const io::Dataset& data, std::span<const std::size_t> samples) {
  std::vector<std::int64_t> shape{static_cast<std::int64_t>(samples.size())};
  shape.insert(shape.end(), data.sample_shape().begin(), data.sample_shape().end());
  at::Tensor out = at::empty(shape, at::kFloat);
  data.read(samples, out.data_ptr<float>());
  return out;
}

bool has(const std::string& name, const char* part) { return name.find(part) != std::string::npos; }

Batch read_sentences(const model::Model& network, const io::Dataset& data, std::span<const std::size_t> samples) {
  std::size_t longest = 1;
  for (const std::size_t s : samples) longest = std::max(longest, data.lengths()[s]);
  const auto count = static_cast<std::int64_t>(samples.size()), width = static_cast<std::int64_t>(longest);
  const at::Tensor ids = at::zeros({count, width}, at::kLong), mask = at::zeros({count, width}, at::kBool);
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const auto row = static_cast<std::int64_t>(i);
    data.read_tokens(samples[i], ids.data_ptr<std::int64_t>() + row * width);
    mask.select(0, row).slice(0, 0, static_cast<std::int64_t>(data.lengths()[samples[i]])).fill_(true);
  }
  Batch batch{.inputs = {}, .mask = mask, .size = count};
  bool used = false;
  for (const model::ValueId id : network.inputs) {
    const model::Value& input = network.value(id);
    at::Tensor x;
    if (has(input.name, "mask"))
      x = mask;
    else if (has(input.name, "type") || has(input.name, "segment"))
      x = at::zeros_like(ids);
    else if (has(input.name, "position"))
      x = at::arange(width, at::kLong).expand({count, width});
    else if (!used)
      used = true, x = ids;
    else
      throw Error(fmt::format("cannot fill the input '{}' from sentences", printable(input.name)), network.name);
    batch.inputs.push_back(x.to(torch_type(input.type)));
  }
  if (!used) throw Error("has no input for the ids of tokens", network.name);
  return batch;
}

}  // namespace

Batch read_batch(const model::Model& network, const io::Dataset& data, std::span<const std::size_t> samples) {
  if (!data.lengths().empty()) return read_sentences(network, data, samples);
  if (network.inputs.size() != 1)
    throw Error(fmt::format("has {} inputs; the samples of {} fill one", network.inputs.size(), data.name()),
                network.name);
  return {{read_numbers(data, samples)}, {}, static_cast<std::int64_t>(samples.size())};
}

std::vector<std::vector<std::size_t>> in_batches(const io::Dataset& data, std::span<const std::size_t> samples,
                                                 std::size_t batch) {
  std::vector<std::size_t> order(samples.begin(), samples.end());
  if (!data.lengths().empty()) std::ranges::stable_sort(order, {}, [&](std::size_t s) { return data.lengths()[s]; });
  std::vector<std::vector<std::size_t>> groups;
  for (std::size_t first = 0; first < order.size(); first += batch) {
    const auto begin = order.begin() + static_cast<std::ptrdiff_t>(first);
    groups.emplace_back(begin, begin + static_cast<std::ptrdiff_t>(std::min(batch, order.size() - first)));
  }
  return groups;
}

at::Tensor real_tokens(const at::Tensor& x, const at::Tensor& mask) {
  if (!mask.defined() || x.dim() < 2 || x.size(0) != mask.size(0) || x.size(1) != mask.size(1)) return x;
  return at::index(x, {mask});
}

}  // namespace pare::runtime
