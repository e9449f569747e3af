#include "pare/quantize/layers.h"

#include <gtest/gtest.h>

#include <cmath>

#include "pare/base/error.h"

namespace pare::quantize {
namespace {

using model::Model;
using model::Tensor;

/// image -> conv -> matmul with a constant -> matmul with itself transposed
Model example() {
  Model m;
  const auto x = m.add_value({.name = "x"});
  m.inputs = {x};
  const auto w = m.add_constant("w", Tensor::f32({2, 1, 1, 1}, {1, 2}));
  const auto b = m.add_constant("b", Tensor::f32({2}, {0, 0}));
  const auto y = m.add_value({.name = "y"});
  m.nodes.push_back({"conv", model::Op::conv, model::ConvAttributes{}, {x, w, b}, {y}});
  const auto v = m.add_constant("v", Tensor::f32({3, 4}, std::vector<float>(12, 1)));
  const auto z = m.add_value({.name = "z"});
  m.nodes.push_back({"product", model::Op::matmul, {}, {y, v}, {z}});
  const auto s = m.add_value({.name = "s"});
  m.nodes.push_back({"attention", model::Op::matmul, {}, {z, z}, {s}});
  m.outputs = {s};
  return m;
}

TEST(Layers, AreProductsWithConstants) {
  const auto layers = find_layers(example());
  ASSERT_EQ(layers.size(), 2u);
  EXPECT_EQ(layers[0].node, 0u);
  EXPECT_EQ(layers[0].channel_axis, 0);
  EXPECT_NE(layers[0].bias, model::no_value);
  EXPECT_EQ(layers[1].channel_axis, 1);
  EXPECT_EQ(layers[1].bias, model::no_value);
  EXPECT_EQ(layer_inputs(layers).size(), 2u);
}

TEST(Layers, RefuseWeightsThatAreNoNumbers) {
  for (const float bad : {NAN, INFINITY}) {
    Model m = example();
    m.value(m.find("w")).constant = std::make_shared<const Tensor>(Tensor::f32({2, 1, 1, 1}, {1, bad}));
    try {
      find_layers(m);
      FAIL();
    } catch (const Error& e) {
      EXPECT_NE(std::string(e.what()).find("conv"), std::string::npos) << e.what();
    }
  }
}

}  // namespace
}  // namespace pare::quantize
