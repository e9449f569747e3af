// Which kernel is fastest: a model leaves out what cannot be, the rest is run.
#pragma once
#include <functional>
#include <vector>

#include "pare/graph/tuned.h"

namespace pare::graph {

/// What the model looks at.
struct Shape {
  std::int64_t rows = 0, columns = 0, nonzeros = 0;
  bool split_fits = false;     // square, and a sum or mean
  bool tile_fits = false;      // and the weights are the matrix's
  std::int64_t row_bytes = 0;  // of what is gathered
  std::int64_t out_bytes = 0;  // a row of the result
  bool copies = false;         // square, and no weights by column
  bool tiles_columns = false;  // a sum into float32, vectors divide the width
};

/// Plans that differ in layout, simplest first. inside(order, block): the share of nonzeros within blocks.
std::vector<KernelPlan> layouts_to_try(const Shape& shape, const TuneOptions& options,
                                       const std::function<double(Order, int)>& inside);
/// The same layout with features read at several distances ahead, and with results written past the caches where they
/// are large, the plan itself first. Of distances that are equally fast now those come first that lose least where
/// pages lie less well, as in another process.
std::vector<KernelPlan> distances_to_try(const Shape& shape, KernelPlan plan);
std::vector<KernelPlan> stores_to_try(const Shape& shape, const KernelPlan& plan);
std::vector<KernelPlan> all_stores(const Shape& shape, const std::vector<KernelPlan>& plans);
/// The fastest few, those within `near` times the best, in the order of the trials: simplest first.
std::vector<KernelPlan> leaders(const std::vector<Trial>& trials, std::size_t most = 6, double near = 1.15);
/// The few layouts near the fastest, at all distances and with all stores.
std::vector<KernelPlan> finals(const Shape& shape, const std::vector<Trial>& layouts);

/// Every layout at all distances and with all stores.
std::vector<KernelPlan> all_plans(const Shape& shape, const std::vector<KernelPlan>& layouts);

/// How long plans are measured: to be near the best, to be it, or to be told from all others, nobody leaving early.
enum class Effort { brief, usual, thorough };

/// Threads that slept may share a processor for some milliseconds: runs until they do not.
void wake(const std::function<void()>& run);

/// Runs the plans in turns, until the slower ones are known to be slower. Trials as in `plans`.
std::vector<Trial> race(const std::vector<KernelPlan>& plans, const std::function<void(const KernelPlan&)>& run,
                        Effort effort);

/// Joins what a later race measured; its times count.
void add(std::vector<Trial>& trials, const std::vector<Trial>& later);

/// The choice and the fastest few of all plans, raced once more.
Judgement judge(const KernelPlan& choice, const std::vector<Trial>& all,
                const std::function<void(const KernelPlan&)>& run);

/// The fastest, or the first that is within `tolerance` of it: simpler plans come first.
const Trial& fastest(const std::vector<Trial>& trials, double tolerance);

}  // namespace pare::graph
