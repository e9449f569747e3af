#include "pare/runtime/open_batch.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "pare/model/open_batch.h"
#include "pare/model/shapes.h"
#include "pare/runtime/executor.h"

namespace pare::runtime {
namespace {

using model::Model;
using model::Tensor;

/// y = (x flattened to [batch, 6]) W + c, as torch exports it for one number of samples. The shape of c decides whether
/// others can be taken.
Model flattened(std::int64_t batch, bool allow_zero, std::vector<std::int64_t> sizes_of_c) {
  Model m;
  m.name = "flattened";
  const auto x = m.add_value({.name = "x", .shape = {{batch, ""}, {2, ""}, {3, ""}}, .shape_known = true});
  m.inputs = {x};
  const auto target = m.add_constant("target", Tensor::i64({2}, {batch, 6}));
  const auto w = m.add_constant("w", Tensor::f32({6, 2}, {1, -2, 3, 0.5f, 0, -1, 2, 2, 1, 0, 4, -3}));
  std::vector<float> numbers;
  for (std::int64_t i = 0; i < 2 * sizes_of_c[0]; ++i) numbers.push_back(static_cast<float>(i));
  const auto c = m.add_constant("c", Tensor::f32(std::move(sizes_of_c), numbers));
  const auto flat = m.add_value({.name = "flat"}), product = m.add_value({.name = "product"}),
             y = m.add_value({.name = "y"});
  m.nodes.push_back({"flatten", model::Op::reshape, model::ReshapeAttributes{allow_zero}, {x, target}, {flat}});
  m.nodes.push_back({"matmul", model::Op::matmul, {}, {flat, w}, {product}});
  m.nodes.push_back({"add", model::Op::add, {}, {product, c}, {y}});
  m.outputs = {y};
  model::infer_shapes(m);
  return m;
}

TEST(OpenBatch, TakesAnyNumberOfSamples) {
  for (const std::int64_t batch : {1, 4})
    for (const bool allow_zero : {false, true}) {
      const Model fixed = flattened(batch, allow_zero, {1, 2}), open = open_batch(fixed);
      EXPECT_EQ(model::fixed_batch(fixed), batch);
      EXPECT_FALSE(model::fixed_batch(open).has_value());
      const at::Tensor x = at::arange(3 * batch * 6, at::kFloat).reshape({3 * batch, 2, 3});
      const at::Tensor all = Executor(open).run({x}).at(0);
      for (std::int64_t i = 0; i < 3; ++i) {
        const at::Tensor part = Executor(fixed).run({x.narrow(0, i * batch, batch)}).at(0);
        EXPECT_TRUE(at::equal(all.narrow(0, i * batch, batch), part));
      }
      EXPECT_EQ(Executor(open).run({x.narrow(0, 0, 1)}).at(0).size(0), 1);
    }
}

TEST(OpenBatch, LeavesWhatIsOfOneNumberOfSamples) {
  // a constant with a row for each sample: with one row alone its sum has four samples again
  EXPECT_EQ(model::fixed_batch(open_batch(flattened(4, false, {4, 2}))), 4);
  // open as it is
  Model open = flattened(4, false, {1, 2});
  open.value(open.inputs[0]).shape[0] = {-1, "N"};
  EXPECT_EQ(open_batch(open).value(open.inputs[0]).shape[0].symbol, "N");
}

}  // namespace
}  // namespace pare::runtime
