// Reading ONNX: what is kept, what is normalised, and one clear line for everything that is refused.
#include <gmock/gmock.h>

#include <filesystem>
#include <set>

#include "onnx_builder.h"
#include "pare/base/file.h"
#include "pare/base/random.h"

namespace pare::model {
namespace {

using testing::AllOf;
using testing::HasSubstr;

TEST(OnnxRead, SmallNetwork) {
  const Model model = small_network().parse();
  ASSERT_EQ(model.nodes.size(), 5u);
  EXPECT_EQ(model.nodes[0].op, Op::conv);
  EXPECT_EQ(model.nodes[0].name, "/conv");
  EXPECT_EQ(model.nodes[0].as<ConvAttributes>().strides, (std::vector<std::int64_t>{1, 1}));
  EXPECT_EQ(to_string(model.value(model.nodes[0].outputs[0]).shape), "[N, 4, 8, 8]");
  EXPECT_EQ(to_string(model.value(model.outputs[0]).shape), "[N, 5]");
  EXPECT_EQ(model.inputs.size(), 1u);
  EXPECT_EQ(model.hash, content_hash(small_network().bytes()));
}

TEST(OnnxRead, ConstantsAmongTheInputs) {  // as files of IR 3 have them
  OnnxBuilder b = small_network();
  b.proto.set_ir_version(3);
  b.input("w", {4, 3, 3, 3}).input("b", {4});
  const Model model = b.parse();
  ASSERT_EQ(model.inputs.size(), 1u);
  EXPECT_EQ(model.value(model.inputs[0]).name, "image");
}

TEST(OnnxRead, IdentityAndDropoutGo) {
  OnnxBuilder b;
  b.input("x", {2}).node("Relu", {"x"}, {"a"}).node("Identity", {"a"}, {"b"}).node("Dropout", {"b"}, {"y"});
  const Model model = b.output("y").parse();
  ASSERT_EQ(model.nodes.size(), 1u);
  EXPECT_EQ(model.value(model.outputs[0]).name, "y");
}

TEST(OnnxRead, IdentityStaysBetweenInputAndOutput) {
  OnnxBuilder b;
  b.input("x", {2}).node("Identity", {"x"}, {"y"}).node("Relu", {"y"}, {"z"});
  const Model model = b.output("y").output("z").parse();
  ASSERT_EQ(model.nodes.size(), 2u);
  EXPECT_EQ(model.nodes[0].op, Op::identity);
}

TEST(OnnxRead, OneValueAsTwoOutputs) {
  OnnxBuilder b;
  b.input("x", {2}).node("Relu", {"x"}, {"a"}).node("Identity", {"a"}, {"b"});
  const Model model = b.output("a").output("b").parse();
  EXPECT_EQ(model.value(model.outputs[0]).name, "a");
  EXPECT_EQ(model.value(model.outputs[1]).name, "b");
}

TEST(OnnxRead, NodesWithoutNamesGetDistinctOnes) {
  OnnxBuilder b;
  b.input("x", {2}).node("Relu", {"x"}, {"a"});
  b.last->clear_name();
  b.node("Relu", {"a"}, {"b"});
  b.last->clear_name();
  b.node("Relu", {"b"}, {"c"});
  b.last->set_name("twice");
  b.node("Relu", {"c"}, {"d"});
  b.last->set_name("twice");
  const Model model = b.output("d").parse();
  std::set<std::string> names;
  for (const Node& node : model.nodes) names.insert(node.name);
  EXPECT_EQ(names.size(), 4u);
}

TEST(OnnxRead, AttributesOfOldOpsetsBecomeInputs) {
  OnnxBuilder clip(7);
  clip.input("x", {2}).node("Clip", {"x"}, {"y"}).with("min", 0.0f).with("max", 6.0f).output("y");
  const Model clipped = clip.parse();
  ASSERT_EQ(clipped.nodes[0].inputs.size(), 3u);
  EXPECT_EQ(clipped.value(clipped.nodes[0].inputs[2]).constant->data<float>()[0], 6.0f);

  OnnxBuilder half(7);
  half.input("x", {2}).node("Clip", {"x"}, {"y"}).with("max", 6.0f).output("y");
  const Model upper = half.parse();
  EXPECT_EQ(upper.nodes[0].inputs[1], no_value);

  const auto integers = [](const Model& m, std::size_t i) {
    return m.value(m.nodes[0].inputs[i]).constant->integers();
  };
  using List = std::vector<std::int64_t>;
  OnnxBuilder pad(10);
  pad.input("x", {2, 3}).node("Pad", {"x"}, {"y"}).with("pads", {0, 1, 0, 2}).with("value", 2.0f).output("y");
  EXPECT_EQ(integers(pad.parse(), 1), (List{0, 1, 0, 2}));
  EXPECT_EQ(pad.shape(), "[2, 6]");

  OnnxBuilder slice(9);
  slice.input("x", {4, 9}).node("Slice", {"x"}, {"y"}).with("starts", List{1});
  slice.with("ends", List{-1}).with("axes", List{1});
  slice.output("y");
  EXPECT_EQ(slice.shape(), "[4, 7]");

  OnnxBuilder squeeze(11);
  squeeze.input("x", {1, 4, 1}).node("Squeeze", {"x"}, {"s"}).with("axes", List{2});
  squeeze.node("Unsqueeze", {"s"}, {"y"}).with("axes", {0, 3}).output("y");
  EXPECT_EQ(squeeze.shape(), "[1, 1, 4, 1]");

  OnnxBuilder split(11);
  split.input("x", {7}).node("Split", {"x"}, {"a", "y"}).with("split", {3, 4}).output("y").output("a");
  EXPECT_EQ(split.shape(), "[4]");

  OnnxBuilder mean(13);
  mean.input("x", {-1, 3, 4, 4}).node("ReduceMean", {"x"}, {"y"}).with("axes", {2, 3}).with("keepdims", 0).output("y");
  EXPECT_EQ(mean.shape(), "[N, 3]");
  EXPECT_EQ(integers(mean.parse(), 1), (List{2, 3}));
}

TEST(OnnxRead, FormsThatNeedShapesAreSettled) {
  OnnxBuilder pad(18);
  pad.input("x", {2, 3}).integers("pads", {1, 2}).integers("axes", {-1});
  pad.node("Pad", {"x", "pads", "", "axes"}, {"y"}).output("y");
  const Model padded = pad.parse();
  ASSERT_EQ(padded.nodes[0].inputs.size(), 2u);
  EXPECT_EQ(padded.value(padded.nodes[0].inputs[1]).constant->integers(), (std::vector<std::int64_t>{0, 1, 0, 2}));

  OnnxBuilder split(18);
  split.input("x", {7}).node("Split", {"x"}, {"a", "b", "c"}).with("num_outputs", 3);
  const Model pieces = split.output("a").output("b").output("c").parse();
  EXPECT_EQ(pieces.value(pieces.nodes[0].inputs[1]).constant->integers(), (std::vector<std::int64_t>{3, 3, 1}));

  OnnxBuilder softmax(11);
  softmax.input("x", {-1, 10, 1, 1}).node("Softmax", {"x"}, {"y"}).output("y");
  EXPECT_EQ(softmax.parse().nodes[0].as<AxisAttributes>().axis, 1);
  OnnxBuilder flattened(11);
  flattened.input("x", {-1, 10, 2}).node("Softmax", {"x"}, {"y"}).output("y");
  EXPECT_THAT(flattened.error(), AllOf(HasSubstr("Softmax '/y'"), HasSubstr("several axes")));
}

TEST(OnnxRead, TensorsInEveryEncoding) {
  OnnxBuilder b(18);
  b.input("x", {2}, onnx::TensorProto::FLOAT16);
  auto* half = b.constant("half", {2}, onnx::TensorProto::FLOAT16);
  half->add_int32_data(0x3c00);
  half->add_int32_data(0xbc00);
  b.node("Add", {"x", "half"}, {"y"}).output("y");
  const Model model = b.parse();
  const Tensor& tensor = *model.value(model.nodes[0].inputs[1]).constant;
  EXPECT_EQ(tensor.type, ElementType::f16);
  EXPECT_EQ(tensor.data<std::uint16_t>()[1], 0xbc00);
  half->set_int32_data(0, 70000);
  EXPECT_THAT(b.error(), HasSubstr("70000"));
  half->set_int32_data(0, -1);
  EXPECT_THAT(b.error(), HasSubstr("does not fit"));
}

// Everything refused: what the file holds, and words that its line must have.
TEST(OnnxRead, Refusals) {
  const auto relu = [](int opset = 13) {
    OnnxBuilder b(opset);
    b.input("x", {-1, 3}).node("Relu", {"x"}, {"y"}).output("y");
    return b;
  };
  const auto refused = [](const OnnxBuilder& b, const std::vector<std::string>& words) {
    const std::string line = b.error();
    for (const std::string& word : words) EXPECT_THAT(line, HasSubstr(word));
    EXPECT_EQ(line.find('\n'), std::string::npos);
  };
  EXPECT_EQ(relu().error(), "");
  refused(relu(24), {"test.onnx", "opset 24", "7 to 23"});
  refused(relu(6), {"opset 6"});
  OnnxBuilder b = relu();
  b.proto.clear_opset_import();
  refused(b, {"opset"});
  b = relu();
  b.last->set_op_type("GRU");
  refused(b, {"GRU '/y'", "does not know this operator"});
  b.last->set_op_type("bad\nname");
  refused(b, {"bad?name"});
  b = relu();
  b.last->set_domain("com.microsoft");
  refused(b, {"Relu '/y'", "com.microsoft"});
  auto* function = b.proto.add_functions();
  function->set_domain("com.microsoft");
  function->set_name("Relu");
  refused(b, {"call '/y'", "more inputs or outputs than its function", "inline"});
  function->add_input("x");
  function->add_output("y");
  refused(b, {"'y'"});  // it makes no output
  auto* call = function->add_node();
  call->set_domain("com.microsoft");
  call->set_op_type("Relu");
  call->add_input("x");
  call->add_output("y");
  refused(b, {"calls itself"});
  b = relu();
  b.with("alpha", 1.0f);
  refused(b, {"attribute 'alpha'"});
  b = relu();
  b.last->add_input("x");
  refused(b, {"2 inputs"});
  b = relu();
  b.last->set_input(0, "");
  refused(b, {"lacks its input 1"});
  b = relu();
  b.last->add_output("z");
  refused(b, {"2 outputs"});
  b = relu();
  b.last->set_input(0, "nothing");
  refused(b, {"'nothing'", "nothing makes"});
  b = relu();
  b.last->set_input(0, "z");
  b.node("Relu", {"y"}, {"z"});
  refused(b, {"'z' before it is made"});
  b = relu();
  b.node("Relu", {"x"}, {"y"});
  refused(b, {"two values have the name 'y'"});
  b = relu();
  b.graph().clear_output();
  refused(b, {"no outputs"});
  b = relu();
  b.output("missing");
  refused(b, {"'missing'"});
  b = relu();
  b.floats("\xff\xfe", {1});
  refused(b, {"UTF-8"});
  b = relu();
  b.node("If", {"x"}, {"z"});
  refused(b, {"If '/z'"});
  b = relu(13);
  b.node("HardSwish", {"x"}, {"z"});
  refused(b, {"opset 14"});
  b = relu();
  b.node("Cast", {"x"}, {"z"}).with("to", 8);
  refused(b, {"Cast '/z'"});
  b.last->mutable_attribute(0)->set_i((std::int64_t{1} << 32) + 1);
  refused(b, {"Cast '/z'"});
  b = relu();
  b.node("Concat", {"x"}, {"z"}).with("axis", 1.0f);
  refused(b, {"'axis' that is not an integer"});
  b = relu();
  b.node("Concat", {"x"}, {"z"});
  refused(b, {"lacks the attribute 'axis'"});
  b.with("axis", 2);
  refused(b, {"axis 2"});
  b = relu();
  b.graph().mutable_input(0)->mutable_type()->mutable_tensor_type()->set_elem_type(onnx::TensorProto::STRING);
  refused(b, {"input 'x'", "type"});
  b.graph().mutable_input(0)->mutable_type()->mutable_sequence_type();
  refused(b, {"input 'x'", "no tensor"});
  b = relu();
  b.graph().add_sparse_initializer();
  refused(b, {"sparse"});
  for (const char* op : {"If", "Loop", "GRU", "StringConcat"}) {
    b = relu();
    b.node(op, {"x"}, {"z"});
    refused(b, {op, "does not know"});
  }
  for (const auto& [op, what] : {std::pair("Resize", "neither scales nor sizes"),
                                 {"Upsample", "no operator of this"},
                                 {"Einsum", "'equation'"},
                                 {"DepthToSpace", "'blocksize'"},
                                 {"GatherND", "input 2"},
                                 {"Trilu", "opset 14"}}) {
    b = relu();
    b.node(op, {"x"}, {"z"});
    refused(b, {op, what});
  }
  b = relu();
  b.node("LpNormalization", {"x"}, {"z"}).with("p", 3);
  refused(b, {"order 3"});
}

TEST(OnnxRead, FunctionsBecomeTheirNodes) {
  // twice(x; slope) = leaky(leaky(x)), an inner function with an attribute handed down
  OnnxBuilder b(13);
  b.proto.add_opset_import()->set_domain("local");
  b.input("x", {-1, 3}).node("Twice", {"x"}, {"y"}).output("y");
  b.last->set_domain("local");
  b.with("slope", 0.25f);
  const auto function = [&](const char* name) {
    auto* f = b.proto.add_functions();
    f->set_domain("local");
    f->set_name(name);
    f->add_input("a");
    f->add_output("b");
    f->add_attribute("slope");
    return f;
  };
  const auto node = [](onnx::FunctionProto* f, const char* op, const char* in, const char* out, const char* attribute) {
    auto* n = f->add_node();
    n->set_op_type(op);
    n->add_input(in);
    n->add_output(out);
    auto* a = n->add_attribute();
    a->set_name(attribute);
    a->set_type(onnx::AttributeProto::FLOAT);
    a->set_ref_attr_name("slope");
    return n;
  };
  auto* twice = function("Twice");
  node(twice, "Once", "a", "middle", "slope")->set_domain("local");
  node(twice, "Once", "middle", "b", "slope")->set_domain("local");
  node(function("Once"), "LeakyRelu", "a", "b", "alpha");
  const Model model = b.parse();
  ASSERT_EQ(model.nodes.size(), 2u);
  for (const Node& n : model.nodes) {
    EXPECT_EQ(n.op, Op::leaky_relu);
    EXPECT_EQ(n.as<ScalarAttributes>().alpha, 0.25f);
  }
  EXPECT_EQ(model.value(model.outputs[0]).name, "y");
  b.proto.mutable_functions(1)->add_opset_import()->set_version(9);
  EXPECT_THAT(b.error(), HasSubstr("of opset 9"));
}

TEST(OnnxRead, TrainingIsRefused) {
  OnnxBuilder b(15);
  b.input("x", {-1, 3, 4}).floats("s", {3});
  b.node("BatchNormalization", {"x", "s", "s", "s", "s"}, {"y"}).with("training_mode", 1).output("y");
  EXPECT_THAT(b.error(), AllOf(HasSubstr("BatchNormalization '/y'"), HasSubstr("training")));
  OnnxBuilder d(13);
  d.input("x", {3}).node("Dropout", {"x"}, {"y", "mask"}).output("y").output("mask");
  const auto mask = d.parse();  // of a Dropout that drops nothing
  EXPECT_EQ(mask.value(mask.outputs[1]).constant->bytes, std::vector<std::uint8_t>(3, 1));
  OnnxBuilder t(13);
  t.input("x", {3}).floats("r", {}).constant("mode", {}, onnx::TensorProto::BOOL)->add_int32_data(1);
  t.node("Dropout", {"x", "r", "mode"}, {"y"}).output("y");
  EXPECT_THAT(t.error(), HasSubstr("training"));
}

TEST(OnnxRead, DamagedTensors) {
  const auto error = [](auto damage) {
    OnnxBuilder b = small_network();
    damage(*b.graph().mutable_initializer(0));
    return b.error();
  };
  EXPECT_THAT(error([](auto& t) { t.add_float_data(1); }), AllOf(HasSubstr("constant 'w'"), HasSubstr("109")));
  EXPECT_THAT(error([](auto& t) { t.set_dims(0, -4); }), HasSubstr("negative or too large"));
  EXPECT_THAT(error([](auto& t) { t.set_dims(0, std::int64_t{1} << 62); }), HasSubstr("too large"));
  EXPECT_THAT(error([](auto& t) {
                for (int i = 0; i < 4; ++i) t.set_dims(i, std::int64_t{1} << 20);
              }),
              HasSubstr("too large"));
  EXPECT_THAT(error([](auto& t) { t.set_dims(0, std::int64_t{1} << 35); }), HasSubstr("holds 108 numbers"));
  EXPECT_THAT(error([](auto& t) { t.set_raw_data("abc"); }), HasSubstr("holds 3 bytes"));
  EXPECT_THAT(error([](auto& t) { t.set_data_type(onnx::TensorProto::STRING); }), HasSubstr("STRING"));
  EXPECT_THAT(error([](auto& t) { t.set_data_type(999); }), HasSubstr("type"));
  EXPECT_THAT(error([](auto& t) { t.set_data_type(onnx::TensorProto::INT64); }), HasSubstr("numbers"));
}

TEST(OnnxRead, ExternalData) {
  const auto folder = std::filesystem::path(testing::TempDir()) / "pare_external";
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder / "inside");
  OnnxBuilder b = small_network();
  auto* t = b.graph().mutable_initializer(0);
  const std::string raw(reinterpret_cast<const char*>(t->float_data().data()), 108 * 4);
  t->clear_float_data();
  t->set_data_location(onnx::TensorProto::EXTERNAL);
  auto* location = t->add_external_data();
  location->set_key("location");
  auto* offset = t->add_external_data();
  offset->set_key("offset");
  offset->set_value("8");
  const auto read = [&](const std::string& where) -> std::string {
    location->set_value(where);
    write_file(folder / "inside" / "m.onnx", b.bytes());
    try {
      const Model model = read_onnx(folder / "inside" / "m.onnx");
      return model.value(model.nodes[0].inputs[1]).constant->data<float>()[107] == 0.5f ? "read" : "wrong";
    } catch (const Error& e) {
      return e.what();
    }
  };
  write_file(folder / "inside" / "w.bin", "padding!" + raw);
  write_file(folder / "w.bin", "padding!" + raw);
  std::filesystem::create_symlink(folder / "w.bin", folder / "inside" / "link.bin");
  EXPECT_EQ(read("w.bin"), "read");
  EXPECT_EQ(read("./w.bin"), "read");
  EXPECT_THAT(read("../w.bin"), HasSubstr("outside"));
  EXPECT_THAT(read("a/../../w.bin"), HasSubstr("outside"));
  EXPECT_THAT(read((folder / "w.bin").string()), HasSubstr("outside"));
  EXPECT_THAT(read("link.bin"), HasSubstr("outside"));
  EXPECT_THAT(read(""), HasSubstr("outside"));
  EXPECT_THAT(read("."), HasSubstr("cannot be read"));
  EXPECT_THAT(read("none.bin"), HasSubstr("cannot be read"));
  const std::string hash = read_onnx([&] {
                             read("w.bin");
                             return folder / "inside" / "m.onnx";
                           }())
                               .hash;
  std::string changed = raw;
  changed[0] ^= 1;
  write_file(folder / "inside" / "w.bin", "padding!" + changed);
  EXPECT_NE(read_onnx(folder / "inside" / "m.onnx").hash, hash);  // the weights belong to the hash
  offset->set_value("9");
  EXPECT_THAT(read("w.bin"), HasSubstr("ends too early"));
  offset->set_value("18446744073709551615");
  EXPECT_THAT(read("w.bin"), HasSubstr("ends too early"));
  offset->set_value("-1");
  EXPECT_THAT(read("w.bin"), HasSubstr("no number"));
  EXPECT_THAT(b.error(), HasSubstr("another file"));  // from bytes there is no folder
}

TEST(OnnxRead, NestedTooDeeplyIsOneLine) {
  OnnxBuilder b;
  onnx::GraphProto* graph = &b.graph();
  for (int i = 0; i < 60; ++i) {
    auto* attribute = graph->add_node()->add_attribute();
    attribute->set_type(onnx::AttributeProto::GRAPH);
    graph = attribute->mutable_g();
  }
  EXPECT_THAT(b.error(), HasSubstr("nested too deeply"));
}

/// No crash and no foreign exception, whatever the bytes are.
void must_end_well(const std::string& bytes) {
  try {
    parse_onnx(bytes, "hostile.onnx");
  } catch (const Error&) {
  }
}

TEST(OnnxRead, TruncatedAnywhere) {
  const std::string bytes = small_network().bytes();
  for (std::size_t n = 0; n < bytes.size(); ++n) {
    EXPECT_THROW(parse_onnx(bytes.substr(0, n), "cut.onnx"), Error) << n;
  }
}

TEST(OnnxRead, RandomDamage) {
  OnnxBuilder b = small_network();
  b.integers("shape", {0, -1}).node("Shape", {"relu"}, {"s"}).node("Gather", {"s", "shape"}, {"g"});
  b.node("Reshape", {"relu", "shape"}, {"r"}).node("Slice", {"relu", "shape", "shape"}, {"sl"});
  b.output("g").output("r").output("sl");
  const std::string bytes = b.bytes();
  Random random(11);
  for (int trial = 0; trial < 20000; ++trial) {
    std::string damaged = bytes;
    for (std::uint64_t i = random.below(4) + 1; i > 0; --i)
      damaged[random.below(damaged.size())] = static_cast<char>(random());
    must_end_well(damaged);
  }
}

}  // namespace
}  // namespace pare::model
