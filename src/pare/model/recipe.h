// What was decided for a model, as data. Today: number formats; later techniques add their sections.
#pragma once
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "pare/model/model.h"

namespace pare::model {

enum class TensorKind { weight, activation, input };
const char* name(TensorKind kind);

/// A value of the model stored in a number format.
struct QuantizedTensor {
  std::string value;  // its name in the model
  TensorKind kind = TensorKind::weight;
  number::Format format;
  Granularity granularity = Granularity::tensor;
  std::int64_t axis = 0, group_size = 0;
  std::vector<float> scales;         // 1, channels, or channels * groups of them; > 0
  std::vector<std::uint8_t> packed;  // weights only: the codes, packed, in row-major order of the constant
  double mse = 0;                    // mean squared error on the calibration data (weights: over all elements)
};

struct Recipe {
  static constexpr int schema = 1;

  std::string model_name, model_hash;
  number::Ties ties = number::Ties::away;
  std::string method;                          // "ant", "int", ... : who made it, for people
  std::vector<QuantizedTensor> tensors;        // distinct values
  std::map<std::string, Tensor> constants;     // constants of the model that are replaced, by name (corrected biases)
  std::map<std::string, Tensor> added_biases;  // by node name: a bias [channels] for a layer that had none
};

/// How apply() writes a quantised weight: the packed codes behind a Dequantize (what is deployed), or the float
/// constant behind a FakeQuantize (what is trained).
enum class WeightForm { packed, trainable };

/// The model with the recipe's decisions as operators. A quantised constant is dequantised once for all its readers. A
/// quantised activation is rounded once, and only the data inputs of Conv, Gemm and MatMul read the rounded value;
/// other readers (the Add of a shortcut) keep the float one. A bias added to a MatMul is an Add behind it. Throws Error
/// naming the first thing that does not fit: another model's hash, an unknown value, a wrong number of scales or codes.
Model apply(const Model& model, const Recipe& recipe, WeightForm form = WeightForm::packed);

/// Writes `folder`/recipe.json (for people) and `folder`/recipe.safetensors (scales, codes, constants).
void write_recipe(const std::filesystem::path& folder, const Recipe& recipe);

/// Reads a recipe from its folder or its recipe.json. Throws Error.
Recipe read_recipe(const std::filesystem::path& path);

/// The same from the bytes of its two files, whose hash is not compared; `where` is used in messages.
Recipe parse_recipe(std::string_view json, std::string_view numbers, const std::string& where);

/// Bytes of the file recipe.safetensors: what the quantised network really takes.
std::size_t stored_bytes(const Recipe& recipe);

/// Bytes of the quantised network's weights: those of recipe.safetensors, and the float constants that the recipe
/// leaves as they are (embeddings, biases), as count() counts them.
std::size_t weight_bytes(const Model& model, const Recipe& recipe);

}  // namespace pare::model
