#include "pare/cluster/transformer.h"

#include <fmt/format.h>

#include <initializer_list>
#include <nlohmann/json.hpp>

#include "pare/base/error.h"
#include "pare/base/file.h"

namespace pare::cluster {
namespace {

using nlohmann::json;

constexpr std::int64_t most = std::int64_t{1} << 24;  // of any width
constexpr double most_parameters = 0x1p60;            // so that sums of products stay whole numbers of 64 bits

class Config {
 public:
  Config(const std::string& text, const std::string& where) : where_(where) {
    values_ = json::parse(text, nullptr, /*allow_exceptions=*/false);
    if (!values_.is_object()) throw Error("is no JSON object", where, "give a config.json as transformers writes it");
  }

  /// The first of the names that is there.
  std::int64_t integer(std::initializer_list<const char*> names, std::int64_t otherwise = -1) const {
    for (const char* name : names) {
      const auto found = values_.find(name);
      if (found == values_.end() || found->is_null()) continue;
      if (!found->is_number_integer() || found->get<std::int64_t>() < 1 || found->get<std::int64_t>() > most)
        throw Error(fmt::format("'{}' must be a whole number from 1 to {}", name, most), where_);
      return found->get<std::int64_t>();
    }
    if (otherwise < 0) throw Error(fmt::format("has no '{}'", *names.begin()), where_, "add it");
    return otherwise;
  }

  bool boolean(const char* name, bool otherwise) const {
    const auto found = values_.find(name);
    if (found == values_.end() || found->is_null()) return otherwise;
    if (!found->is_boolean()) throw Error(fmt::format("'{}' must be true or false", name), where_);
    return found->get<bool>();
  }

  std::string text(const char* name) const {
    const auto found = values_.find(name);
    return found != values_.end() && found->is_string() ? found->get<std::string>() : "";
  }

 private:
  json values_;
  std::string where_;
};

}  // namespace

std::int64_t Transformer::layer_expert_parameters() const { return experts * hidden * feed_forward * (gated ? 3 : 2); }

std::int64_t Transformer::layer_matrix_parameters() const {
  if (perceptron) return hidden * hidden;
  const std::int64_t attention = hidden * head_width * (2 * heads + 2 * kv_heads);
  if (experts > 0) return attention + hidden * experts + layer_expert_parameters();
  return attention + hidden * feed_forward * (gated ? 3 : 2);
}

std::int64_t Transformer::layer_whole_parameters() const { return 2 * hidden * (biases ? 3 : 1); }

std::int64_t Transformer::layer_parameters() const {
  if (perceptron) return layer_matrix_parameters() + hidden;
  const std::int64_t bias =
      biases ? head_width * (heads + 2 * kv_heads) + 2 * hidden + feed_forward * (gated ? 2 : 1) : 0;
  return layer_matrix_parameters() + bias + 2 * hidden * (biases ? 2 : 1);
}

std::int64_t Transformer::embedding_parameters() const { return perceptron ? 0 : (vocabulary + positions) * hidden; }

std::int64_t Transformer::head_parameters() const {
  return (tied ? 0 : vocabulary * hidden) + hidden * (biases ? 2 : 1);
}

std::int64_t Transformer::parameters() const {
  return layers * layer_parameters() + embedding_parameters() + head_parameters();
}

double Transformer::model_flops() const {
  const auto s = static_cast<double>(sequence);
  const std::int64_t idle_experts =
      experts > 0 ? layer_expert_parameters() / experts * (experts - experts_per_token) : 0;
  const double matrices = 2 * s * static_cast<double>(layers * (layer_matrix_parameters() - idle_experts));
  const double attention = perceptron ? 0 : 4 * s * s * static_cast<double>(layers * heads * head_width);
  const double head = 2 * s * static_cast<double>(hidden * vocabulary);
  return 3 * (matrices + attention + head);
}

namespace {

void check_size(const Transformer& t, const std::string& where) {
  const auto wide = [](std::int64_t value) { return static_cast<double>(value); };
  if (wide(t.layers) * wide(t.hidden) * (4 * wide(t.heads) * wide(t.head_width) + 3 * wide(t.feed_forward)) +
          2 * wide(t.vocabulary) * wide(t.hidden) >
      most_parameters)
    throw Error("has more parameters than any network", where, "check its sizes");
}

Transformer perceptron(const Config& config, const std::string& text, const std::string& where, std::int64_t sequence) {
  Transformer t;
  t.name = "mlp";
  t.perceptron = true;
  t.tied = false;
  t.hidden = t.feed_forward = t.head_width = config.integer({"hidden_size"});
  t.layers = config.integer({"num_hidden_layers"});
  t.vocabulary = config.integer({"vocab_size"});
  t.heads = t.kv_heads = 1;
  t.sequence = std::max<std::int64_t>(1, sequence);
  check_size(t, where);
  t.hash = content_hash(text);
  return t;
}

}  // namespace

Transformer parse_transformer(const std::string& text, const std::string& where, std::int64_t sequence) {
  const Config config(text, where);
  const std::string type = config.text("model_type");
  Transformer t;
  t.name = type;
  const bool gpt2 = type == "gpt2", bert = type == "bert",
             llama = type == "llama" || type == "mistral" || type == "qwen2";
  if (type == "mlp") return perceptron(config, text, where, sequence);
  if (!gpt2 && !bert && !llama)
    throw Error(type.empty() ? "has no 'model_type'"
                             : fmt::format("is of the type '{}', which pare does not know", printable(type)),
                where, "bert, gpt2, llama, mistral, qwen2 and mlp are known");
  t.hidden = config.integer({"hidden_size", "n_embd"});
  t.layers = config.integer({"num_hidden_layers", "n_layer"});
  t.heads = config.integer({"num_attention_heads", "n_head"});
  t.kv_heads = config.integer({"num_key_value_heads"}, t.heads);
  t.vocabulary = config.integer({"vocab_size"});
  t.feed_forward = config.integer({"intermediate_size", "n_inner"}, gpt2 ? 4 * t.hidden : -1);
  if (t.hidden % t.heads && config.integer({"head_dim"}, 0) == 0)
    throw Error(fmt::format("hidden size {} is no multiple of {} heads", t.hidden, t.heads), where);
  t.head_width = config.integer({"head_dim"}, t.hidden / t.heads);
  if (t.heads % t.kv_heads)
    throw Error(fmt::format("{} heads are no multiple of {} key-value heads", t.heads, t.kv_heads), where);
  check_size(t, where);
  const std::int64_t positions = config.integer({"max_position_embeddings", "n_positions"});
  t.positions = llama ? 0 : positions;
  t.sequence = sequence > 0 ? sequence : positions;
  if (!llama && t.sequence > positions)
    throw Error(fmt::format("{} tokens a sample are more than its {} positions", t.sequence, positions), where,
                "give a smaller --sequence");
  t.gated = llama;
  t.causal = !bert;
  t.biases = !llama;
  t.tied = config.boolean("tie_word_embeddings", !llama);
  t.hash = content_hash(text);
  return t;
}

Transformer read_transformer(const std::filesystem::path& path, std::int64_t sequence) {
  return parse_transformer(read_file(path, 1 << 20), path.string(), sequence);
}

}  // namespace pare::cluster
