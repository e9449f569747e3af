// Recipes: what they make of a model, what they refuse, and their files.
#include "pare/model/recipe.h"

#include <gmock/gmock.h>

#include <cmath>
#include <filesystem>
#include <functional>
#include <limits>

#include "onnx_builder.h"
#include "pare/base/file.h"
#include "pare/base/random.h"
#include "pare/model/count.h"
#include "pare/model/shapes.h"

namespace pare::model {
namespace {

using testing::HasSubstr;

std::size_t count_op(const Model& model, Op op) {
  return static_cast<std::size_t>(
      std::count_if(model.nodes.begin(), model.nodes.end(), [&](const Node& n) { return n.op == op; }));
}

/// Two convolutions that share a weight and read the ReLU that an Add reads too; a MatMul at the end.
Model model_to_quantize() {
  OnnxBuilder b;
  b.input("image", {-1, 3, 4, 4}).floats("w0", {3, 3, 1, 1}).floats("w1", {3, 3, 1, 1}).floats("wm", {4, 5});
  b.floats("bias", {3});
  b.node("Conv", {"image", "w0", "bias"}, {"c0"}).node("Relu", {"c0"}, {"r"});
  b.node("Conv", {"r", "w1"}, {"c1"}).node("Conv", {"r", "w1"}, {"c2"});
  b.node("Add", {"c1", "r"}, {"a"}).node("Add", {"a", "c2"}, {"s"}).node("MatMul", {"s", "wm"}, {"y"}).output("y");
  return b.parse();
}

const number::Format int4{.family = number::Family::integer, .bits = 4, .is_signed = true};

Recipe recipe_for(const Model& model) {
  Recipe r{.model_name = model.name, .model_hash = model.hash, .method = "int"};
  r.tensors.push_back({.value = "w1",
                       .kind = TensorKind::weight,
                       .format = int4,
                       .granularity = Granularity::channel,
                       .axis = 0,
                       .scales = {0.1f, 0.2f, 0.3f},
                       .packed = std::vector<std::uint8_t>(5, 0x21),
                       .mse = 0.25});
  r.tensors.push_back({.value = "r", .kind = TensorKind::activation, .format = int4, .scales = {0.5f}});
  r.tensors.push_back({.value = "image", .kind = TensorKind::input, .format = int4, .scales = {0.7f}});
  r.constants["bias"] = Tensor::f32({3}, {1, 2, 3});
  r.added_biases["/c1"] = Tensor::f32({3}, {4, 5, 6});
  r.added_biases["/y"] = Tensor::f32({5}, {1, 2, 3, 4, 5});
  return r;
}

TEST(Apply, WritesDecisionsAsOperators) {
  const Model model = model_to_quantize();
  const Model q = apply(model, recipe_for(model));
  EXPECT_EQ(count_op(q, Op::dequantize), 1u);  // once for both readers
  EXPECT_EQ(count_op(q, Op::fake_quantize), 2u);
  const auto node = [&](const std::string& name) -> const Node& {
    for (const Node& n : q.nodes)
      if (n.name == name) return n;
    throw std::out_of_range(name);
  };
  EXPECT_EQ(q.value(node("/c0").inputs[0]).name, "image/quantized");
  EXPECT_EQ(q.value(node("/c1").inputs[0]).name, "r/quantized");
  EXPECT_EQ(node("/c1").inputs[0], node("/c2").inputs[0]);
  EXPECT_EQ(node("/c1").inputs[1], node("/c2").inputs[1]);
  EXPECT_EQ(q.value(node("/a").inputs[1]).name, "r");  // no layer: keeps the float value
  EXPECT_EQ(q.value(node("/c0").inputs[2]).constant->data<float>()[2], 3.0f);
  EXPECT_EQ(q.value(node("/c1").inputs[2]).constant->data<float>()[0], 4.0f);
  EXPECT_EQ(node("/c2").inputs.size(), 2u);
  EXPECT_EQ(q.value(q.outputs[0]).name, "y");
  EXPECT_EQ(q.nodes.back().op, Op::add);  // the bias of the MatMul
  EXPECT_EQ(to_string(q.value(q.outputs[0]).shape), "[N, 3, 4, 5]");
  // every node reads only what is made before it
  std::vector<bool> made(q.values.size(), false);
  for (const ValueId id : q.inputs) made[static_cast<std::size_t>(id)] = true;
  for (const Node& n : q.nodes) {
    for (const ValueId id : n.inputs) EXPECT_TRUE(made[static_cast<std::size_t>(id)] || q.value(id).constant) << n.name;
    for (const ValueId id : n.outputs) made[static_cast<std::size_t>(id)] = true;
  }
  EXPECT_EQ(count(q).parameters, count(model).parameters + 3 + 5);
  EXPECT_EQ(count(q).macs, count(model).macs);
  EXPECT_EQ(count(q).weight_bytes, 4 * (9 + 20 + 3 + 3 + 5) + 5 + 12);
  EXPECT_TRUE(model.value(model.find("w1")).constant);  // the model itself is as it was
}

TEST(Apply, TrainableKeepsTheFloats) {
  const Model model = model_to_quantize();
  const Model q = apply(model, recipe_for(model), WeightForm::trainable);
  EXPECT_EQ(count_op(q, Op::fake_quantize), 3u);
  EXPECT_TRUE(q.value(q.find("w1")).constant);
}

TEST(Apply, RefusesWhatDoesNotFit) {
  const Model model = model_to_quantize();
  const auto refused = [&](const std::function<void(Recipe&)>& change, const std::string& where,
                           const std::string& words) {
    Recipe r = recipe_for(model);
    change(r);
    try {
      apply(model, r);
      ADD_FAILURE() << "not refused: " << words;
    } catch (const Error& e) {
      EXPECT_THAT(e.what(), HasSubstr(where));
      EXPECT_THAT(e.what(), HasSubstr(words));
    }
  };
  refused([](Recipe& r) { r.model_hash = "0"; }, "recipe", "hash");
  refused([](Recipe& r) { r.tensors[0].value = "w9"; }, "'w9'", "no value");
  refused([](Recipe& r) { r.tensors[0].value = "r"; }, "'r'", "no float32 constant");
  refused([](Recipe& r) { r.tensors.push_back(r.tensors[1]); }, "'r'", "twice");
  refused([](Recipe& r) { r.tensors[0].scales.pop_back(); }, "'w1'", "2 scales where 3");
  refused([](Recipe& r) { r.tensors[0].scales[1] = 0; }, "'w1'", "scale 0");
  refused([](Recipe& r) { r.tensors[0].scales[1] = std::nanf(""); }, "'w1'", "scale nan");
  refused([](Recipe& r) { r.tensors[0].axis = 4; }, "'w1'", "axis 4");
  refused([](Recipe& r) { r.tensors[0].packed.pop_back(); }, "'w1'", "4 bytes of codes where 5");
  refused([](Recipe& r) { r.tensors[0].format.bits = 9; }, "'w1'", "");
  refused(
      [](Recipe& r) {
        r.tensors[0].granularity = Granularity::group;
        r.tensors[0].group_size = 0;
      },
      "'w1'", "groups");
  refused([](Recipe& r) { r.tensors[1].value = "w0"; }, "'w0'", "constant");
  refused([](Recipe& r) { r.tensors[1].value = "a"; }, "'a'", "no convolution");
  refused([](Recipe& r) { r.tensors[1].kind = TensorKind::input; }, "'r'", "no input");
  refused([](Recipe& r) { r.tensors[1].granularity = Granularity::channel; }, "'r'", "not known");
  refused([](Recipe& r) { r.tensors[1].packed = {1}; }, "'r'", "codes");
  refused([](Recipe& r) { r.constants["bias"] = Tensor::f32({2}, {1, 2}); }, "'bias'", "elements");
  refused([](Recipe& r) { r.constants["r"] = Tensor::f32({3}, {1, 2, 3}); }, "'r'", "no constant");
  refused([](Recipe& r) { r.added_biases["/c0"] = Tensor::f32({3}, {1, 2, 3}); }, "'/c0'", "bias already");
  refused([](Recipe& r) { r.added_biases["/c2"] = Tensor::f32({4}, {1, 2, 3, 4}); }, "'/c2'", "4 elements for 3");
  refused([](Recipe& r) { r.added_biases["/r"] = Tensor::f32({3}, {1, 2, 3}); }, "'/r'", "no bias");
  refused([](Recipe& r) { r.added_biases["none"] = Tensor::f32({3}, {1, 2, 3}); }, "'none'", "no node");
}

class RecipeFiles : public testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::remove_all(folder);
    model = model_to_quantize();
    recipe = recipe_for(model);
    write_recipe(folder, recipe);
  }
  std::string json() const { return read_file(folder / "recipe.json"); }
  std::string error() const {
    try {
      read_recipe(folder);
    } catch (const Error& e) {
      return e.what();
    }
    return {};
  }
  void replace(const std::string& old_text, const std::string& new_text) const {
    std::string text = json();
    const auto at = text.find(old_text);
    ASSERT_NE(at, std::string::npos) << old_text;
    write_file(folder / "recipe.json", text.replace(at, old_text.size(), new_text));
  }

  std::filesystem::path folder = std::filesystem::path(testing::TempDir()) / "pare_recipe";
  Model model;
  Recipe recipe;
};

TEST_F(RecipeFiles, ComeBackAsTheyWere) {
  for (const auto& path : {folder, folder / "recipe.json"}) {
    const Recipe r = read_recipe(path);
    EXPECT_EQ(r.model_hash, recipe.model_hash);
    EXPECT_EQ(r.method, "int");
    ASSERT_EQ(r.tensors.size(), 3u);
    for (std::size_t i = 0; i < 3; ++i) {
      EXPECT_EQ(r.tensors[i].value, recipe.tensors[i].value);
      EXPECT_EQ(r.tensors[i].kind, recipe.tensors[i].kind);
      EXPECT_EQ(r.tensors[i].format, recipe.tensors[i].format);
      EXPECT_EQ(r.tensors[i].granularity, recipe.tensors[i].granularity);
      EXPECT_EQ(r.tensors[i].axis, recipe.tensors[i].axis);
      EXPECT_EQ(r.tensors[i].scales, recipe.tensors[i].scales);
      EXPECT_EQ(r.tensors[i].packed, recipe.tensors[i].packed);
      EXPECT_EQ(r.tensors[i].mse, recipe.tensors[i].mse);
    }
    EXPECT_EQ(r.constants.at("bias").bytes, recipe.constants.at("bias").bytes);
    EXPECT_EQ(r.added_biases.at("/y").shape, (std::vector<std::int64_t>{5}));
    EXPECT_EQ(to_onnx(apply(model, r)), to_onnx(apply(model, recipe)));
  }
  EXPECT_EQ(stored_bytes(recipe), std::filesystem::file_size(folder / "recipe.safetensors"));
}

TEST_F(RecipeFiles, RefusalsOfOneLine) {
  const auto refused = [&](const std::string& old_text, const std::string& new_text, const std::string& words) {
    write_recipe(folder, recipe);
    replace(old_text, new_text);
    EXPECT_THAT(error(), HasSubstr(words));
    EXPECT_THAT(error(), HasSubstr("recipe"));
    EXPECT_EQ(error().find('\n'), std::string::npos);
  };
  refused("\"schema\": 1", "\"schema\": 2", "schema 2");
  refused("\"schema\": 1", "\"schema\": \"1\"", "no integer");
  refused("\"int4\"", "\"int9\"", "tensor 1");
  refused("\"activation\"", "\"bias\"", "kind");
  refused("\"channel\"", "\"row\"", "granularity");
  refused("\"scales\": 3", "\"scales\": 4", "number of scales");
  refused("\"r\"", "\"q\"", "scales/q");
  refused("\"r\"", "\"w1\"", "second time");
  refused("\"away\"", "\"up\"", "ties");
  refused("\"constants\": [\n    \"bias\"\n  ]", "\"constants\": []", "does not mention 'constants/bias'");
  refused("\"tensors\": [", "\"tensors\": [ 1,", "no object");
  refused("{", "[", "JSON");
  write_recipe(folder, recipe);
  std::string numbers = read_file(folder / "recipe.safetensors");
  numbers.back() ^= 1;
  write_file(folder / "recipe.safetensors", numbers);
  EXPECT_THAT(error(), HasSubstr("hash"));
  std::filesystem::remove(folder / "recipe.safetensors");
  EXPECT_THAT(error(), HasSubstr("recipe.safetensors"));
  std::filesystem::remove_all(folder);
  EXPECT_NE(error(), "");
}

TEST_F(RecipeFiles, CutAndDamagedAnywhere) {
  const std::string text = json();
  for (std::size_t n = 0; n + 2 < text.size(); n += 3) {
    write_file(folder / "recipe.json", text.substr(0, n));
    EXPECT_NE(error(), "") << n;
  }
  Random random(3);
  for (int trial = 0; trial < 1000; ++trial) {
    std::string damaged = text;
    damaged[random.below(damaged.size())] = static_cast<char>(random());
    write_file(folder / "recipe.json", damaged);
    error();  // an Error or a Recipe, nothing else
  }
}

}  // namespace
}  // namespace pare::model
