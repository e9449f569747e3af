// What is put together, by the operators that remain; that the results agree is tested against onnxruntime (room
// runtime).
#include "pare/model/fuse.h"

#include "onnx_builder.h"
#include "pare/base/error.h"
#include "pare/model/onnx.h"

namespace pare::model {
namespace {

using testing::ElementsAre;

std::vector<Op> ops_of(const Model& model) {
  std::vector<Op> ops;
  for (const Node& node : model.nodes) ops.push_back(node.op);
  return ops;
}

OnnxBuilder scalar(OnnxBuilder b, const std::string& name, float value) {
  b.floats(name, {}, {value});
  return b;
}

TEST(Fuse, GeluAndProductWithBias) {
  OnnxBuilder b(13);
  b.input("x", {-1, 4}).floats("w", {4, 3}).floats("b", {3});
  b.node("MatMul", {"x", "w"}, {"p"}).node("Add", {"p", "b"}, {"l"});
  b = scalar(scalar(scalar(b, "root", 1.41421356f), "one", 1), "half", 0.5f);
  b.node("Div", {"l", "root"}, {"r"}).node("Erf", {"r"}, {"e"}).node("Add", {"e", "one"}, {"g"});
  b.node("Mul", {"l", "g"}, {"m"}).node("Mul", {"m", "half"}, {"y"}).output("y");
  EXPECT_THAT(ops_of(fuse(b.parse())), ElementsAre(Op::linear, Op::gelu));
}

TEST(Fuse, BatchNormalisationIntoItsConvolution) {
  OnnxBuilder b(13);
  b.input("x", {-1, 2, 5, 5}).floats("w", {3, 2, 3, 3});
  for (const char* name : {"g", "o", "m", "v"}) b.floats(name, {3});
  b.node("Conv", {"x", "w"}, {"c"}).node("BatchNormalization", {"c", "g", "o", "m", "v"}, {"n"});
  b.node("Relu", {"n"}, {"y"}).output("y");
  EXPECT_THAT(ops_of(fuse(b.parse())), ElementsAre(Op::conv, Op::relu));
  b.output("c");  // now the convolution's own output is wanted too
  EXPECT_THAT(ops_of(fuse(b.parse())), ElementsAre(Op::conv, Op::batch_normalization, Op::relu));
}

TEST(Fuse, AttentionUnlessItsScoresAreWanted) {
  OnnxBuilder b(13);
  b.input("q", {1, 2, 4, 8}).input("k", {1, 2, 8, 5}).input("v", {1, 2, 5, 8}).input("mask", {1, 1, 1, 5});
  b.node("MatMul", {"q", "k"}, {"s"});
  b = scalar(b, "c", 0.35f);
  b.node("Mul", {"s", "c"}, {"sc"}).node("Add", {"sc", "mask"}, {"sm"});
  b.node("Softmax", {"sm"}, {"p"}).with("axis", -1);
  b.node("MatMul", {"p", "v"}, {"y"}).output("y");
  const Model fused = fuse(b.parse());
  EXPECT_THAT(ops_of(fused), ElementsAre(Op::product_attention));
  EXPECT_FLOAT_EQ(fused.nodes[0].as<ScalarAttributes>().alpha, 0.35f);
  EXPECT_THROW(to_onnx(fused), Error);
  b.output("p");
  EXPECT_EQ(fuse(b.parse()).nodes.size(), 5u);
}

}  // namespace
}  // namespace pare::model
