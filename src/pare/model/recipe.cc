// Recipes as files: recipe.json says what was decided, recipe.safetensors beside it holds the numbers. Reading trusts
// neither; what needs the model is checked by apply().
#include "pare/model/recipe.h"

#include <fmt/format.h>

#include <cmath>
#include <cstring>
#include <functional>
#include <nlohmann/json.hpp>
#include <set>

#include "pare/base/error.h"
#include "pare/base/file.h"
#include "pare/io/safetensors.h"
#include "pare/model/count.h"

namespace pare::model {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kinds[] = {"weight", "activation", "input"};
constexpr const char* granularities[] = {"tensor", "channel", "group"};
constexpr const char* ties_names[] = {"away", "published", "even"};
constexpr const char* numbers_file = "recipe.safetensors";

/// Element types by their names in safetensors.
constexpr std::pair<ElementType, const char*> dtypes[] = {
    {ElementType::f32, "F32"},     {ElementType::f64, "F64"}, {ElementType::f16, "F16"}, {ElementType::bf16, "BF16"},
    {ElementType::i8, "I8"},       {ElementType::u8, "U8"},   {ElementType::i16, "I16"}, {ElementType::u16, "U16"},
    {ElementType::i32, "I32"},     {ElementType::u32, "U32"}, {ElementType::i64, "I64"}, {ElementType::u64, "U64"},
    {ElementType::boolean, "BOOL"}};

io::SafeTensor stored(const Tensor& tensor) {
  for (const auto& [type, dtype] : dtypes)
    if (type == tensor.type) return {dtype, tensor.shape, {tensor.bytes.begin(), tensor.bytes.end()}};
  return {};
}

std::string numbers_of(const Recipe& recipe) {
  std::map<std::string, io::SafeTensor> tensors;
  for (const QuantizedTensor& t : recipe.tensors) {
    tensors["scales/" + t.value] = stored(Tensor::f32({static_cast<std::int64_t>(t.scales.size())}, t.scales));
    if (t.kind == TensorKind::weight)
      tensors["codes/" + t.value] = stored({ElementType::u8, {static_cast<std::int64_t>(t.packed.size())}, t.packed});
  }
  for (const auto& [value, tensor] : recipe.constants) tensors["constants/" + value] = stored(tensor);
  for (const auto& [node, tensor] : recipe.added_biases) tensors["added_biases/" + node] = stored(tensor);
  return io::to_safetensors(tensors);
}

/// One object of recipe.json, with the place for messages.
class Reader {
 public:
  Reader(const Json& json, std::string where) : json_(json), where_(std::move(where)) {
    if (!json.is_object()) fail("is no object");
  }

  [[noreturn]] void fail(const std::string& what) const {
    throw Error(what, where_, "a recipe is written by pare quantize");
  }

  const Json& field(const char* key) const {
    const auto found = json_.find(key);
    if (found == json_.end()) fail(fmt::format("lacks \"{}\"", key));
    return *found;
  }
  std::string text(const char* key) const {
    if (!field(key).is_string()) fail(fmt::format("has a \"{}\" that is no text", key));
    return field(key).get<std::string>();
  }
  std::int64_t integer(const char* key) const {
    if (!field(key).is_number_integer()) fail(fmt::format("has a \"{}\" that is no integer", key));
    return field(key).get<std::int64_t>();
  }
  const Json& list(const char* key) const {
    if (!field(key).is_array()) fail(fmt::format("has a \"{}\" that is no list", key));
    return field(key);
  }
  /// A figure that is no finite number is written as null.
  double figure(const char* key) const {
    if (field(key).is_null()) return std::nan("");
    if (!field(key).is_number()) fail(fmt::format("has a \"{}\" that is no number", key));
    return field(key).get<double>();
  }
  template <typename Enum, std::size_t n>
  Enum choice(const char* key, const char* const (&names)[n]) const {
    const std::string given = text(key);
    for (std::size_t i = 0; i < n; ++i)
      if (given == names[i]) return static_cast<Enum>(i);
    fail(fmt::format("has an unknown \"{}\", '{}'", key, printable(given)));
  }
  Reader inside(const char* key) const { return {field(key), fmt::format("{}: \"{}\"", where_, key)}; }
  const std::string& where() const { return where_; }

 private:
  const Json& json_;
  std::string where_;
};

class RecipeReader {
 public:
  /// `numbers_for` gives the bytes of the numbers that have the hash in the JSON.
  RecipeReader(std::string_view text, std::string where,
               const std::function<std::string(const std::string& hash)>& numbers_for)
      : where_(std::move(where)) {
    const Json json = Json::parse(text, nullptr, false);
    if (json.is_discarded()) throw Error("is no JSON, or is damaged", where_, "a recipe is written by pare quantize");
    const Reader reader(json, where_);
    if (const auto schema = reader.integer("schema"); schema != Recipe::schema)
      reader.fail(fmt::format("has schema {}, this pare knows {}", schema, Recipe::schema));
    recipe_.model_name = reader.inside("model").text("name");
    recipe_.model_hash = reader.inside("model").text("hash");
    recipe_.method = reader.text("method");
    recipe_.ties = reader.choice<number::Ties>("ties", ties_names);
    numbers_ = io::parse_safetensors(numbers_for(reader.inside("numbers").text("hash")), where_ + ": its numbers");
    for (const Json& tensor : reader.list("tensors"))
      read_tensor(Reader(tensor, fmt::format("{}: tensor {}", where_, recipe_.tensors.size() + 1)));
    read_constants(reader, "constants", recipe_.constants);
    read_constants(reader, "added_biases", recipe_.added_biases);
    if (!numbers_.empty())
      reader.fail(fmt::format("does not mention '{}' of {}", printable(numbers_.begin()->first), numbers_file));
  }

  Recipe take() { return std::move(recipe_); }

 private:
  Tensor take(const std::string& key, const Reader& reader) {
    const auto found = numbers_.find(key);
    if (found == numbers_.end()) reader.fail(fmt::format("needs '{}', which {} lacks", printable(key), numbers_file));
    Tensor tensor;
    bool known = false;
    for (const auto& [type, dtype] : dtypes)
      if (found->second.dtype == dtype) {
        tensor.type = type;
        known = true;
      }
    if (!known) reader.fail(fmt::format("has '{}' of an unknown type", printable(key)));
    tensor.shape = found->second.shape;
    tensor.bytes.assign(found->second.bytes.begin(), found->second.bytes.end());
    numbers_.erase(found);
    return tensor;
  }

  void read_tensor(const Reader& reader) {
    QuantizedTensor t;
    t.value = reader.text("value");
    if (!values_.insert(t.value).second) reader.fail(fmt::format("names '{}' a second time", printable(t.value)));
    t.kind = reader.choice<TensorKind>("kind", kinds);
    try {
      t.format = number::parse_format(reader.text("format"));
    } catch (const UsageError& error) {
      reader.fail(error.what());
    }
    t.granularity = reader.choice<Granularity>("granularity", granularities);
    if (t.granularity != Granularity::tensor) t.axis = reader.integer("axis");
    if (t.granularity == Granularity::group) t.group_size = reader.integer("group_size");
    t.mse = reader.figure("mse");

    const Tensor scales = take("scales/" + t.value, reader);
    if (scales.type != ElementType::f32) reader.fail("has scales that are not float32");
    t.scales.resize(scales.elements());
    if (!t.scales.empty()) std::memcpy(t.scales.data(), scales.bytes.data(), scales.bytes.size());
    if (static_cast<std::int64_t>(t.scales.size()) != reader.integer("scales"))
      reader.fail(fmt::format("says another number of scales than {} has", numbers_file));
    for (const float scale : t.scales)
      if (!(scale > 0) || !std::isfinite(scale)) reader.fail(fmt::format("has the scale {}", scale));
    if (t.kind == TensorKind::weight) {
      Tensor codes = take("codes/" + t.value, reader);
      if (codes.type != ElementType::u8) reader.fail("has codes that are no bytes");
      t.packed = std::move(codes.bytes);
    }
    recipe_.tensors.push_back(std::move(t));
  }

  void read_constants(const Reader& reader, const char* key, std::map<std::string, Tensor>& into) {
    for (const Json& name : reader.list(key)) {
      if (!name.is_string()) reader.fail(fmt::format("has a name in \"{}\" that is no text", key));
      const std::string text = name.get<std::string>();
      if (into.contains(text)) reader.fail(fmt::format("names '{}' twice in \"{}\"", printable(text), key));
      into.emplace(text, take(fmt::format("{}/{}", key, text), reader));
    }
  }

  std::string where_;
  std::map<std::string, io::SafeTensor> numbers_;
  std::set<std::string> values_;
  Recipe recipe_;
};

}  // namespace

const char* name(TensorKind kind) { return kinds[static_cast<std::size_t>(kind)]; }

void write_recipe(const std::filesystem::path& folder, const Recipe& recipe) {
  const std::string numbers = numbers_of(recipe);
  Json json{{"pare", PARE_VERSION},
            {"schema", Recipe::schema},
            {"model", {{"name", recipe.model_name}, {"hash", recipe.model_hash}}},
            {"method", recipe.method},
            {"ties", ties_names[static_cast<std::size_t>(recipe.ties)]},
            {"numbers", {{"file", numbers_file}, {"hash", content_hash(numbers)}}},
            {"tensors", Json::array()},
            {"constants", Json::array()},
            {"added_biases", Json::array()}};
  for (const QuantizedTensor& t : recipe.tensors) {
    Json tensor{{"value", t.value},
                {"kind", name(t.kind)},
                {"format", number::name(t.format)},
                {"granularity", granularities[static_cast<std::size_t>(t.granularity)]}};
    if (t.granularity != Granularity::tensor) tensor["axis"] = t.axis;
    if (t.granularity == Granularity::group) tensor["group_size"] = t.group_size;
    tensor["scales"] = t.scales.size();
    tensor["mse"] = t.mse;
    json["tensors"].push_back(std::move(tensor));
  }
  for (const auto& [value, tensor] : recipe.constants) json["constants"].push_back(value);
  for (const auto& [node, tensor] : recipe.added_biases) json["added_biases"].push_back(node);
  // the numbers first: a reader that comes between sees an old recipe.json whose hash does not fit, not a wrong network
  write_file(folder / numbers_file, numbers);
  write_file(folder / "recipe.json", json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
}

Recipe read_recipe(const std::filesystem::path& path) {
  std::error_code unknown;  // what is no folder is for read_file to refuse
  const std::filesystem::path json = std::filesystem::is_directory(path, unknown) ? path / "recipe.json" : path;
  const auto numbers_for = [&](const std::string& hash) {
    const std::filesystem::path beside = json.parent_path() / numbers_file;
    std::string bytes = read_file(beside);
    if (content_hash(bytes) != hash)
      throw Error(fmt::format("does not belong to {}: its hash is another", printable(json.string())), beside.string(),
                  "keep the two files of a recipe together");
    return bytes;
  };
  return RecipeReader(read_file(json, std::size_t{1} << 28), json.string(), numbers_for).take();
}

Recipe parse_recipe(std::string_view json, std::string_view numbers, const std::string& where) {
  return RecipeReader(json, where, [&](const std::string&) { return std::string(numbers); }).take();
}

std::size_t stored_bytes(const Recipe& recipe) { return numbers_of(recipe).size(); }

std::size_t weight_bytes(const Model& model, const Recipe& recipe) {
  std::set<std::string> seen;  // stored in the recipe, or counted
  for (const QuantizedTensor& tensor : recipe.tensors) seen.insert(tensor.value);
  for (const auto& [constant, tensor] : recipe.constants) seen.insert(constant);
  std::size_t bytes = stored_bytes(recipe);
  for (const Node& node : model.nodes)
    for (std::size_t i = 0; i < node.inputs.size(); ++i)
      if (is_parameter(model, node, i) && seen.insert(model.value(node.inputs[i]).name).second)
        bytes += model.value(node.inputs[i]).constant->bytes.size();
  return bytes;
}

}  // namespace pare::model
