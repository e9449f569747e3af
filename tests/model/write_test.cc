// Files written and read again, and counts. What the files compute is checked against onnxruntime by peers_test.py.
#include <gmock/gmock.h>

#include <cstdlib>
#include <filesystem>

#include "onnx_builder.h"
#include "pare/model/count.h"
#include "pare/model/shapes.h"

namespace pare::model {
namespace {

using testing::HasSubstr;

onnx::ModelProto written(const Model& model) {
  onnx::ModelProto proto;
  proto.ParseFromString(to_onnx(model));
  return proto;
}

/// Everything that a Model holds but its hash, compared through names, since ids may differ.
void expect_same(const Model& a, const Model& b) {
  ASSERT_EQ(a.nodes.size(), b.nodes.size());
  const auto same_value = [&](ValueId x, ValueId y) {
    ASSERT_EQ(x == no_value, y == no_value);
    if (x == no_value) return;
    const Value &v = a.value(x), &w = b.value(y);
    EXPECT_EQ(v.name, w.name);
    EXPECT_EQ(v.type, w.type);
    EXPECT_EQ(to_string(v.shape), to_string(w.shape));
    ASSERT_EQ(!v.constant, !w.constant) << v.name;
    if (v.constant) {
      EXPECT_EQ(v.constant->bytes, w.constant->bytes) << v.name;
    }
  };
  for (std::size_t n = 0; n < a.nodes.size(); ++n) {
    EXPECT_EQ(a.nodes[n].op, b.nodes[n].op);
    EXPECT_EQ(a.nodes[n].name, b.nodes[n].name);
    EXPECT_EQ(a.nodes[n].attributes.index(), b.nodes[n].attributes.index());
    ASSERT_EQ(a.nodes[n].inputs.size(), b.nodes[n].inputs.size()) << a.nodes[n].name;
    for (std::size_t i = 0; i < a.nodes[n].inputs.size(); ++i) same_value(a.nodes[n].inputs[i], b.nodes[n].inputs[i]);
    ASSERT_EQ(a.nodes[n].outputs.size(), b.nodes[n].outputs.size());
    for (std::size_t i = 0; i < a.nodes[n].outputs.size(); ++i)
      same_value(a.nodes[n].outputs[i], b.nodes[n].outputs[i]);
  }
}

TEST(OnnxWrite, SmallNetworkRoundTrip) {
  const Model model = small_network(17).parse();
  const std::string bytes = to_onnx(model);
  const Model again = parse_onnx(bytes, "again.onnx");
  expect_same(model, again);
  EXPECT_EQ(to_onnx(again), bytes);
  EXPECT_EQ(written(model).opset_import(0).version(), 13);
}

TEST(OnnxWrite, EveryOperatorRoundTrip) {
  OnnxBuilder b(18);
  b.input("x", {-1, 4, 6, 6}).floats("four", {4}).floats("m", {6, 6}).floats("low", {}).floats("slope", {4, 1, 1});
  b.integers("axes", {2, 3}).integers("sizes", {1, 3}).integers("pads", {0, 0, 1, 1, 0, 0, 2, 2}).integers("one", {1});
  b.integers("two", {2})
      .integers("shape", {0, 4, -1})
      .integers("three", {3})
      .integers("i", {1, 0})
      .integers("o", {4, 1, 1});
  std::vector<std::string> outputs;
  const auto add = [&](const std::string& op, std::vector<std::string> inputs) -> OnnxBuilder& {
    outputs.push_back(op + "_out");
    return b.node(op, inputs, {outputs.back()});
  };
  for (const char* op : {"Elu", "Erf", "Exp", "HardSigmoid", "HardSwish", "LeakyRelu", "Log", "Neg", "Reciprocal",
                         "Relu", "Sigmoid", "Softplus", "Sqrt", "Tanh", "GlobalAveragePool", "GlobalMaxPool", "Shape"})
    add(op, {"x"});
  for (const char* op : {"Add", "Sub", "Mul", "Div", "Pow", "MatMul"}) add(op, {"x", "m"});
  for (const char* op : {"Equal", "Greater", "Less"}) add(op, {"x", "m"});
  add("Max", {"x", "m", "low"});
  add("Min", {"x", "m"});
  add("Mod", {"x", "m"}).with("fmod", 1);
  add("PRelu", {"x", "slope"});
  add("Clip", {"x", "", "low"});
  add("BatchNormalization", {"x", "four", "four", "four", "four"}).with("epsilon", 0.001f);
  add("AveragePool", {"x"}).with("kernel_shape", {2, 2}).with("count_include_pad", 1).with("pads", {1, 1, 0, 0});
  add("MaxPool", {"x"}).with("kernel_shape", {2, 2}).with("dilations", {2, 1}).with("ceil_mode", 1);
  add("LRN", {"x"}).with("size", 3);
  add("Softmax", {"x"}).with("axis", 1);
  add("LogSoftmax", {"x"});
  add("Cast", {"x"}).with("to", 6);
  add("Concat", {"x", "x"}).with("axis", 1);
  add("Flatten", {"x"}).with("axis", 2);
  add("Gather", {"x", "i"}).with("axis", 3);
  add("ReduceMean", {"x", "axes"}).with("keepdims", 0);
  add("ReduceSum", {"x", "axes"});
  add("ReduceMax", {"x"});
  add("ReduceMin", {"x"}).with("noop_with_empty_axes", 1);
  add("Pad", {"x", "pads", "low"}).with("mode", "constant");
  add("Reshape", {"x", "shape"});
  add("Slice", {"x", "one", "three", "two", "two"});
  add("Transpose", {"x"}).with("perm", std::vector<std::int64_t>{0, 2, 3, 1});
  add("Unsqueeze", {"x", "one"});
  b.node("Squeeze", {"Unsqueeze_out", "one"}, {"Squeeze_out"});
  b.node("Where", {"Less_out", "x", "m"}, {"Where_out"});
  b.node("Split", {"x", "sizes"}, {"Split_a", "Split_b"}).with("axis", 1);
  b.node("Expand", {"x", "o"}, {"Expand_out"}).node("ConstantOfShape", {"Shape_out"}, {"Fill_out"});
  b.integer("zero", 0).integer("step", 1).node("Gather", {"Shape_out", "zero"}, {"n"});
  b.node("Range", {"zero", "n", "step"}, {"Range_out"});
  for (const char* name : {"Squeeze_out", "Where_out", "Split_a", "Split_b", "Expand_out", "Fill_out", "Range_out"})
    outputs.push_back(name);
  for (const std::string& name : outputs) b.output(name);
  const Model model = b.parse();
  const std::string bytes = to_onnx(model);
  const Model again = parse_onnx(bytes, "again.onnx");
  expect_same(model, again);
  EXPECT_EQ(to_onnx(again), bytes);
  EXPECT_EQ(written(model).opset_import(0).version(), 18);  // for noop_with_empty_axes
}

TEST(OnnxWrite, LeastOpset) {
  const auto opset_of = [](const std::string& op, int read_as, auto... with) {
    OnnxBuilder b(read_as);
    b.input("x", {1, 2, 8, 8}).node(op, {"x"}, {"y"}).output("y");
    (b.with(with.first, with.second), ...);
    return written(b.parse()).opset_import(0).version();
  };
  using Ints = std::pair<const char*, std::vector<std::int64_t>>;
  EXPECT_EQ(opset_of("Relu", 23), 13);
  EXPECT_EQ(opset_of("HardSwish", 23), 14);
  EXPECT_EQ(opset_of("Shape", 23, std::pair<const char*, int>("start", 1)), 13);  // folded away
  EXPECT_EQ(opset_of("AveragePool", 22, Ints("kernel_shape", {2, 2}), Ints("dilations", {2, 2})), 19);
  EXPECT_EQ(opset_of("AveragePool", 22, Ints("kernel_shape", {2, 2}), Ints("dilations", {1, 1})), 13);
  EXPECT_EQ(opset_of("ReduceMax", 18), 13);
}

TEST(Count, SmallNetworkByHand) {
  const Counts counts = count(small_network().parse());
  ASSERT_EQ(counts.layers.size(), 2u);
  EXPECT_EQ(counts.layers[0].macs, 8 * 8 * 4 * 3 * 3 * 3);
  EXPECT_EQ(counts.layers[0].parameters, 4 * 27 + 4);
  EXPECT_EQ(counts.layers[0].input, (std::vector<std::int64_t>{1, 3, 8, 8}));
  EXPECT_EQ(counts.layers[1].macs, 20);
  EXPECT_EQ(counts.layers[1].parameters, 25);
  EXPECT_EQ(counts.weight_bytes, 4 * (112 + 25));
}

TEST(Count, SharedWeightsOnceAndStatisticsNever) {
  OnnxBuilder b(17);
  b.input("x", {-1, 4, 5}).floats("w", {5, 5}).floats("s", {4}).floats("b", {4}).floats("m", {4}).floats("v", {4});
  b.floats("half", {})
      .node("MatMul", {"x", "w"}, {"a"})
      .node("MatMul", {"a", "w"}, {"c"})
      .node("Mul", {"c", "half"}, {"d"});
  b.node("BatchNormalization", {"d", "s", "b", "m", "v"}, {"y"}).output("y");
  const Counts counts = count(b.parse());
  EXPECT_EQ(counts.parameters, 25 + 8);
  EXPECT_EQ(counts.macs, 2 * 4 * 5 * 5);
}

TEST(Count, TransposedConvolutionsAttentionAndIntegers) {
  OnnxBuilder transposed;
  transposed.input("x", {-1, 3, 4, 4}).floats("w", {3, 6, 2, 2}).node("ConvTranspose", {"x", "w"}, {"y"}).output("y");
  EXPECT_EQ(count(transposed.parse()).macs, 3 * 4 * 4 * 6 * 2 * 2);
  OnnxBuilder attention(23);  // two heads, five queries, seven keys
  attention.input("q", {-1, 2, 5, 8}).input("k", {-1, 2, 7, 8}).input("v", {-1, 2, 7, 4});
  attention.node("Attention", {"q", "k", "v"}, {"y"}).output("y");
  EXPECT_EQ(count(attention.parse()).macs, 2 * 5 * 7 * (8 + 4));
  OnnxBuilder integers;
  integers.input("a", {-1, 3}, onnx::TensorProto::UINT8).input("b", {3, 5}, onnx::TensorProto::UINT8);
  integers.node("MatMulInteger", {"a", "b"}, {"y"}).output("y");
  EXPECT_EQ(count(integers.parse()).macs, 3 * 5);
}

TEST(Count, UnknownSizesAreRefused) {
  OnnxBuilder b;
  b.input("x", {-1, 3, -2, 8}).floats("w", {4, 3, 3, 3}).node("Conv", {"x", "w"}, {"y"}).output("y");
  const Model model = b.parse();
  EXPECT_THROW(count(model), Error);
}

// Parameters as the networks' authors state them; MACs summed by hand over the three stages: 442,368 + n * 2,359,296
// with one strided convolution of half that in stages two and three, and 640.
TEST(Count, CifarResNets) {
  const char* assets = std::getenv("PARE_ASSETS");
  if (!assets) GTEST_SKIP() << "PARE_ASSETS is not set";
  for (const auto& [depth, parameters] : {std::pair{20, 269034}, {32, 463018}, {56, 850986}}) {
    const auto path = std::filesystem::path(assets) / "vision" / ("resnet" + std::to_string(depth) + "_cifar10.onnx");
    const Model model = read_onnx(path);
    const Counts counts = count(model);
    EXPECT_EQ(counts.parameters, parameters);
    EXPECT_EQ(counts.macs, 442368 + std::int64_t{depth - 2} * 2359296 - 2 * 1179648 + 640);
    for (const Node& node : model.nodes) {
      EXPECT_NE(node.op, Op::concat);
      if (node.op == Op::pad) {
        EXPECT_TRUE(model.value(node.inputs[1]).constant);
      }
    }
    EXPECT_EQ(to_string(model.value(model.outputs[0]).shape), "[N, 10]");
    expect_same(model, parse_onnx(to_onnx(model), "again"));
  }
}

}  // namespace
}  // namespace pare::model
