#include <ATen/Functions.h>
#include <fmt/format.h>

#include "pare/base/error.h"
#include "pare/graph/operators.h"

namespace pare::graph {

Propagation::Side::Side(Adjacency matrix, Kernels kernels) {
  if (kernels == Kernels::plain) {
    plain = std::move(matrix);
    return;
  }
  TuneOptions options;
  options.same_sums = true;
  tuned = std::make_unique<Tuned>(std::move(matrix), options);
}

Propagation::Propagation(Adjacency matrix, Kernels kernels) : kernels_(kernels), own_(std::move(matrix), kernels) {}

void Propagation::transpose_once() const {
  std::call_once(transposed_once_, [&] {
    Transposed t = transpose(matrix());
    source_ = at::empty({nonzeros()}, at::kLong);
    std::ranges::copy(t.source, source_.data_ptr<std::int64_t>());
    const Adjacency& a = matrix();
    symmetric_ = a.rows() == a.columns && t.matrix.begin == a.begin && t.matrix.column == a.column &&
                 t.matrix.weight == a.weight;
    if (!symmetric_) transposed_ = Side(std::move(t.matrix), kernels_);
  });
}

const Adjacency& Propagation::transposed() const {
  transpose_once();
  return symmetric_ ? matrix() : transposed_.matrix();
}

const at::Tensor& Propagation::source() const {
  transpose_once();
  return source_;
}

const at::Tensor& Propagation::inverse_degrees() const {
  std::call_once(degrees_once_, [&] {
    inverse_degrees_ = at::empty({rows()}, at::kFloat);
    auto* out = inverse_degrees_.data_ptr<float>();
    const auto& begin = matrix().begin;
    for (std::int64_t r = 0; r < rows(); ++r)
      out[r] = begin[r + 1] > begin[r] ? 1 / static_cast<float>(begin[r + 1] - begin[r]) : 0;
  });
  return inverse_degrees_;
}

void Propagation::aggregate(bool transposed, const kernels::Weights& weights, kernels::Reduce reduce,
                            const kernels::Input& x, const kernels::Epilogue& epilogue, const kernels::Output& y,
                            std::int64_t* argmax) const {
  if (transposed) transpose_once();
  const Side& side = transposed && !symmetric_ ? transposed_ : own_;
  if (side.tuned) return side.tuned->aggregate(weights, reduce, x, epilogue, y, argmax);
  kernels::Weights all = weights;
  const Adjacency& a = side.plain;
  if (!all.edge && !a.weight.empty() && reduce != kernels::Reduce::max) {
    all.edge = a.weight.data();
    all.heads = 1;
  }
  kernels::aggregate(a.view(), all, reduce, x, epilogue, y, argmax);
}

Matrix propagation(const at::Tensor& begin, const at::Tensor& column, const at::Tensor& weight, std::int64_t columns) {
  const auto fail = [](const std::string& what, const char* mend = "") { throw Error(what, "Propagation", mend); };
  const auto integers = [](const at::Tensor& t) {
    return t.defined() && t.dim() == 1 && t.is_cpu() && (t.scalar_type() == at::kLong || t.scalar_type() == at::kInt);
  };
  if (!integers(begin) || !integers(column)) fail("begin and column must be one-dimensional integers on the CPU");
  if (begin.numel() < 1) fail("begin has no element", "it has one more than there are rows");
  const at::Tensor b = begin.to(at::kLong).contiguous(), c = column.to(at::kLong).contiguous();
  const std::int64_t rows = b.numel() - 1, edges = c.numel();
  const auto *rows_at = b.data_ptr<std::int64_t>(), *columns_at = c.data_ptr<std::int64_t>();
  constexpr std::int64_t most = std::int64_t{1} << 31;
  if (columns < 0 || columns >= most || rows >= most) fail("has more than 2^31 - 1 rows or columns");
  if (rows_at[0] != 0 || rows_at[rows] != edges)
    fail(fmt::format("begin must go from 0 to the number of columns given, {}", edges));
  Adjacency a;
  a.columns = columns;
  a.begin.assign(rows_at, rows_at + rows + 1);
  a.column.reserve(static_cast<std::size_t>(edges));
  for (std::int64_t r = 0; r < rows; ++r)
    if (rows_at[r + 1] < rows_at[r] || rows_at[r + 1] > edges) fail(fmt::format("begin falls at row {}", r));
  for (std::int64_t r = 0; r < rows; ++r)
    for (std::int64_t e = rows_at[r]; e < rows_at[r + 1]; ++e) {
      if (columns_at[e] < 0 || columns_at[e] >= columns)
        fail(fmt::format("column {} of row {} is outside [0, {})", columns_at[e], r, columns));
      if (e > rows_at[r] && columns_at[e] <= columns_at[e - 1])
        fail(fmt::format("columns of row {} do not rise", r), "sort the edges, and make equal ones one");
      a.column.push_back(static_cast<std::int32_t>(columns_at[e]));
    }
  if (weight.defined()) {
    if (weight.dim() != 1 || weight.numel() != edges || !weight.is_cpu())
      fail(fmt::format("weight must have one number an edge: {}", edges));
    if (weight.requires_grad()) fail("weight is not differentiated", "give it to aggregate_sum as edge=");
    const at::Tensor w = weight.detach().to(at::kFloat).contiguous();
    a.weight.assign(w.data_ptr<float>(), w.data_ptr<float>() + edges);
  }
  return c10::make_intrusive<Propagation>(std::move(a));
}

}  // namespace pare::graph
