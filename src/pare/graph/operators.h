// Aggregation as differentiable torch operators: what networks on graphs are made of. On the CPU.
//
// Loading libpare_torch.so also registers them for programs in Python and C++ of others, as torch.ops.pare.* and
// torch.classes.pare.Propagation (operators_library.cc).
#pragma once
#include <ATen/core/Tensor.h>
#include <ATen/core/ivalue.h>

#include <memory>
#include <mutex>
#include <vector>

#include "pare/graph/tuned.h"

namespace pare::graph {

/// A matrix that torch multiplies with, forward and back. What the backward pass needs (the transpose, of which a
/// symmetric matrix has none of its own, and the place of every edge in it) is made at first use and kept.
class Propagation : public torch::CustomClassHolder {
 public:
  enum class Kernels {
    tuned,  // measured at first use, among plans that add in the same order: results do not depend on what was chosen
    plain,  // for a matrix that is used a few times only
  };
  explicit Propagation(Adjacency matrix, Kernels kernels = Kernels::tuned);

  const Adjacency& matrix() const { return own_.matrix(); }
  std::int64_t rows() const { return matrix().rows(); }
  std::int64_t columns() const { return matrix().columns; }
  std::int64_t nonzeros() const { return matrix().nonzeros(); }

  /// As kernels::aggregate over the matrix, or its transpose. Where weights.edge is null, the matrix's own weights
  /// count; else they do not, and the edges are those of the matrix asked for.
  void aggregate(bool transposed, const kernels::Weights& weights, kernels::Reduce reduce, const kernels::Input& x,
                 const kernels::Epilogue& epilogue, const kernels::Output& y, std::int64_t* argmax = nullptr) const;

  const Adjacency& transposed() const;
  /// [nonzeros] int64: the edge of the matrix that each edge of the transpose is.
  const at::Tensor& source() const;
  /// [rows] float32: 1 over the number of edges of each row; 0 for a row without.
  const at::Tensor& inverse_degrees() const;

 private:
  struct Side {
    Adjacency plain;
    std::unique_ptr<Tuned> tuned;
    Side() = default;
    Side(Adjacency matrix, Kernels kernels);
    const Adjacency& matrix() const { return tuned ? tuned->matrix() : plain; }
  };
  void transpose_once() const;

  Kernels kernels_;
  Side own_;
  mutable std::once_flag transposed_once_, degrees_once_;
  mutable bool symmetric_ = false;
  mutable Side transposed_;
  mutable at::Tensor source_, inverse_degrees_;
};
using Matrix = c10::intrusive_ptr<Propagation>;

/// Arrays that a program brought, checked: begin [rows + 1] and column [nonzeros] integers, weight [nonzeros] or
/// undefined. Throws Error for what is no sound matrix.
Matrix propagation(const at::Tensor& begin, const at::Tensor& column, const at::Tensor& weight, std::int64_t columns);

/// What goes with a sum; undefined tensors are left out.
struct SumOptions {
  at::Tensor edge;                     // [edges] or [edges, heads]; undefined: the matrix's own weights
  at::Tensor row_scale, column_scale;  // [rows], [columns] float32: constants, not differentiated
  at::Tensor own;                      // [rows, width], of x's type
  at::Tensor self;                     // one element: `own` is multiplied with it; undefined: 1
  at::Tensor bias;                     // [width] float32
  bool relu = false;
};
/// y[r] = relu(row_scale[r] · sum over edges (r, c) of edge · column_scale[c] · x[c] + self · own[r] + bias).
/// x: [columns, width] float32 or bfloat16, as y. Sums are taken in float32.
at::Tensor aggregate_sum(const Matrix& a, const at::Tensor& x, const SumOptions& options = {});
/// The same over the number of the row's edges; options.row_scale must be undefined.
at::Tensor aggregate_mean(const Matrix& a, const at::Tensor& x, SumOptions options = {});
/// y[r, f] = the largest x[c, f] over edges (r, c); 0 for a row without edges. The gradient goes to the first of
/// equals.
at::Tensor aggregate_max(const Matrix& a, const at::Tensor& x);

/// [edges, heads]: the dot product of each head of u[r] and v[c]. u: [rows, heads · k], v: [columns, heads · k].
at::Tensor edge_dots(const Matrix& a, const at::Tensor& u, const at::Tensor& v, std::int64_t heads);
/// [edges, heads]: by_row[r] + by_column[c]. by_row: [rows, heads], by_column: [columns, heads], float32.
at::Tensor edge_sums(const Matrix& a, const at::Tensor& by_row, const at::Tensor& by_column);
/// Softmax of score [edges] or [edges, heads], float32, over the edges of each row.
at::Tensor edge_softmax(const Matrix& a, const at::Tensor& score);

}  // namespace pare::graph
