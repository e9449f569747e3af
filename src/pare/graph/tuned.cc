#include "pare/graph/tuned.h"

#include <algorithm>
#include <cassert>
#include <memory>
#include <numeric>
#include <optional>

#include "pare/base/parallel.h"
#include "pare/base/stopwatch.h"
#include "pare/graph/cache.h"
#include "pare/graph/choices.h"
#include "pare/graph/locality.h"
#include "pare/graph/select.h"

namespace pare::graph {

using kernels::Reduce;

Tuned::Tuned(Adjacency matrix, TuneOptions options) : matrix_(std::move(matrix)), options_(std::move(options)) {}
Tuned::~Tuned() = default;

const std::vector<std::int32_t>* Tuned::order(Order order) const {
  if (order == Order::natural) return nullptr;
  const std::lock_guard lock(mutex_);
  const auto [at, is_new] = orders_.try_emplace(order);
  if (is_new) {
    const Stopwatch watch;
    at->second.new_of = options_.remember ? cached_order_of(matrix_, order).new_of : order_of(matrix_, order);
    at->second.seconds = watch.seconds();
  }
  return &at->second.new_of;
}

const Prepared& Tuned::prepared(const LayoutKey& key) const {
  const std::lock_guard lock(mutex_);
  auto& [there, seconds] = prepared_[key];
  if (!there) {
    const auto* new_of = order(key.order);
    const Stopwatch watch;
    there = std::make_unique<Prepared>(matrix_, new_of, key);
    seconds = watch.seconds();
  }
  return *there;
}

std::size_t Tuned::layout_bytes(const KernelPlan& plan) const { return prepared(layout_of(plan)).bytes(); }

double Tuned::preprocess_s(const KernelPlan& plan) const {
  const std::lock_guard lock(mutex_);
  prepared(layout_of(plan));
  return prepared_[layout_of(plan)].second + (plan.order == Order::natural ? 0 : orders_[plan.order].seconds);
}

double Tuned::inside(Order of, int block) const {
  const std::lock_guard lock(mutex_);
  const auto [at, is_new] = inside_.try_emplace({of, block});
  if (is_new && matrix_.nonzeros() > 0) {
    std::vector<std::int32_t> natural;
    const auto* new_of = order(of);
    if (!new_of) {
      natural.resize(static_cast<std::size_t>(matrix_.rows()));
      std::iota(natural.begin(), natural.end(), 0);
      new_of = &natural;
    }
    at->second = locality_of(matrix_, *new_of, block).inside;
  }
  return at->second;
}

const std::string& Tuned::structure() const {
  if (structure_.empty()) structure_ = structure_hash(matrix_) + (options_.same_sums ? "-same-sums" : "");
  return structure_;
}

void Tuned::aggregate(const KernelPlan& plan, const kernels::Weights& weights, Reduce reduce, const kernels::Input& x,
                      const kernels::Epilogue& epilogue, const kernels::Output& y, std::int64_t* argmax) const {
  kernels::Job job;
  job.tactics = {plan.prefetch, plan.stream};
  job.own_weights = weights.edge == nullptr && reduce != Reduce::max;
  job.weights = weights;
  job.reduce = reduce;
  job.x = x;
  job.epilogue = epilogue;
  job.y = y;
  job.argmax = argmax;
  const Prepared& matrix = prepared(layout_of(plan));
  std::unique_lock<std::mutex> lock;
  if (plan.copied) {
    assert(weights.column == nullptr);
    lock = std::unique_lock(copy_mutex_);
    const auto row = static_cast<std::size_t>(x.width) * kernels::bytes_of(x.type);
    constexpr std::size_t line = 64;
    copy_.resize(std::max(copy_.size(), row * static_cast<std::size_t>(matrix_.rows()) + line));
    void* aligned = copy_.data();
    std::size_t space = copy_.size();
    std::align(line, 1, aligned, space);
    matrix.copy(x, static_cast<std::byte*>(aligned));
    job.x.data = aligned;
    job.x.stride = x.width;
  }
  const auto& layouts = matrix.layouts();
  const auto& work = matrix.work(x.width, reduce == Reduce::max);
  for (std::size_t i = 0; i < layouts.size(); ++i) {
    job.layout = layouts[i];
    job.first = i == 0;
    job.last = i + 1 == layouts.size();
    kernels::run(job, work[i]);
  }
}

Choice Tuned::choose(const Use& use, const std::function<void(const KernelPlan&)>& run) const {
  constexpr double equal = 0.03;  // nearer plans change places from process to process
  constexpr double same = 0.01;
  Shape shape{matrix_.rows(), matrix_.columns, matrix_.nonzeros()};
  const auto bytes = static_cast<std::int64_t>(kernels::bytes_of(use.type));
  shape.row_bytes = shape.out_bytes = use.width * bytes;
  shape.split_fits = matrix_.rows() == matrix_.columns && use.reduce != Reduce::max;
  shape.tile_fits = shape.split_fits && use.weighted == Use::Weighted::matrix;
  shape.copies = matrix_.rows() == matrix_.columns && use.weighted != Use::Weighted::columns;
  shape.tiles_columns = use.reduce == Reduce::sum && use.type == kernels::Float::float32 && use.width % 16 == 0;
  Choice choice;
  const Stopwatch watch;
  std::vector<KernelPlan> plans = layouts_to_try(shape, options_, [&](Order o, int block) { return inside(o, block); });
  for (const KernelPlan& plan : plans) prepared(layout_of(plan));
  choice.preparing_s = watch.seconds();
  wake([&] { run(plans.front()); });
  if (options_.exhaustive) {
    choice.trials = race(all_plans(shape, plans), run, Effort::thorough);
    choice.plan = fastest(choice.trials, 0).plan;
  } else {
    // how far ahead this machine reads, the layout, both again where they are near each other, and the few that are
    // left
    choice.trials = race(distances_to_try(shape, plans.front()), run, Effort::brief);
    const int prefetch = fastest(choice.trials, equal).plan.prefetch;
    for (KernelPlan& plan : plans) plan.prefetch = prefetch;
    const std::vector<Trial> layouts = race(all_stores(shape, plans), run, Effort::brief);
    add(choice.trials, layouts);
    const std::vector<Trial> finer = race(finals(shape, layouts), run, Effort::usual);
    add(choice.trials, finer);
    const std::vector<Trial> last = race(leaders(finer), run, Effort::thorough);
    add(choice.trials, last);
    choice.plan = fastest(last, same).plan;
  }
  choice.measuring_s = watch.seconds() - choice.preparing_s;
  if (options_.judge) choice.judgement = judge(choice.plan, race(all_plans(shape, plans), run, Effort::thorough), run);
  return choice;
}

void Tuned::aggregate(const kernels::Weights& weights, Reduce reduce, const kernels::Input& x,
                      const kernels::Epilogue& epilogue, const kernels::Output& y, std::int64_t* argmax) const {
  const Use use{x.width,
                x.type,
                reduce,
                weights.edge ? Use::Weighted::edges : weights.column ? Use::Weighted::columns : Use::Weighted::matrix,
                weights.heads,
                threads()};
  KernelPlan plan;
  {
    const std::lock_guard lock(mutex_);
    auto found = choices_.find(use);
    if (found == choices_.end()) {
      const auto run = [&](const KernelPlan& p) { aggregate(p, weights, reduce, x, epilogue, y, argmax); };
      std::optional<Choice> choice;
      if (options_.remember) choice = remembered(structure(), use);
      if (!choice) {
        choice = choose(use, run);
        if (options_.remember) remember(structure(), use, *choice);
      }
      found = choices_.emplace(use, std::move(*choice)).first;
    }
    plan = found->second.plan;
  }
  aggregate(plan, weights, reduce, x, epilogue, y, argmax);
}

std::map<Use, Choice> Tuned::choices() const {
  const std::lock_guard lock(mutex_);
  return choices_;
}

}  // namespace pare::graph
