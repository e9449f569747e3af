#include "pare/runtime/evaluate.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <future>
#include <numeric>

#include "pare/base/error.h"
#include "pare/base/progress.h"

namespace pare::runtime {

at::Tensor logits(const Executor& network, const io::Dataset& data, std::size_t first, std::size_t count,
                  std::size_t batch, const std::string& label) {
  const c10::NoGradGuard no_gradients;
  if (count == 0) throw Error("there are no samples to run", data.name());
  std::vector<std::size_t> samples(count);
  std::iota(samples.begin(), samples.end(), first);
  const auto groups = in_batches(data, samples, batch);
  const auto read = [&](std::size_t group) { return read_batch(network.model(), data, groups[group]); };
  std::vector<at::Tensor> parts;
  Progress progress(label, count);
  std::future<Batch> next = std::async(std::launch::async, read, 0);
  for (std::size_t group = 0; group < groups.size(); ++group) {
    const Batch now = next.get();
    if (group + 1 < groups.size()) next = std::async(std::launch::async, read, group + 1);
    const at::Tensor out = network.run(now.inputs).at(0).to(at::kFloat);
    if (out.dim() != 2 || out.size(0) != now.size)
      throw Error(fmt::format("the first output has shape [{}], not [samples, classes]", fmt::join(out.sizes(), ", ")),
                  network.model().name);
    parts.push_back(out);
    progress.step(groups[group].size());
  }
  std::vector<std::int64_t> order;  // of the rows, by batch
  for (const auto& group : groups)
    for (const std::size_t sample : group) order.push_back(static_cast<std::int64_t>(sample - first));
  const at::Tensor rows = at::cat(parts);
  return at::empty_like(rows).index_copy_(0, at::tensor(order, at::kLong), rows);
}

Accuracy accuracy(const at::Tensor& logits, const std::vector<std::int64_t>& labels, std::size_t first) {
  const auto n = static_cast<std::size_t>(logits.size(0));
  if (labels.empty()) throw Error("has no labels", "data", "give a set with labels to measure accuracy");
  const std::int64_t classes = logits.size(1);
  for (std::size_t i = first; i < first + n; ++i)
    if (labels[i] < 0 || labels[i] >= classes)
      throw Error(fmt::format("label {} of sample {} is not among the network's {} classes", labels[i], i, classes),
                  "data");
  const at::Tensor truth = at::tensor(at::ArrayRef<std::int64_t>(labels.data() + first, n), at::kLong);
  const auto best = std::get<1>(at::topk(logits, std::min<std::int64_t>(5, classes), 1));
  const at::Tensor hits = at::eq(best, truth.unsqueeze(1)).contiguous();
  const at::Tensor first_hits = hits.select(1, 0).contiguous();
  Accuracy result{.classes = classes};
  const auto* right = first_hits.data_ptr<bool>();
  result.right.assign(right, right + n);
  const double count = static_cast<double>(n);
  const double p = first_hits.sum().item<double>() / count;
  constexpr double z = 1.96;
  result.top1 = 100 * p;
  result.top5 = 100 * hits.any(1).sum().item<double>() / count;
  result.interval = 100 * z * std::sqrt(p * (1 - p) / count + z * z / (4 * count * count)) / (1 + z * z / count);
  result.loss = at::nll_loss(at::log_softmax(logits, 1), truth).item<double>();
  return result;
}

std::vector<study::Cost> costs(const Accuracy& a) {
  using study::Better;
  using study::Provenance;
  std::vector<study::Cost> list{{"top1", a.top1, "%", Better::higher, Provenance::measured, a.interval}};
  if (a.classes > 5) list.push_back({"top5", a.top5, "%", Better::higher, Provenance::measured});
  list.push_back({"loss", a.loss, "nats", Better::lower, Provenance::measured});
  return list;
}

Difference paired_difference(const std::vector<bool>& a, const std::vector<bool>& b) {
  const double n = static_cast<double>(a.size());
  double gained = 0, lost = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    gained += b[i] && !a[i];
    lost += a[i] && !b[i];
  }
  const double mean = (gained - lost) / n;
  const double variance = ((gained + lost) / n - mean * mean) / n;
  return {100 * mean, 100 * 1.96 * std::sqrt(std::max(0.0, variance))};
}

double divergence(const at::Tensor& a, const at::Tensor& b) {
  const at::Tensor p = at::log_softmax(a.to(at::kDouble), 1), q = at::log_softmax(b.to(at::kDouble), 1);
  return (p.exp() * (p - q)).sum(1).mean().item<double>();
}

}  // namespace pare::runtime
