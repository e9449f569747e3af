// A matrix with the kernels that are fastest for it on this machine.
#pragma once
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "pare/graph/adjacency.h"
#include "pare/graph/order.h"
#include "pare/graph/prepared.h"

namespace pare::graph {

struct TuneOptions {
  std::vector<Order> orders{Order::natural, Order::community};  // that may be chosen
  bool subgraphs = true;                                        // splits may be chosen
  bool exhaustive = false;  // measures every candidate at length, to see what the search misses
  bool judge = false;       // the same behind the search, whose choice then runs against the best of them
  bool same_sums = false;   // only plans that add a row's edges in the same order: results do not depend on the choice
  bool remember = true;     // choices are looked for and kept on disk (cache.h)
};

/// One kind of use, each with a choice of its own.
struct Use {
  std::int64_t width = 0;
  kernels::Float type = kernels::Float::float32;  // of what is gathered
  kernels::Reduce reduce = kernels::Reduce::sum;
  enum class Weighted { matrix, edges, columns } weighted = Weighted::matrix;
  int heads = 1;
  int threads = 1;
  auto operator<=>(const Use&) const = default;
};

struct Trial {
  KernelPlan plan;
  double seconds = 0;  // the lower quartile of runs
  int runs = 0;        // that count, or groups of runs too short for the clock
};

/// What a choice loses: part of its time over that of the best plan, all measured once more in turns. No search can be
/// expected to lose less than the plan that was best of all when each was measured at length.
struct Judgement {
  KernelPlan best, best_before;
  double regret = 0, regret_of_best_before = 0;
};

struct Choice {
  KernelPlan plan;
  std::vector<Trial> trials;  // in the order in which they were begun; the plain one first
  double measuring_s = 0;     // all runs
  double preparing_s = 0;     // orders and layouts that this choice made
  std::optional<Judgement> judgement;
  bool remembered = false;  // read from the cache of choices, not measured
};

/// Aggregates over one matrix with the kernel that measured fastest for each use, found at its first.
class Tuned {
 public:
  explicit Tuned(Adjacency matrix, TuneOptions options = {});
  ~Tuned();
  Tuned(const Tuned&) = delete;
  Tuned& operator=(const Tuned&) = delete;

  const Adjacency& matrix() const { return matrix_; }

  /// As kernels::aggregate: rows, columns and nonzeros numbered as in matrix(). Where weights.edge is null, the
  /// matrix's own weights count.
  void aggregate(const kernels::Weights& weights, kernels::Reduce reduce, const kernels::Input& x,
                 const kernels::Epilogue& epilogue, const kernels::Output& y, std::int64_t* argmax = nullptr) const;

  /// The same with the plan given.
  void aggregate(const KernelPlan& plan, const kernels::Weights& weights, kernels::Reduce reduce,
                 const kernels::Input& x, const kernels::Epilogue& epilogue, const kernels::Output& y,
                 std::int64_t* argmax = nullptr) const;

  /// What was chosen so far.
  std::map<Use, Choice> choices() const;

  /// What a plan takes beside the matrix, and how long it took to make; 0 where nothing was made.
  std::size_t layout_bytes(const KernelPlan& plan) const;
  double preprocess_s(const KernelPlan& plan) const;
  /// The share of nonzeros within blocks of an order.
  double inside(Order order, int block) const;

 private:
  const Prepared& prepared(const LayoutKey& key) const;
  const std::vector<std::int32_t>* order(Order order) const;
  const std::string& structure() const;
  Choice choose(const Use& use, const std::function<void(const KernelPlan&)>& run) const;

  Adjacency matrix_;
  TuneOptions options_;
  mutable std::recursive_mutex mutex_;
  struct Made {
    std::vector<std::int32_t> new_of;
    double seconds = 0;
  };
  mutable std::map<Order, Made> orders_;
  mutable std::map<LayoutKey, std::pair<std::unique_ptr<Prepared>, double>> prepared_;
  mutable std::map<std::pair<Order, int>, double> inside_;
  mutable std::string structure_;
  mutable std::mutex copy_mutex_;
  mutable std::vector<std::byte> copy_;  // of features, of the plan that runs
  mutable std::map<Use, Choice> choices_;
};

}  // namespace pare::graph
