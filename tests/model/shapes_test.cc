// Shapes worked out by hand, chains of exporters that compute them, and inputs that do not fit.
#include "pare/model/shapes.h"

#include <fmt/format.h>

#include "onnx_builder.h"

namespace pare::model {
namespace {

using testing::HasSubstr;
using List = std::vector<std::int64_t>;

/// The shape that one node gives, by its operator, the shapes of its inputs and its attributes.
template <typename... Attributes>
std::string shape_of(const std::string& op, const std::vector<List>& inputs,
                     const std::pair<const char*, Attributes>&... attributes) {
  OnnxBuilder b(18);
  std::vector<std::string> names;
  for (const List& shape : inputs) {
    names.push_back(fmt::format("x{}", names.size()));
    b.input(names.back(), shape);
  }
  b.node(op, names, {"y"}).output("y");
  (b.with(attributes.first, attributes.second), ...);
  const std::string error = b.error();
  return error.empty() ? b.shape() : error;
}

using Ints = std::pair<const char*, List>;
using Int = std::pair<const char*, std::int64_t>;
using Text = std::pair<const char*, const char*>;

TEST(Shapes, Broadcasting) {
  EXPECT_EQ(shape_of("Add", {{2, 1, 4}, {3, 1}}), "[2, 3, 4]");
  EXPECT_EQ(shape_of("Mul", {{-1, 3, 4}, {}}), "[N, 3, 4]");
  EXPECT_EQ(shape_of("Sub", {{-1, 3}, {-1, 3}}), "[N, 3]");
  EXPECT_EQ(shape_of("Sub", {{-2, 3}, {-1, 3}}), "[?, 3]");
  EXPECT_EQ(shape_of("Div", {{-1, 3}, {5, 1}}), "[5, 3]");
  EXPECT_EQ(shape_of("Max", {{2, 1}, {1, 3}, {4, 1, 1}}), "[4, 2, 3]");
  EXPECT_EQ(shape_of("Add", {{0, 3}, {1, 3}}), "[0, 3]");
  EXPECT_THAT(shape_of("Add", {{2, 3}, {4}}), HasSubstr("Add '/y': has inputs of shapes that do not fit"));
  EXPECT_EQ(shape_of("PRelu", {{-1, 3, 4}, {3, 1}}), "[N, 3, 4]");
  EXPECT_THAT(shape_of("PRelu", {{3, 4}, {2, 3, 4}}), HasSubstr("slopes"));
}

TEST(Shapes, Windows) {
  EXPECT_EQ(shape_of("Conv", {{-1, 3, 224, 224}, {64, 3, 7, 7}}, Ints("strides", {2, 2}), Ints("pads", {3, 3, 3, 3})),
            "[N, 64, 112, 112]");
  EXPECT_EQ(shape_of("Conv", {{1, 8, 10, 9}, {8, 1, 3, 3}}, Int("group", 8), Ints("dilations", {2, 1})),
            "[1, 8, 6, 7]");
  EXPECT_EQ(shape_of("Conv", {{1, 4, 7}, {2, 4, 3}}, Text("auto_pad", "SAME_UPPER"), Ints("strides", {2})),
            "[1, 2, 4]");
  EXPECT_EQ(shape_of("Conv", {{1, 4, 7}, {2, 4, 3}}, Text("auto_pad", "VALID"), Ints("strides", {2})), "[1, 2, 3]");
  EXPECT_EQ(shape_of("Conv", {{1, 4, -1, 7}, {2, 4, 3, 3}}), "[1, 2, ?, 5]");
  // 6 elements, windows of 3, step 2: 2.5 windows
  EXPECT_EQ(shape_of("MaxPool", {{1, 1, 6}}, Ints("kernel_shape", {3}), Ints("strides", {2})), "[1, 1, 2]");
  EXPECT_EQ(shape_of("MaxPool", {{1, 1, 6}}, Ints("kernel_shape", {3}), Ints("strides", {2}), Int("ceil_mode", 1)),
            "[1, 1, 3]");
  // the window that ceil_mode adds would begin behind the last element
  EXPECT_EQ(shape_of("AveragePool", {{1, 1, 4}}, Ints("kernel_shape", {1}), Ints("strides", {3}), Int("ceil_mode", 1)),
            "[1, 1, 2]");
  EXPECT_EQ(shape_of("AveragePool", {{1, 1, 2}}, Ints("kernel_shape", {1}), Ints("strides", {3}), Int("ceil_mode", 1)),
            "[1, 1, 1]");
  EXPECT_EQ(shape_of("GlobalAveragePool", {{-1, 512, 7, 7}}), "[N, 512, 1, 1]");
  EXPECT_THAT(shape_of("Conv", {{1, 3, 8, 8}, {4, 2, 3, 3}}), HasSubstr("groups"));
  EXPECT_THAT(shape_of("Conv", {{1, 3, 2, 2}, {4, 3, 3, 3}}), HasSubstr("window of 3 over 2"));
  EXPECT_THAT(shape_of("Conv", {{1, 3, 8, 8}, {4, 3, 3, 3}}, Ints("strides", {0, 1})), HasSubstr("strides"));
  EXPECT_THAT(shape_of("Conv", {{1, 3, 8, 8}, {4, 3, 3, 3}}, Ints("strides", {1})), HasSubstr("1 strides"));
  EXPECT_THAT(shape_of("Conv", {{1, 3, 8, 8}, {4, 3, 3, 3}, {5}}), HasSubstr("bias"));
  EXPECT_THAT(shape_of("MaxPool", {{1, 1, 6}}, Ints("kernel_shape", {2}), Ints("pads", {2, 0})),
              HasSubstr("wholly in the padding"));
}

TEST(Shapes, SamePaddingBecomesExplicit) {
  OnnxBuilder b;
  b.input("x", {1, 1, 7}).floats("w", {1, 1, 4}).node("Conv", {"x", "w"}, {"y"}).with("auto_pad", "SAME_LOWER");
  const Model model = b.output("y").parse();
  const auto& a = model.nodes[0].as<ConvAttributes>();
  EXPECT_EQ(a.auto_pad, AutoPad::explicit_pads);
  EXPECT_EQ(a.pads, (List{2, 1}));  // three in all, the odd one at the beginning
  EXPECT_EQ(a.kernel, (List{4}));
}

TEST(Shapes, Matrices) {
  EXPECT_EQ(shape_of("MatMul", {{-1, 7, 3}, {3, 5}}), "[N, 7, 5]");
  EXPECT_EQ(shape_of("MatMul", {{3}, {2, 3, 5}}), "[2, 5]");
  EXPECT_EQ(shape_of("MatMul", {{3}, {3}}), "[]");
  EXPECT_EQ(shape_of("MatMul", {{2, 1, 4, 3}, {5, 3, 6}}), "[2, 5, 4, 6]");
  EXPECT_THAT(shape_of("MatMul", {{4, 3}, {4, 3}}), HasSubstr("do not fit"));
  EXPECT_EQ(shape_of("Gemm", {{3, -1}, {5, 3}, {5}}, Int("transA", 1), Int("transB", 1)), "[N, 5]");
  EXPECT_THAT(shape_of("Gemm", {{2, 3}, {3, 5}, {4}}), HasSubstr("adds [4]"));
  EXPECT_THAT(shape_of("Gemm", {{2, 3}, {4, 5}}), HasSubstr("do not fit"));
}

TEST(Shapes, Layout) {
  EXPECT_EQ(shape_of("Flatten", {{-1, 3, 4, 5}}), "[N, 60]");
  EXPECT_EQ(shape_of("Flatten", {{2, 3, -1}}, Int("axis", 2)), "[6, N]");
  EXPECT_EQ(shape_of("Transpose", {{2, 3, -1}}, Ints("perm", {2, 0, 1})), "[N, 2, 3]");
  EXPECT_EQ(shape_of("Transpose", {{2, 3}}), "[3, 2]");
  EXPECT_THAT(shape_of("Transpose", {{2, 3}}, Ints("perm", {0, 0})), HasSubstr("permutation"));
  EXPECT_EQ(shape_of("Concat", {{-1, 3}, {-1, 4}}, Int("axis", -1)), "[N, 7]");
  EXPECT_THAT(shape_of("Concat", {{2, 3}, {3, 3}}, Int("axis", 1)), HasSubstr("joins"));
  EXPECT_EQ(shape_of("ReduceMean", {{-1, 3, 4}}), "[1, 1, 1]");
  EXPECT_EQ(shape_of("ReduceMean", {{-1, 3, 4}}, Int("keepdims", 0)), "[]");
}

/// Reshape of [input] by a constant list.
std::string reshaped(const List& input, const List& target, int allow_zero = 0) {
  OnnxBuilder b(14);
  b.input("x", input).integers("s", target).node("Reshape", {"x", "s"}, {"y"}).with("allowzero", allow_zero);
  b.output("y");
  const std::string error = b.error();
  return error.empty() ? b.shape() : error;
}

TEST(Shapes, Reshape) {
  EXPECT_EQ(reshaped({2, 3, 4}, {-1, 6}), "[4, 6]");
  EXPECT_EQ(reshaped({-1, 512, 1, 1}, {-1, 512}), "[N, 512]");
  EXPECT_EQ(reshaped({-1, 512, 1, 1}, {0, -1}), "[N, 512]");
  EXPECT_EQ(reshaped({-1, 6}, {-1, 3}), "[?, 3]");  // 2 N
  EXPECT_EQ(reshaped({-2, 6}, {-1, 6}), "[?, 6]");
  EXPECT_EQ(reshaped({0, 6}, {0, 6}, 1), "[0, 6]");
  EXPECT_THAT(reshaped({2, 3}, {4, 2}), HasSubstr("turns [2, 3] into [4, 2]"));
  EXPECT_THAT(reshaped({2, 3}, {4, -1}), HasSubstr("evenly"));
  EXPECT_THAT(reshaped({2, 3}, {-1, -1}), HasSubstr("two sizes open"));
  EXPECT_THAT(reshaped({2, 3}, {-2, 3}), HasSubstr("size -2"));
  EXPECT_THAT(reshaped({2, 3}, {2, 3, 0}), HasSubstr("keeps dimension 2"));
}

std::string sliced(const List& input, const List& starts, const List& ends, const List& axes, const List& steps) {
  OnnxBuilder b;
  b.input("x", input).integers("s", starts).integers("e", ends).integers("a", axes).integers("t", steps);
  b.node("Slice", {"x", "s", "e", "a", "t"}, {"y"}).output("y");
  const std::string error = b.error();
  return error.empty() ? b.shape() : error;
}

TEST(Shapes, Slice) {
  EXPECT_EQ(sliced({10, 10}, {0, 1}, {INT64_MAX, -1}, {0, 1}, {2, 3}), "[5, 3]");
  EXPECT_EQ(sliced({10}, {-1}, {INT64_MIN}, {0}, {-1}), "[10]");
  EXPECT_EQ(sliced({10}, {8}, {2}, {0}, {-4}), "[2]");
  EXPECT_EQ(sliced({10}, {5}, {2}, {0}, {1}), "[0]");
  EXPECT_EQ(sliced({10}, {0}, {10}, {0}, {INT64_MAX}), "[1]");
  EXPECT_EQ(sliced({-1, 4}, {0}, {2}, {1}, {1}), "[N, 2]");
  EXPECT_EQ(sliced({-1, 4}, {0}, {2}, {0}, {1}), "[?, 4]");
  EXPECT_EQ(sliced({-1, 4}, {0}, {INT64_MAX}, {0}, {1}), "[N, 4]");
  EXPECT_THAT(sliced({10}, {0}, {1}, {0}, {0}), HasSubstr("step of zero"));
  EXPECT_THAT(sliced({10}, {0, 0}, {1, 1}, {0, 0}, {1, 1}), HasSubstr("different numbers"));
  EXPECT_THAT(sliced({10}, {0}, {1}, {1}, {1}), HasSubstr("axis 1"));
}

// View as exporters write it: the batch out of Shape, the rest a constant.
TEST(Shapes, FollowsTheBatchThroughIntegerArithmetic) {
  OnnxBuilder b;
  b.input("x", {-1, 512, 1, 1}).integer("zero", 0).integers("axis", {0}).integers("rest", {512});
  b.node("Shape", {"x"}, {"shape"}).node("Gather", {"shape", "zero"}, {"n"}).with("axis", 0);
  b.node("Unsqueeze", {"n", "axis"}, {"n1"}).node("Concat", {"n1", "rest"}, {"target"}).with("axis", 0);
  b.node("Reshape", {"x", "target"}, {"y"}).output("y");
  EXPECT_EQ(b.shape(), "[N, 512]");
  const Model fixed = with_batch(b.parse(), 8);
  EXPECT_EQ(to_string(fixed.value(fixed.outputs[0]).shape), "[8, 512]");
  ASSERT_EQ(fixed.nodes.size(), 1u);  // all but the Reshape is folded
  EXPECT_EQ(fixed.value(fixed.nodes[0].inputs[1]).constant->integers(), (List{8, 512}));
}

TEST(Shapes, ChannelShuffle) {
  OnnxBuilder b;
  b.input("x", {-1, 116, 28, 28}).integer("zero", 0).integer("one", 1).integer("two", 2).integers("axis", {0});
  b.integers("hw", {28, 28}).integers("groups", {2});
  b.node("Shape", {"x"}, {"shape"}).node("Gather", {"shape", "zero"}, {"n"}).node("Gather", {"shape", "one"}, {"c"});
  b.node("Div", {"c", "two"}, {"half"}).node("Unsqueeze", {"half", "axis"}, {"half1"});
  b.node("Mul", {"n", "one"}, {"same"}).node("Unsqueeze", {"same", "axis"}, {"n1"});
  b.node("Concat", {"n1", "groups", "half1", "hw"}, {"target"}).with("axis", 0);
  b.node("Reshape", {"x", "target"}, {"r"}).node("Transpose", {"r"}, {"t"}).with("perm", List{0, 2, 1, 3, 4});
  b.node("Shape", {"x"}, {"whole"}).node("Reshape", {"t", "whole"}, {"y"}).output("r").output("y");
  EXPECT_EQ(b.shape(0), "[N, 2, 58, 28, 28]");
  EXPECT_EQ(b.shape(1), "[N, 116, 28, 28]");
}

TEST(Shapes, ExpandByAChoiceOfSizes) {  // Where(target == -1, own size, target), as torch writes expand
  OnnxBuilder b;
  b.input("x", {-1, 1}).integers("target", {-1, 7}).integers("minus", {-1, -1}).integers("ones", {1, 1});
  b.node("Equal", {"target", "minus"}, {"keep"}).node("Shape", {"x"}, {"own"});
  b.node("Where", {"keep", "own", "target"}, {"sizes"}).node("Expand", {"x", "sizes"}, {"y"}).output("y");
  EXPECT_EQ(b.shape(), "[N, 7]");
}

TEST(Shapes, FoldedIntegersAreRight) {
  OnnxBuilder b;
  b.input("x", {2, 3}).integers("a", {7, -7, 7, -7}).integers("d", {2, 2, -2, -2}).integers("i", {3, -4});
  b.node("Div", {"a", "d"}, {"div"}).node("Mod", {"a", "d"}, {"mod"}).node("Gather", {"a", "i"}, {"g"});
  b.node("Neg", {"a"}, {"neg"}).integers("s", {-1}).integers("e", {INT64_MIN}).integers("ax", {0});
  b.node("Slice", {"a", "s", "e", "ax", "s"}, {"reversed"}).integers("two", {2, 2});
  b.node("Reshape", {"a", "two"}, {"m"}).node("Transpose", {"m"}, {"t"}).integer("from", 5).integer("to", -2);
  b.integer("step", -3).node("Range", {"from", "to", "step"}, {"r"});
  for (const char* name : {"div", "mod", "g", "neg", "reversed", "t", "r"}) b.output(name);
  const Model model = b.parse();
  EXPECT_TRUE(model.nodes.empty());
  const auto value = [&](std::size_t i) { return model.value(model.outputs[i]).constant->integers(); };
  EXPECT_EQ(value(0), (List{3, -3, -3, 3}));  // toward zero
  EXPECT_EQ(value(1), (List{1, 1, -1, -1}));  // sign of the divisor
  EXPECT_EQ(value(2), (List{-7, 7}));
  EXPECT_EQ(value(3), (List{-7, 7, -7, 7}));
  EXPECT_EQ(value(4), (List{-7, 7, -7, 7}));
  EXPECT_EQ(value(5), (List{7, 7, -7, -7}));
  EXPECT_EQ(value(6), (List{5, 2, -1}));
}

TEST(Shapes, WeightsAreLaidOutAnew) {
  OnnxBuilder b;
  b.input("x", {-1, 3}).floats("w", {2, 3}, {0, 1, 2, 3, 4, 5});
  b.node("Transpose", {"w"}, {"wt"}).with("perm", List{1, 0}).node("MatMul", {"x", "wt"}, {"y"}).output("y");
  const Model model = b.parse();
  ASSERT_EQ(model.nodes.size(), 1u);
  const auto& w = model.value(model.nodes[0].inputs[1]).constant;
  ASSERT_TRUE(w);
  EXPECT_EQ(w->shape, (List{3, 2}));
  EXPECT_EQ((std::vector<float>(w->data<float>(), w->data<float>() + 6)), (std::vector<float>{0, 3, 1, 4, 2, 5}));
}

TEST(Shapes, LargeResultsAreNotFolded) {
  OnnxBuilder b;
  b.integers("sizes", {1 << 20, 1 << 20}).floats("one", {1}).node("Expand", {"one", "sizes"}, {"y"}).output("y");
  const Model model = b.parse();
  ASSERT_EQ(model.nodes.size(), 1u);
  EXPECT_EQ(b.shape(), "[1048576, 1048576]");
  OnnxBuilder huge;
  huge.integers("sizes", {1 << 30, 1 << 30}).floats("one", {1}).node("Expand", {"one", "sizes"}, {"y"}).output("y");
  EXPECT_THAT(huge.error(), HasSubstr("too large"));
}

TEST(Shapes, UnknownRanksAreCarried) {
  OnnxBuilder b;
  b.input("x", {}).graph().mutable_input(0)->mutable_type()->mutable_tensor_type()->clear_shape();
  b.node("Relu", {"x"}, {"a"}).integers("s", {2, 3}).node("Reshape", {"a", "s"}, {"y"}).output("a").output("y");
  EXPECT_EQ(b.shape(0), "unknown");
  EXPECT_THROW(with_batch(b.parse(), 1), Error);
}

TEST(Shapes, BatchIsFixed) {
  const Model model = small_network().parse();
  EXPECT_EQ(to_string(with_batch(model, 7).value(model.outputs[0]).shape), "[7, 5]");
  EXPECT_THROW(with_batch(model, 0), Error);
  OnnxBuilder b;
  b.input("x", {-1, -2}).node("Relu", {"x"}, {"y"}).output("y");
  EXPECT_THROW(with_batch(b.parse(), 1), Error);
}

}  // namespace
}  // namespace pare::model
