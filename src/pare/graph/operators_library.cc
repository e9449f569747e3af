// The operators under names that torch knows: torch.ops.pare.* and torch.classes.pare.Propagation. They are made of
// differentiable functions, so torch needs to be told nothing about their gradients.
#include <ATen/Functions.h>
#include <ATen/Parallel.h>
#include <torch/custom_class.h>
#include <torch/library.h>

#include "pare/base/parallel.h"
#include "pare/graph/operators.h"

namespace pare::graph {
namespace {

using Maybe = std::optional<at::Tensor>;

SumOptions options(const Maybe& edge, const Maybe& row_scale, const Maybe& column_scale, const Maybe& own,
                   const Maybe& self, const Maybe& bias, bool relu) {
  const auto tensor = [](const Maybe& t) { return t.value_or(at::Tensor()); };
  return {tensor(edge), tensor(row_scale), tensor(column_scale), tensor(own), tensor(self), tensor(bias), relu};
}

at::Tensor sum_operator(const at::Tensor& x, const Matrix& a, const Maybe& edge, const Maybe& row_scale,
                        const Maybe& column_scale, const Maybe& own, const Maybe& self, const Maybe& bias, bool relu) {
  return aggregate_sum(a, x, options(edge, row_scale, column_scale, own, self, bias, relu));
}
at::Tensor mean_operator(const at::Tensor& x, const Matrix& a, const Maybe& edge, const Maybe& own, const Maybe& self,
                         const Maybe& bias, bool relu) {
  return aggregate_mean(a, x, options(edge, {}, {}, own, self, bias, relu));
}
at::Tensor max_operator(const at::Tensor& x, const Matrix& a) { return aggregate_max(a, x); }
at::Tensor dots_operator(const at::Tensor& u, const at::Tensor& v, const Matrix& a, std::int64_t heads) {
  return edge_dots(a, u, v, heads);
}
at::Tensor sums_operator(const at::Tensor& by_row, const at::Tensor& by_column, const Matrix& a) {
  return edge_sums(a, by_row, by_column);
}
at::Tensor softmax_operator(const at::Tensor& score, const Matrix& a) { return edge_softmax(a, score); }

/// What a matrix is made of, to copy and to save: begin, column, columns, weight.
using Parts = std::tuple<at::Tensor, at::Tensor, std::int64_t, Maybe>;
Parts parts_of(const Matrix& matrix) {
  const Adjacency& a = matrix->matrix();
  Maybe weight;
  if (!a.weight.empty()) weight = at::tensor(a.weight);
  return {at::tensor(a.begin), at::tensor(a.column), a.columns, weight};
}

}  // namespace

TORCH_LIBRARY(pare, m) {
  follow_threads(at::get_num_threads);  // torch.set_num_threads holds here, too: of a DataLoader's workers it is one
  m.class_<Propagation>("Propagation")
      .def(
          torch::init([](const at::Tensor& begin, const at::Tensor& column, std::int64_t columns, const Maybe& weight) {
            return propagation(begin, column, weight.value_or(at::Tensor()), columns);
          }))
      .def("rows", [](const Matrix& a) { return a->rows(); })
      .def("columns", [](const Matrix& a) { return a->columns(); })
      .def("nonzeros", [](const Matrix& a) { return a->nonzeros(); })
      .def_pickle([](const Matrix& a) { return parts_of(a); },
                  [](const Parts& p) {
                    const auto& [begin, column, columns, weight] = p;
                    return propagation(begin, column, weight.value_or(at::Tensor()), columns);
                  });
  constexpr auto handle = "__torch__.torch.classes.pare.Propagation a";
  const std::string a = handle;
  m.def(("aggregate_sum(Tensor x, " + a +
         ", *, Tensor? edge=None, Tensor? row_scale=None, Tensor? column_scale=None, Tensor? own=None, "
         "Tensor? self_scale=None, Tensor? bias=None, bool relu=False) -> Tensor")
            .c_str(),
        sum_operator);
  m.def(("aggregate_mean(Tensor x, " + a +
         ", *, Tensor? edge=None, Tensor? own=None, Tensor? self_scale=None, Tensor? bias=None, bool relu=False) -> "
         "Tensor")
            .c_str(),
        mean_operator);
  m.def(("aggregate_max(Tensor x, " + a + ") -> Tensor").c_str(), max_operator);
  m.def(("edge_dots(Tensor u, Tensor v, " + a + ", int heads) -> Tensor").c_str(), dots_operator);
  m.def(("edge_sums(Tensor by_row, Tensor by_column, " + a + ") -> Tensor").c_str(), sums_operator);
  m.def(("edge_softmax(Tensor score, " + a + ") -> Tensor").c_str(), softmax_operator);
}

}  // namespace pare::graph
