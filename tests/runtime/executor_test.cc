#include "pare/runtime/executor.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <gtest/gtest.h>

#include "pare/base/error.h"
#include "pare/model/shapes.h"
#include "pare/runtime/tensors.h"

namespace pare::runtime {
namespace {

using model::Model;
using model::Tensor;

/// y = relu(x W' + b) + sqrt(c), with c a constant that can be computed ahead.
Model example() {
  Model m;
  m.name = "example";
  const auto x = m.add_value({.name = "x", .shape = {{-1, "N"}, {3, ""}}, .shape_known = true});
  m.inputs = {x};
  const auto w = m.add_constant("w", Tensor::f32({2, 3}, {1, -2, 3, 0.5f, 0, -1}));
  const auto b = m.add_constant("b", Tensor::f32({2}, {0.25f, -0.5f}));
  const auto c = m.add_constant("c", Tensor::f32({1}, {4}));
  const auto product = m.add_value({.name = "product"}), relu = m.add_value({.name = "relu"}),
             root = m.add_value({.name = "root"}), y = m.add_value({.name = "y"});
  m.nodes.push_back({"gemm", model::Op::gemm, model::GemmAttributes{.transpose_b = true}, {x, w, b}, {product}});
  m.nodes.push_back({"relu", model::Op::relu, {}, {product}, {relu}});
  m.nodes.push_back({"sqrt", model::Op::sqrt, {}, {c}, {root}});
  m.nodes.push_back({"add", model::Op::add, {}, {relu, root}, {y}});
  m.outputs = {y};
  model::infer_shapes(m);
  return m;
}

TEST(Executor, RunsAndComputesConstantsOnce) {
  const Executor network(example());
  std::vector<std::string> seen;
  const auto out = network.run({at::tensor({1.0f, 1.0f, 1.0f, 0.0f, 2.0f, 0.0f}).reshape({2, 3})},
                               [&](std::size_t node, auto&) { seen.push_back(network.model().nodes[node].name); });
  EXPECT_EQ(seen, (std::vector<std::string>{"gemm", "relu", "add"}));
  EXPECT_TRUE(at::allclose(out.at(0), at::tensor({4.25f, 2.0f, 2.0f, 2.0f}).reshape({2, 2})));
}

TEST(Executor, AnObserverMayReplaceOutputs) {
  const Executor network(example());
  const auto out = network.run({at::zeros({1, 3})}, [&](std::size_t node, auto& outputs) {
    if (network.model().nodes[node].name == "relu") outputs[0] = outputs[0] + 100;
  });
  EXPECT_FLOAT_EQ(out.at(0)[0][0].item<float>(), 102.25f);
}

TEST(Executor, RunToStopsBehindTheNode) {
  const Executor network(example());
  Executor::Run run(network, {at::zeros({1, 3})});
  ASSERT_TRUE(run.run_to("gemm"));
  EXPECT_FLOAT_EQ(run.latest()[0][1].item<float>(), -0.5f);
  EXPECT_FALSE(run.run_to("nowhere"));
  EXPECT_TRUE(run.done());
}

TEST(Executor, GradientsFlowToInputsAndParameters) {
  Executor network(example(), /*trainable=*/true);
  ASSERT_EQ(network.parameters().size(), 2u);  // w and b; c is no layer's
  for (auto& [name, tensor] : network.parameters()) tensor.requires_grad_(true);
  at::Tensor x = at::tensor({1.0f, 1.0f, 1.0f}).reshape({1, 3}).requires_grad_(true);
  network.run({x}).at(0).sum().backward();
  // only the first output is above zero before the rectifier
  EXPECT_TRUE(at::equal(x.grad(), at::tensor({1.0f, -2.0f, 3.0f}).reshape({1, 3})));
  EXPECT_TRUE(at::equal(network.parameters().at("b").grad(), at::tensor({1.0f, 0.0f})));
}

TEST(Executor, FreesTensorsAfterTheirLastUse) {
  // a chain of additions: however long, few tensors live at once
  Model m;
  m.name = "chain";
  auto last = m.add_value({.name = "x"});
  m.inputs = {last};
  for (int i = 0; i < 50; ++i) {
    const auto next = m.add_value({.name = "v" + std::to_string(i)});
    m.nodes.push_back({"exp" + std::to_string(i), model::Op::exp, {}, {last}, {next}});
    last = next;
  }
  m.outputs = {last};
  const Executor network(m);
  std::vector<c10::weak_intrusive_ptr<c10::TensorImpl>> made;
  std::size_t most = 0;
  network.run({at::ones({4})}, [&](std::size_t, auto& outputs) {
    made.emplace_back(outputs[0].getIntrusivePtr());
    std::size_t alive = 0;
    for (const auto& tensor : made) alive += !tensor.expired();
    most = std::max(most, alive);
  });
  EXPECT_EQ(made.size(), 50u);
  EXPECT_LE(most, 3u);
}

TEST(Executor, WritesOverNothingThatIsStillSeen) {
  // relu of the input, of a value that is an output too, and of a view of a value that is read again
  Model m;
  m.name = "views";
  const auto x = m.add_value({.name = "x"}), e = m.add_value({.name = "e"}), t = m.add_value({.name = "t"}),
             a = m.add_value({.name = "a"}), b = m.add_value({.name = "b"}), c = m.add_value({.name = "c"});
  m.inputs = {x};
  m.nodes.push_back({"a", model::Op::relu, {}, {x}, {a}});
  m.nodes.push_back({"e", model::Op::neg, {}, {x}, {e}});
  m.nodes.push_back({"t", model::Op::transpose, model::TransposeAttributes{{1, 0}}, {e}, {t}});
  m.nodes.push_back({"b", model::Op::relu, {}, {t}, {b}});
  m.nodes.push_back({"c", model::Op::add, {}, {e, e}, {c}});
  m.outputs = {a, b, c};
  const at::Tensor in = at::tensor({-1.0f, 2.0f, 3.0f, -4.0f}).reshape({2, 2}), copy = in.clone();
  const c10::NoGradGuard no_gradients;
  const auto out = Executor(m).run({in});
  EXPECT_TRUE(at::equal(in, copy));
  EXPECT_TRUE(at::equal(out[0], at::relu(copy)));
  EXPECT_TRUE(at::equal(out[1], at::relu(-copy.t())));
  EXPECT_TRUE(at::equal(out[2], -2 * copy));
}

TEST(Executor, RefusesInputsThatDoNotFit) {
  const Executor network(example());
  EXPECT_THROW(network.run({}), Error);
  EXPECT_THROW(network.run({at::zeros({1, 4})}), Error);
  EXPECT_THROW(network.run({at::zeros({1, 3}, at::kDouble)}), Error);
  try {
    network.run({at::zeros({1, 3, 1})});
    FAIL();
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("[N, 3]"), std::string::npos) << e.what();
  }
}

TEST(Tensors, RoundTripAllTypes) {
  for (int i = 0; i <= static_cast<int>(model::ElementType::boolean); ++i) {
    const auto type = static_cast<model::ElementType>(i);
    EXPECT_EQ(model_type(torch_type(type)), type);
  }
  const at::Tensor t = at::rand({2, 3});
  EXPECT_TRUE(at::equal(as_torch(std::make_shared<const Tensor>(from_torch(t))), t));
}

}  // namespace
}  // namespace pare::runtime
