#include "pare/graph/train_vertices.h"

#include <ATen/Context.h>
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <c10/core/GradMode.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "pare/base/error.h"
#include "pare/base/median.h"
#include "pare/base/progress.h"
#include "pare/base/random.h"
#include "pare/base/stopwatch.h"

namespace pare::graph {
namespace {

VertexTrainer::Measured measured(const at::Tensor& logits, const at::Tensor& labels) {
  return {at::cross_entropy_loss(logits, labels).item<double>(),
          logits.argmax(1).eq(labels).to(at::kDouble).mean().item<double>()};
}

/// Kipf and Welling regularise the first layer only; biases and normalisations never are.
bool decays(const std::string& name, const at::Tensor& parameter, Model model) {
  return parameter.dim() == 2 && (model != Model::gcn || name.starts_with("0."));
}

}  // namespace

VertexTask vertex_task(const Graph& graph, const TrainOptions& options, bool sampled) {
  VertexTask task;
  Adjacency matrix = matrix_for(options.model, graph.adjacency);
  if (options.model == Model::gcn) task.hop.row_scale = task.hop.column_scale = degree_scale(matrix);
  if (sampled) task.sampled_from = matrix;
  task.hop.graph = c10::make_intrusive<Propagation>(std::move(matrix));
  task.features = features_of(graph, WithoutFeatures::own, true, options.features);
  task.labels = indices(graph.labels);
  task.classes = graph.classes;
  return task;
}

bool in_batches(const TrainOptions& options, const runtime::RankGroup* ranks) {
  return options.batch > 0 || !options.fanouts.empty() || ranks;
}

VertexTrainer::VertexTrainer(const VertexTask& task, const TrainOptions& options, std::uint64_t seed,
                             runtime::RankGroup* ranks)
    : task_(task), options_(options), ranks_(ranks) {
  at::manual_seed(seed);  // the same parameters on all ranks
  network_ =
      std::make_shared<Network>(NetworkOptions{options.model, task.features.width(), options.hidden, task.classes,
                                               options.layers, options.heads, options.maximum, options.dropout});
  if (ranks) at::manual_seed(seed + 0x9e3779b9u * static_cast<std::uint64_t>(ranks->rank()));  // but other dropout
  std::vector<at::Tensor> decayed, free;
  for (const auto& p : network_->named_parameters())
    (decays(p.key(), p.value(), options.model) ? decayed : free).push_back(p.value());
  using torch::optim::AdamOptions;
  const auto group = [&](const std::vector<at::Tensor>& parameters, double decay) {
    return torch::optim::OptimizerParamGroup(
        parameters, std::make_unique<AdamOptions>(AdamOptions(options.rate).weight_decay(decay)));
  };
  optimizer_ = std::make_unique<torch::optim::Adam>(std::vector{group(decayed, options.weight_decay), group(free, 0)},
                                                    AdamOptions(options.rate));
  if (!in_batches(options, ranks)) return;
  std::vector<int> fanouts = options.fanouts;
  if (fanouts.empty()) fanouts.assign(static_cast<std::size_t>(options.layers), 0);
  sampler_ = std::make_unique<Sampler>(task.sampled_from, std::move(fanouts),
                                       options.model == Model::sage ? Gathers::means : Gathers::sums);
}

at::Tensor VertexTrainer::loss_of(const std::vector<std::int32_t>& part, std::uint64_t sample_seed) {
  const at::Tensor at = indices(part), labels = task_.labels.index_select(0, at);
  at::Tensor logits;
  if (sampler_) {
    std::vector<Hop> hops;
    std::vector<std::int32_t> first;
    for (Block& block : sampler_->sample(part, sample_seed)) {
      Hop hop;
      if (task_.hop.row_scale.defined()) {
        hop.column_scale = task_.hop.row_scale.index_select(0, indices(block.vertices));
        hop.row_scale = hop.column_scale.narrow(0, 0, block.matrix.rows());
      }
      if (hops.empty()) first = std::move(block.vertices);
      hop.graph = c10::make_intrusive<Propagation>(std::move(block.matrix), Propagation::Kernels::plain);
      hops.push_back(std::move(hop));
    }
    logits = network_->forward(hops, rows_of(task_.features, first));
  } else {
    logits = network_->forward(std::vector(static_cast<std::size_t>(options_.layers), task_.hop), task_.features)
                 .index_select(0, at);
  }
  return at::cross_entropy_loss(logits, labels, {}, at::Reduction::Sum);
}

double VertexTrainer::gradients(const std::vector<std::int32_t>& batch, std::uint64_t sample_seed) {
  network_->train();
  optimizer_->zero_grad();
  const auto n = static_cast<double>(batch.size());
  const std::size_t size = ranks_ ? static_cast<std::size_t>(ranks_->size()) : 1;
  const std::size_t rank = ranks_ ? static_cast<std::size_t>(ranks_->rank()) : 0;
  const auto begin = [&](std::size_t r) { return static_cast<std::ptrdiff_t>(batch.size() * r / size); };
  const std::vector<std::int32_t> part(batch.begin() + begin(rank), batch.begin() + begin(rank + 1));
  at::Tensor loss = at::zeros({1}, at::kFloat);
  if (!part.empty()) {
    const at::Tensor own = loss_of(part, sample_seed) / n;
    own.backward();
    loss = own.detach().reshape({1});
  }
  if (ranks_) {
    std::vector<at::Tensor> flat{loss};
    for (at::Tensor& p : network_->parameters()) {
      if (!p.grad().defined()) p.mutable_grad() = at::zeros_like(p);
      flat.push_back(p.grad().flatten());
    }
    const at::Tensor all = at::cat(flat);
    ranks_->sum(all);
    std::int64_t next = 1;
    for (at::Tensor& p : network_->parameters()) {
      p.mutable_grad().copy_(all.narrow(0, next, p.numel()).view(p.sizes()));
      next += p.numel();
    }
    loss = all.narrow(0, 0, 1);
  }
  return loss.item<double>();
}

std::vector<VertexTrainer::Measured> VertexTrainer::measure(
    const std::vector<const std::vector<std::int32_t>*>& parts) {
  const c10::NoGradGuard no_gradients;
  network_->eval();
  const at::Tensor logits =
      network_->forward(std::vector(static_cast<std::size_t>(options_.layers), task_.hop), task_.features);
  std::vector<Measured> out;
  for (const auto* part : parts) {
    const at::Tensor at = indices(*part);
    out.push_back(measured(logits.index_select(0, at), task_.labels.index_select(0, at)));
  }
  if (ranks_) {  // the first rank's: all have to stop at the same epoch
    const auto n = static_cast<std::int64_t>(out.size());
    const at::Tensor said = at::zeros({n, 2}, at::kDouble);
    auto* numbers = said.data_ptr<double>();
    for (std::int64_t i = 0; i < n && ranks_->rank() == 0; ++i) {
      numbers[2 * i] = out[static_cast<std::size_t>(i)].loss;
      numbers[2 * i + 1] = out[static_cast<std::size_t>(i)].accuracy;
    }
    ranks_->sum(said);
    for (std::int64_t i = 0; i < n; ++i) out[static_cast<std::size_t>(i)] = {numbers[2 * i], numbers[2 * i + 1]};
  }
  return out;
}

void VertexTrainer::share_statistics() {
  if (!ranks_) return;
  const c10::NoGradGuard no_gradients;
  for (at::Tensor& of_batches : network_->buffers()) {
    ranks_->sum(of_batches);
    of_batches.div_(ranks_->size());
  }
}

std::vector<at::Tensor> VertexTrainer::snapshot() const {
  std::vector<at::Tensor> out;
  for (const auto& tensors : {network_->parameters(), network_->buffers()})
    for (const at::Tensor& t : tensors) out.push_back(t.detach().clone());
  return out;
}

void VertexTrainer::restore(const std::vector<at::Tensor>& snapshot) {
  const c10::NoGradGuard no_gradients;
  std::size_t next = 0;
  for (const auto& tensors : {network_->parameters(), network_->buffers()})
    for (const at::Tensor& t : tensors) t.copy_(snapshot[next++]);
}

namespace {

Run train_once(const VertexTask& task, const Split& split, const TrainOptions& options, std::uint64_t seed,
               runtime::RankGroup* ranks, Progress& progress) {
  Run run{.seed = seed};
  const Stopwatch whole;
  VertexTrainer trainer(task, options, seed, ranks);
  Random random(seed);
  const std::size_t n = split.training.size();
  const std::size_t batch = options.batch > 0 ? std::min(n, static_cast<std::size_t>(options.batch)) : n;
  double best_accuracy = -1, least_loss = INFINITY;
  int waited = 0;
  std::vector<at::Tensor> kept;
  std::vector<double> times;
  int epoch = 0;
  for (; epoch < options.epochs; ++epoch) {
    const auto order = batch < n ? random.permutation(n) : std::vector<std::size_t>();
    double loss = 0;
    const Stopwatch watch;
    for (std::size_t first = 0; first < n; first += batch) {
      std::vector<std::int32_t> members;
      for (std::size_t i = first; i < std::min(n, first + batch); ++i)
        members.push_back(split.training[order.empty() ? i : order[i]]);
      loss += trainer.gradients(members, random()) * static_cast<double>(members.size());
      trainer.step();
    }
    trainer.share_statistics();
    times.push_back(watch.seconds());
    const auto validation = trainer.measure({&split.validation})[0];
    if (!std::isfinite(loss) || !std::isfinite(validation.loss))
      throw Error("diverged", "training", "try a lower --rate");
    run.curve.push_back({loss / static_cast<double>(n), validation.loss, validation.accuracy});
    progress.step();
    const bool loss_kept = validation.loss <= least_loss, accuracy_kept = validation.accuracy >= best_accuracy;
    if (loss_kept && accuracy_kept) {
      run.best = static_cast<std::size_t>(epoch);
      run.validation_accuracy = validation.accuracy;
      kept = trainer.snapshot();
    }
    least_loss = std::min(least_loss, validation.loss);
    best_accuracy = std::max(best_accuracy, validation.accuracy);
    waited = loss_kept || accuracy_kept ? 0 : waited + 1;
    if (options.patience > 0 && waited >= options.patience) break;
  }
  if (epoch < options.epochs) progress.step(static_cast<std::size_t>(options.epochs - epoch - 1));
  trainer.restore(kept);
  run.test_accuracy = trainer.measure({&split.test})[0].accuracy;
  run.epoch_ms = 1e3 * median(times);
  run.seconds = whole.seconds();
  return run;
}

}  // namespace

std::vector<Run> train_vertices(const Graph& graph, const TrainOptions& options, runtime::RankGroup* ranks) {
  split_of(graph, options.seed);  // refuses before anything is prepared
  const VertexTask task = vertex_task(graph, options, in_batches(options, ranks));
  Progress progress(fmt::format("training {}", name_of(options.model)),
                    static_cast<std::size_t>(options.seeds) * static_cast<std::size_t>(options.epochs));
  std::vector<Run> runs;
  for (int i = 0; i < options.seeds; ++i) {
    const std::uint64_t seed = options.seed + static_cast<std::uint64_t>(i);
    runs.push_back(train_once(task, split_of(graph, seed), options, seed, ranks, progress));
  }
  return runs;
}

}  // namespace pare::graph
