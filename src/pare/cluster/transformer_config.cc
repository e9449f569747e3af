// Transformers out of a config.json.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

#include "pare/base/error.h"
#include "pare/base/file.h"
#include "pare/cluster/transformer.h"

namespace pare::cluster {
namespace {

double real(std::int64_t value) { return static_cast<double>(value); }

Transformer perceptron(const Config& config, std::int64_t sequence) {
  Transformer t;
  t.name = "mlp";
  t.perceptron = true;
  t.tied = false;
  t.hidden = t.feed_forward = t.head_width = config.integer({"hidden_size"});
  t.layers = config.integer({"num_hidden_layers"});
  t.vocabulary = config.integer({"vocab_size"});
  t.heads = t.kv_heads = 1;
  t.sequence = std::max<std::int64_t>(1, sequence);
  t.check_size(config.where());
  return t;
}

/// Patches of an image and the class token.
void read_image(const Config& config, Transformer& t, std::int64_t sequence) {
  const std::int64_t size = config.integer({"image_size"}), side = config.integer({"patch_size"});
  if (size % side)
    throw Error(fmt::format("an image of {} is no multiple of a patch of {}", size, side), config.where());
  const std::int64_t channels = config.integer({"num_channels"}, 3);
  if (real(channels) * real(side) * real(side) > 1 << 24 || size / side > 1 << 12)
    throw Error(fmt::format("an image of {} in patches of {} is larger than any", size, side), config.where());
  t.patch = channels * side * side;
  t.sequence = t.positions = (size / side) * (size / side) + 1;
  if (sequence > 0 && sequence != t.sequence)
    throw UsageError(fmt::format("an image of {} has {} tokens", size, t.sequence), "--sequence", "leave it out");
  t.vocabulary = config.entries("id2label") > 0 ? config.entries("id2label") : config.integer({"num_labels"}, 2);
  t.tied = t.causal = false;
  t.dropout = config.likely({"hidden_dropout_prob"}, false);
  t.qkv_biases = config.boolean("qkv_bias", true);
}

/// What is the same in all networks of a type, or so unless their configuration says otherwise.
struct Family {
  std::string_view type;
  bool encoder;         // sees later words, and is trained to fill in masked ones
  bool position_table;  // learned; else rotary positions or biases of scores (ALiBi), which have no parameters
  bool gated, biases, qkv_biases, tied, dropout;
};

constexpr std::array<Family, 13> families{{
    // type      encoder table  gated  biases qkv    tied   dropout
    {"bert", true, true, false, true, true, true, true},
    {"roberta", true, true, false, true, true, true, true},
    {"gpt2", false, true, false, true, true, true, true},
    {"opt", false, true, false, true, true, true, true},
    {"bloom", false, false, false, true, true, true, false},
    {"gpt_neox", false, false, false, true, true, false, false},
    {"gemma", false, false, true, false, false, true, false},
    {"llama", false, false, true, false, false, false, false},
    {"mistral", false, false, true, false, false, false, false},
    {"mixtral", false, false, true, false, false, false, false},
    {"phi3", false, false, true, false, false, false, false},
    {"qwen2", false, false, true, false, true, false, false},
    {"qwen3", false, false, true, false, false, false, false},
}};

void refuse_unknown_forms(const Config& config, const Family& family, const Transformer& t) {
  const auto refuse = [&](bool has, const char* what) {
    if (has) throw Error(fmt::format("has {}, which pare does not know of {}", what, family.type), config.where());
  };
  refuse(!family.gated && config.boolean("add_cross_attention", false),
         "an encoder to attend to ('add_cross_attention')");
  if (family.type == "gpt_neox") refuse(!config.boolean("attention_bias", true), "no 'attention_bias'");
  if (family.type != "opt") return;
  refuse(!config.boolean("do_layer_norm_before", true), "its normalisations behind ('do_layer_norm_before')");
  refuse(!config.boolean("enable_bias", true), "no biases ('enable_bias')");
  refuse(config.integer({"word_embed_proj_dim"}, t.hidden) != t.hidden, "a 'word_embed_proj_dim' of its own");
}

/// Tokens of a sample, and rows of the position table.
void read_positions(const Config& config, const Family& family, Transformer& t, std::int64_t sequence) {
  // RoBERTa counts the two rows of padding, OPT does not
  const std::int64_t padding = family.type == "roberta" || family.type == "opt" ? 2 : 0;
  // without a table a sequence that is said is enough
  const std::int64_t positions = config.integer({"max_position_embeddings", "n_positions", "seq_length"},
                                                !family.position_table && sequence > 0 ? sequence : -1) -
                                 (family.type == "roberta" ? padding : 0);
  if (positions < 1)
    throw Error("has too few positions", config.where(), "two of 'max_position_embeddings' are for padding");
  t.sequence = sequence > 0 ? sequence : positions;
  if (!family.position_table) return;
  t.positions = positions + padding;
  if (t.sequence > positions)
    throw Error(fmt::format("{} tokens a sample are more than its {} positions", t.sequence, positions), config.where(),
                "give a smaller --sequence");
}

void read_text(const Config& config, const Family& family, Transformer& t, std::int64_t sequence) {
  t.vocabulary = config.integer({"vocab_size"});
  read_positions(config, family, t, sequence);
  if (family.encoder) t.token_types = config.integer({"type_vocab_size"}, 2);
  t.dense_head = t.ends_normalised = family.encoder;
  t.embedding_norm = family.encoder || family.type == "bloom";
  t.head_norms = family.type == "qwen3";
  t.causal = !family.encoder;
  t.gated = family.gated;
  t.dropout = family.gated ? false
                           : config.likely({"hidden_dropout_prob", "attention_probs_dropout_prob", "resid_pdrop",
                                            "attn_pdrop", "dropout", "hidden_dropout", "attention_dropout"},
                                           family.dropout);
  t.biases = family.biases;
  t.qkv_biases = family.qkv_biases;
  t.tied = config.boolean("tie_word_embeddings", family.tied);
  refuse_unknown_forms(config, family, t);
  if (family.type == "llama" || family.type == "qwen3" || family.type == "gemma")
    t.qkv_biases = t.projection_bias = config.boolean("attention_bias", false);
  if (family.type == "llama") t.inner_biases = config.boolean("mlp_bias", false);
  if (family.type != "mixtral") return;
  t.experts = config.integer({"num_local_experts"});
  t.experts_per_token = config.integer({"num_experts_per_tok"});
  if (t.experts_per_token > t.experts)
    throw Error(fmt::format("a token takes {} of {} experts", t.experts_per_token, t.experts), config.where());
}

}  // namespace

Transformer parse_transformer(const Config& config, std::int64_t sequence) {
  Transformer t;
  const std::string type = t.name = config.text("model_type");
  if (type == "mlp") return perceptron(config, sequence);
  const auto family = std::ranges::find(families, type, &Family::type);
  const bool image = type == "vit";
  if (!image && family == families.end()) {
    std::vector<std::string_view> known;
    for (const Family& f : families) known.push_back(f.type);
    throw Error(type.empty() ? "has no 'model_type'"
                             : fmt::format("is of the type '{}', which pare does not know", printable(type)),
                config.where(), fmt::format("{}, t5, vit and mlp are known", fmt::join(known, ", ")));
  }
  t.hidden = config.integer({"hidden_size", "n_embd", "n_embed"});
  t.layers = config.integer({"num_hidden_layers", "n_layer"});
  t.heads = config.integer({"num_attention_heads", "n_head"});
  t.kv_heads = config.integer({"num_key_value_heads"}, t.heads);
  const bool fourfold = type == "gpt2" || type == "bloom";
  t.feed_forward = config.integer({"intermediate_size", "n_inner", "ffn_dim"}, fourfold ? 4 * t.hidden : -1);
  if (t.hidden % t.heads && config.integer({"head_dim"}, 0) == 0)
    throw Error(fmt::format("hidden size {} is no multiple of {} heads", t.hidden, t.heads), config.where());
  t.head_width = config.integer({"head_dim"}, t.hidden / t.heads);
  if (t.heads % t.kv_heads)
    throw Error(fmt::format("{} heads are no multiple of {} key-value heads", t.heads, t.kv_heads), config.where());
  if (image)
    read_image(config, t, sequence);
  else
    read_text(config, *family, t, sequence);
  t.check_size(config.where());
  return t;
}

Transformer parse_transformer(const std::string& text, const std::string& where, std::int64_t sequence) {
  Transformer t = parse_transformer(Config(text, where), sequence);
  t.hash = content_hash(text);
  return t;
}

}  // namespace pare::cluster
