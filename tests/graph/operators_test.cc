// The operators against the same formula on dense matrices in double precision, whose gradients torch takes, and
// against finite differences.
#include "pare/graph/operators.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include <functional>

#include "pare/base/error.h"
#include "pare/base/random.h"
#include "random_graphs.h"

namespace pare::graph {
namespace {

using Tensors = std::vector<at::Tensor>;
using Function = std::function<at::Tensor(const Tensors&)>;

at::Tensor random_tensor(std::vector<std::int64_t> shape, std::uint64_t seed) {
  Random random(seed);
  at::Tensor t = at::empty(shape, at::kFloat);
  for (std::int64_t i = 0; i < t.numel(); ++i) t.data_ptr<float>()[i] = static_cast<float>(random.normal());
  return t;
}

Adjacency random_matrix(std::int64_t rows, std::int64_t columns, bool weighted, std::uint64_t seed) {
  Random random(seed);
  return from_edges(rows, columns,
                    random_edges(rows, columns, static_cast<std::size_t>(3 * (rows + columns)), weighted, random));
}

struct Ends {
  at::Tensor row, column;  // [edges] int64
};
Ends ends_of(const Adjacency& a) {
  std::vector<std::int64_t> rows, columns;
  for (std::int64_t r = 0; r < a.rows(); ++r)
    for (std::int64_t e = a.begin[r]; e < a.begin[r + 1]; ++e) {
      rows.push_back(r);
      columns.push_back(a.column[e]);
    }
  return {at::tensor(rows, at::kLong), at::tensor(columns, at::kLong)};
}

/// The matrix in full, of given edges [edges], differentiable.
at::Tensor dense(const Adjacency& a, const at::Tensor& edges) {
  const Ends ends = ends_of(a);
  return at::zeros({a.rows(), a.columns}, edges.options()).index_put({ends.row, ends.column}, edges);
}
at::Tensor own_edges(const Adjacency& a, at::ScalarType type) {
  return a.weight.empty() ? at::ones({a.nonzeros()}, type) : at::tensor(a.weight).to(type);
}

double farthest(const at::Tensor& a, const at::Tensor& b) {
  return a.numel() == 0 ? 0 : (a.to(at::kDouble) - b.to(at::kDouble)).abs().max().item<double>();
}

struct Outcome {
  at::Tensor value;
  Tensors gradients;
};
Outcome run(const Function& f, const Tensors& inputs, const at::Tensor& direction, at::ScalarType type) {
  Tensors leaves;
  for (const at::Tensor& x : inputs) leaves.push_back(x.detach().to(type).clone().requires_grad_());
  const at::Tensor y = f(leaves);
  const at::Tensor loss = (y * direction.to(y.scalar_type())).sum();
  Tensors gradients = torch::autograd::grad({loss}, leaves, {}, std::nullopt, false, true);
  for (std::size_t i = 0; i < leaves.size(); ++i)
    if (!gradients[i].defined()) gradients[i] = at::zeros_like(leaves[i]);
  return {y.detach(), gradients};
}

/// `op` in float32 against `reference` in double: values and gradients of all inputs; and both gradients against
/// central differences of the reference, which are not torch's.
void compare(const std::string& name, const Function& op, const Function& reference, const Tensors& inputs,
             double tolerance = 2e-4) {
  const at::Tensor shape = reference({[&] {
    Tensors wide;
    for (const at::Tensor& x : inputs) wide.push_back(x.to(at::kDouble));
    return wide;
  }()});
  const at::Tensor direction = random_tensor(shape.sizes().vec(), 99);
  const Outcome got = run(op, inputs, direction, at::kFloat);
  const Outcome wanted = run(reference, inputs, direction, at::kDouble);
  EXPECT_LT(farthest(got.value, wanted.value), tolerance) << name;
  for (std::size_t i = 0; i < inputs.size(); ++i)
    EXPECT_LT(farthest(got.gradients[i], wanted.gradients[i]), 5 * tolerance) << name << ", input " << i;

  Random random(17);
  const double step = 1e-6;
  for (std::size_t i = 0; i < inputs.size(); ++i)
    for (int trial = 0; trial < 15 && inputs[i].numel() > 0; ++trial) {
      const auto at = static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(inputs[i].numel())));
      const auto loss = [&](double by) {
        Tensors moved;
        for (const at::Tensor& x : inputs) moved.push_back(x.to(at::kDouble).clone());
        moved[i].data_ptr<double>()[at] += by;
        return (reference(moved) * direction.to(at::kDouble)).sum().item<double>();
      };
      const double slope = (loss(step) - loss(-step)) / (2 * step);
      EXPECT_NEAR(got.gradients[i].flatten()[at].item<double>(), slope, 5 * tolerance)
          << name << ", input " << i << " at " << at;
    }
}

std::vector<std::pair<std::string, Adjacency>> matrices() {
  std::vector<std::pair<std::string, Adjacency>> out;
  for (const auto& [name, a] : shapes())
    if (a.rows() > 0 && a.rows() <= 120) out.emplace_back(name, a);
  for (const bool weighted : {false, true})
    for (const auto& [rows, columns] : {std::pair{7, 40}, std::pair{40, 7}, std::pair{1, 9}})
      out.emplace_back("rectangle " + std::to_string(rows) + (weighted ? " weighted" : ""),
                       random_matrix(rows, columns, weighted, 3));
  return out;
}

TEST(Operators, SumWithItsOwnWeights) {
  for (const auto kernels : {Propagation::Kernels::tuned, Propagation::Kernels::plain})
    for (const auto& [name, a] : matrices()) {
      const auto m = c10::make_intrusive<Propagation>(a, kernels);
      for (const std::int64_t width : {1, 16, 33})
        compare(
            name, [&](const Tensors& in) { return aggregate_sum(m, in[0]); },
            [&, &adjacency = a](const Tensors& in) {
              return at::mm(dense(adjacency, own_edges(adjacency, at::kDouble)), in[0]);
            },
            {random_tensor({a.columns, width}, 1)});
    }
}

TEST(Operators, SumWithEverything) {
  for (const auto& [name, a] : matrices()) {
    const auto m = c10::make_intrusive<Propagation>(a);
    for (const std::int64_t heads : {1, 3}) {
      const std::int64_t part = 4, width = heads * part;
      const at::Tensor rows = random_tensor({a.rows()}, 7).abs(), columns = random_tensor({a.columns}, 8).abs();
      for (const bool relu : {false, true})
        compare(
            name,
            [&](const Tensors& in) {
              return aggregate_sum(m, in[0], {in[1], rows, columns, in[2], in[3], in[4], relu});
            },
            [&, &adjacency = a](const Tensors& in) {
              Tensors heads_out;
              for (std::int64_t h = 0; h < heads; ++h)
                heads_out.push_back(at::mm(dense(adjacency, in[1].select(1, h)),
                                           columns.to(at::kDouble).unsqueeze(1) * in[0].narrow(1, h * part, part)));
              const at::Tensor y = rows.to(at::kDouble).unsqueeze(1) * at::cat(heads_out, 1) + in[3] * in[2] + in[4];
              return relu ? at::relu(y) : y;
            },
            {random_tensor({a.columns, width}, 1), random_tensor({a.nonzeros(), heads}, 2),
             random_tensor({a.rows(), width}, 3), random_tensor({1}, 4), random_tensor({width}, 5)},
            1e-3);
    }
  }
}

TEST(Operators, Mean) {
  for (const auto& [name, a] : matrices()) {
    const auto m = c10::make_intrusive<Propagation>(a, Propagation::Kernels::plain);
    compare(
        name, [&](const Tensors& in) { return aggregate_mean(m, in[0]); },
        [&, &adjacency = a](const Tensors& in) {
          const at::Tensor full = dense(adjacency, own_edges(adjacency, at::kDouble));
          const at::Tensor count = dense(adjacency, at::ones({adjacency.nonzeros()}, at::kDouble)).sum(1, true);
          return at::mm(full, in[0]) / count.clamp_min(1);
        },
        {random_tensor({a.columns, 9}, 1)});
  }
}

TEST(Operators, Max) {
  for (const auto& [name, a] : matrices()) {
    const auto m = c10::make_intrusive<Propagation>(a, Propagation::Kernels::plain);
    for (const std::int64_t width : {1, 19})
      compare(
          name, [&](const Tensors& in) { return aggregate_max(m, in[0]); },
          [&, &adjacency = a](const Tensors& in) {
            Tensors rows;
            for (std::int64_t r = 0; r < adjacency.rows(); ++r) {
              std::vector<std::int64_t> from(adjacency.column.begin() + adjacency.begin[r],
                                             adjacency.column.begin() + adjacency.begin[r + 1]);
              rows.push_back(from.empty() ? at::zeros({width}, at::kDouble)
                                          : std::get<0>(in[0].index_select(0, at::tensor(from, at::kLong)).max(0)));
            }
            return at::stack(rows) + 0 * in[0].sum();  // depends on it even where there are no edges
          },
          {random_tensor({a.columns, width}, 1)});
  }
}

TEST(Operators, EdgeDotsSumsAndSoftmax) {
  for (const auto& [name, a] : matrices()) {
    const auto m = c10::make_intrusive<Propagation>(a, Propagation::Kernels::plain);
    const Ends ends = ends_of(a);
    for (const std::int64_t heads : {1, 4}) {
      compare(
          name + ", dots", [&](const Tensors& in) { return edge_dots(m, in[0], in[1], heads); },
          [&](const Tensors& in) {
            return (in[0].index_select(0, ends.row) * in[1].index_select(0, ends.column)).view({-1, heads, 5}).sum(2);
          },
          {random_tensor({a.rows(), heads * 5}, 1), random_tensor({a.columns, heads * 5}, 2)});
      compare(
          name + ", sums", [&](const Tensors& in) { return edge_sums(m, in[0], in[1]); },
          [&](const Tensors& in) { return in[0].index_select(0, ends.row) + in[1].index_select(0, ends.column); },
          {random_tensor({a.rows(), heads}, 1), random_tensor({a.columns, heads}, 2)});
      compare(
          name + ", softmax", [&](const Tensors& in) { return edge_softmax(m, in[0]); },
          [&, &adjacency = a](const Tensors& in) {
            const at::Tensor e = in[0].exp();
            const at::Tensor total = at::zeros({adjacency.rows(), heads}, at::kDouble).index_add(0, ends.row, e);
            return e / total.index_select(0, ends.row);
          },
          {random_tensor({a.nonzeros(), heads}, 3)});
    }
  }
}

TEST(Operators, Bfloat16IsTheFloatResultRounded) {
  const auto m = c10::make_intrusive<Propagation>(random_matrix(60, 45, true, 5));
  const at::Tensor x = random_tensor({45, 24}, 1).to(at::kBFloat16), g = random_tensor({60, 24}, 2).to(at::kBFloat16);
  const auto through = [&](const at::Tensor& features, const at::Tensor& direction) {
    const at::Tensor leaf = features.detach().clone().requires_grad_();
    const at::Tensor y = aggregate_sum(m, leaf);
    return std::pair(y.detach(), torch::autograd::grad({y}, {leaf}, {direction})[0]);
  };
  const auto [half, half_gradient] = through(x, g);
  const auto [whole, whole_gradient] = through(x.to(at::kFloat), g.to(at::kFloat));
  EXPECT_EQ(half.scalar_type(), at::kBFloat16);
  EXPECT_TRUE(at::equal(half, whole.to(at::kBFloat16)));
  EXPECT_EQ(half_gradient.scalar_type(), at::kBFloat16);
  EXPECT_TRUE(at::equal(half_gradient, whole_gradient.to(at::kBFloat16)));
}

TEST(Operators, ColumnsOfAWiderTensorWork) {
  const Adjacency a = random_matrix(20, 30, true, 6);
  const auto m = c10::make_intrusive<Propagation>(a);
  const at::Tensor wide = random_tensor({30, 40}, 1), part = wide.narrow(1, 7, 16);
  EXPECT_TRUE(at::equal(aggregate_sum(m, part), aggregate_sum(m, part.contiguous())));
  const at::Tensor turned = random_tensor({16, 30}, 2).t();
  EXPECT_TRUE(at::equal(aggregate_sum(m, turned), aggregate_sum(m, turned.contiguous())));
}

TEST(Operators, ASymmetricMatrixHasNoTransposeOfItsOwn) {
  Adjacency both = symmetric(random_matrix(30, 30, false, 7));
  both.weight.clear();  // edges that came up twice were not so in both directions
  const Propagation even(both);
  EXPECT_EQ(&even.transposed(), &even.matrix());
  const Propagation odd(random_matrix(30, 30, true, 8));
  EXPECT_NE(&odd.transposed(), &odd.matrix());
}

TEST(Operators, RefuseWhatDoesNotFit) {
  const auto m = c10::make_intrusive<Propagation>(random_matrix(20, 30, false, 9));
  const at::Tensor x = random_tensor({30, 8}, 1);
  EXPECT_THROW(aggregate_sum(m, random_tensor({20, 8}, 1)), Error);
  EXPECT_THROW(aggregate_sum(m, x.to(at::kDouble)), Error);
  EXPECT_THROW(aggregate_sum(m, x, {.edge = random_tensor({m->nonzeros() + 1}, 1)}), Error);
  EXPECT_THROW(aggregate_sum(m, x, {.edge = random_tensor({m->nonzeros(), 3}, 1)}), Error);
  EXPECT_THROW(aggregate_sum(m, x, {.bias = random_tensor({9}, 1)}), Error);
  EXPECT_THROW(aggregate_sum(m, x, {.row_scale = random_tensor({20}, 1).requires_grad_()}), Error);
  EXPECT_THROW(aggregate_sum(m, x, {.self = random_tensor({1}, 1)}), Error);
  EXPECT_THROW(aggregate_max(m, random_tensor({30}, 1)), Error);
  EXPECT_THROW(edge_dots(m, random_tensor({20, 8}, 1), x, 3), Error);
  EXPECT_THROW(edge_softmax(m, random_tensor({3}, 1)), Error);

  const auto ints = [](std::vector<std::int64_t> v) { return at::tensor(v, at::kLong); };
  EXPECT_NO_THROW(propagation(ints({0, 1, 3}), ints({1, 0, 2}), {}, 3));
  EXPECT_THROW(propagation(ints({}), ints({}), {}, 3), Error);
  EXPECT_THROW(propagation(ints({0, 2, 1, 3}), ints({1, 0, 2}), {}, 3), Error);
  EXPECT_THROW(propagation(ints({0, 9, 3}), ints({1, 0, 2}), {}, 3), Error);
  EXPECT_THROW(propagation(ints({0, 1, 2}), ints({1, 0, 2}), {}, 3), Error);
  EXPECT_THROW(propagation(ints({0, 1, 3}), ints({1, 0, 3}), {}, 3), Error);
  EXPECT_THROW(propagation(ints({0, 1, 3}), ints({1, -1, 2}), {}, 3), Error);
  EXPECT_THROW(propagation(ints({0, 1, 3}), ints({1, 2, 0}), {}, 3), Error);
  EXPECT_THROW(propagation(ints({0, 1, 3}), ints({1, 2, 2}), {}, 3), Error);
  EXPECT_THROW(propagation(ints({0, 1, 3}), ints({1, 0, 2}), random_tensor({2}, 1), 3), Error);
}

}  // namespace
}  // namespace pare::graph
