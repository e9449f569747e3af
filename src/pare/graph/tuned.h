// A matrix with the kernels that are fastest for it on this machine.
#pragma once
#include "pare/graph/adjacency.h"

namespace pare::graph {

/// Aggregates over one matrix with the kernel that measured fastest for each width, found at its first use.
class Tuned {
 public:
  explicit Tuned(Adjacency matrix) : matrix_(std::move(matrix)) {}

  const Adjacency& matrix() const { return matrix_; }

  /// As kernels::aggregate: rows, columns and nonzeros numbered as in matrix().
  void aggregate(const kernels::Weights& weights, kernels::Reduce reduce, const kernels::Input& x,
                 const kernels::Epilogue& epilogue, const kernels::Output& y, std::int64_t* argmax = nullptr) const {
    kernels::aggregate(matrix_.view(), weights, reduce, x, epilogue, y, argmax);
  }

 private:
  Adjacency matrix_;
};

}  // namespace pare::graph
