#include "pare/cluster/transformer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "pare/base/error.h"
#include "pare/base/file.h"
#include "pare/cluster/strategy.h"

namespace pare::cluster {
namespace {

constexpr double most_parameters = 0x1p60;  // so that sums of products stay whole numbers of 64 bits

double real(std::int64_t value) { return static_cast<double>(value); }

}  // namespace

std::int64_t Transformer::layer_expert_parameters() const { return experts * hidden * feed_forward * (gated ? 3 : 2); }

std::int64_t Transformer::layer_matrix_parameters() const {
  if (perceptron) return hidden * hidden;
  const std::int64_t attention = hidden * head_width * (2 * heads + 2 * kv_heads);
  if (experts > 0) return attention + hidden * experts + layer_expert_parameters();
  return attention + hidden * feed_forward * (gated ? 3 : 2);
}

std::int64_t Transformer::layer_whole_parameters() const {
  const std::int64_t norm = hidden * (biases ? 2 : 1);
  return norm * (encoder_tokens > 0 ? 3 : 2) +
         hidden * ((biases || projection_bias ? 1 : 0) + (biases || inner_biases ? 1 : 0));
}

std::int64_t Transformer::layer_parameters() const {
  if (perceptron) return layer_matrix_parameters() + hidden;
  std::int64_t own = layer_matrix_parameters();
  if (biases || projection_bias) own += hidden;
  if (biases || inner_biases) own += hidden + feed_forward * (gated ? 2 : 1);
  if (qkv_biases) own += head_width * (heads + 2 * kv_heads);
  const std::int64_t norm = hidden * (biases ? 2 : 1);
  const std::int64_t cross = encoder_tokens > 0 ? hidden * head_width * (2 * heads + 2 * kv_heads) + norm : 0;
  return own + 2 * norm + cross;
}

std::int64_t Transformer::embedding_parameters() const {
  const std::int64_t tokens = patch > 0 ? patch * hidden + 2 * hidden : table_parameters();  // bias, class token
  const std::int64_t types = token_types > 0 ? token_types * hidden + 2 * hidden : 0;
  return tokens + positions * hidden + types + position_biases;
}

std::int64_t Transformer::head_parameters() const {
  const std::int64_t norm = hidden * (biases ? 2 : 1);
  if (patch > 0) return norm + vocabulary * hidden + vocabulary;
  const std::int64_t dense = dense_head ? hidden * hidden + hidden + vocabulary : 0;
  return norm + dense + (tied ? 0 : vocabulary * hidden);
}

std::int64_t Transformer::head_whole_parameters() const {
  return hidden * (biases ? 2 : 1) + (dense_head ? hidden * hidden + hidden : 0);
}

std::int64_t Transformer::parameters() const {
  return layers * layer_parameters() + embedding_parameters() + head_parameters();
}

double Transformer::kv_heads_of_rank(int tensor) const { return std::max(1.0, real(kv_heads) / tensor); }

double Transformer::repeated_parameters(int tensor) const {
  const double heads_more = kv_heads_of_rank(tensor) - real(kv_heads) / tensor;
  return 2 * heads_more * real(head_width) * (real(hidden) + (qkv_biases ? 1 : 0));
}

double Transformer::layer_flops() const {
  const double s = real(sequence), m = real(encoder_tokens), width = real(head_width);
  const std::int64_t idle_experts =
      experts > 0 ? layer_expert_parameters() / experts * (experts - experts_per_token) : 0;
  double one = 2 * s * real(layer_matrix_parameters() - idle_experts);
  one += perceptron ? 0 : 4 * s * s * real(heads) * width;
  // queries and output of the own tokens, keys and values of the encoder's
  one += encoder_tokens > 0
             ? 4 * real(hidden) * width * (s * real(heads) + m * real(kv_heads)) + 4 * s * m * real(heads) * width
             : 0;
  return real(layers) * one;
}

double Transformer::end_flops() const {
  const double rows = real(head_rows()), h = real(hidden);
  const double patches = 2 * real(sequence - 1) * real(patch) * h;  // the class token is made of none
  return (patch > 0 ? patches : 0) + 2 * rows * h * (real(vocabulary) + (dense_head ? h : 0));
}

namespace {

bool divides(std::int64_t kv_heads, int tensor) {
  return tensor <= kv_heads ? kv_heads % tensor == 0 : tensor % kv_heads == 0;
}

}  // namespace

bool Transformer::shares(int tensor) const {
  return heads % tensor == 0 && divides(kv_heads, tensor) && feed_forward % tensor == 0;
}

void Transformer::check(const Strategy& s) const {
  if (perceptron && s.tensor > 1)
    throw UsageError("a perceptron's layers are not shared", "--tensor-parallel", "take replicas or a pipeline");
  if (experts == 0 && s.expert > 1) throw UsageError("the network has no experts", "--expert-parallel", "leave it out");
  if (s.expert > 1 && (experts % s.expert || s.replicas() % s.expert))
    throw UsageError(fmt::format("{} experts and {} replicas are no multiples of it", experts, s.replicas()),
                     "--expert-parallel");
  if (s.expert > 1 && (s.zero > 1 || s.shard > 0))
    throw UsageError("experts are spread by ZeRO 1 over all replicas, not by 2, 3 or a part of them", "--zero",
                     "take 0 or 1 beside --expert-parallel");
  if (heads % s.tensor)
    throw UsageError(fmt::format("{} heads are no multiple of {}", heads, s.tensor), "--tensor-parallel");
  if (!divides(kv_heads, s.tensor))
    throw UsageError(fmt::format("{} key-value heads do not divide by it, nor it by them", kv_heads),
                     "--tensor-parallel");
  if (feed_forward % s.tensor)
    throw UsageError(fmt::format("{} columns of the feed-forward are no multiple of it", feed_forward),
                     "--tensor-parallel");
  if (s.sequence_parallel && sequence % s.tensor)
    throw UsageError(fmt::format("{} tokens are no multiple of tensor width {}", sequence, s.tensor),
                     "--sequence-parallel");
  if (sequence % (2 * static_cast<std::int64_t>(s.context)) && s.context > 1)
    throw UsageError(fmt::format("{} tokens are no multiple of twice that", sequence), "--context-parallel");
  const double tokens = real(sequence) * s.micro_batch;
  const double widest =
      std::max({real(hidden), real(feed_forward) * real(std::max<std::int64_t>(1, experts_per_token)), real(vocabulary),
                real(head_width) * real(heads), real(heads) * real(sequence + encoder_tokens)});
  if (tokens * widest > most_parameters)
    throw UsageError(fmt::format("{} samples of {} tokens are more than any device takes", s.micro_batch, sequence),
                     "--micro-batch");
}

void Transformer::check_size(const std::string& where) const {
  const double inner = real(feed_forward) * real(experts > 0 ? experts : 1);
  const double all = real(layers) * real(hidden) * (8 * real(heads) * real(head_width) + 3 * inner) +
                     (2 * real(vocabulary) + real(patch)) * real(hidden);
  if (std::max(all, real(sequence) * real(experts_per_token) * real(feed_forward)) > most_parameters)
    throw Error("has more parameters than any network", where, "check its sizes");
}

namespace {

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

void read_text(const Config& config, const std::string& type, Transformer& t, std::int64_t sequence) {
  const bool bert = type == "bert", rotary = !bert && type != "gpt2";
  t.vocabulary = config.integer({"vocab_size"});
  // of rotary positions there is no table: a sequence that is said is enough
  const std::int64_t positions =
      config.integer({"max_position_embeddings", "n_positions"}, rotary && sequence > 0 ? sequence : -1);
  t.positions = rotary ? 0 : positions;
  t.sequence = sequence > 0 ? sequence : positions;
  if (!rotary && t.sequence > positions)
    throw Error(fmt::format("{} tokens a sample are more than its {} positions", t.sequence, positions), config.where(),
                "give a smaller --sequence");
  if (bert) t.token_types = config.integer({"type_vocab_size"}, 2);
  t.dense_head = bert;
  t.causal = !bert;
  t.gated = rotary;
  if (rotary)
    t.dropout = false;
  else if (bert)
    t.dropout = config.likely({"hidden_dropout_prob", "attention_probs_dropout_prob"}, true);
  else
    t.dropout = config.likely({"resid_pdrop", "attn_pdrop"}, true);
  t.biases = !rotary;
  t.qkv_biases = !rotary || type == "qwen2";
  t.tied = config.boolean("tie_word_embeddings", !rotary);
  if (!rotary && config.boolean("add_cross_attention", false))
    throw Error("attends to an encoder ('add_cross_attention'), which pare does not know of " + type, config.where(),
                "T5 has one that is known; or set it to false");
  if (type == "llama") {
    t.qkv_biases = t.projection_bias = config.boolean("attention_bias", false);
    t.inner_biases = config.boolean("mlp_bias", false);
  }
  if (type != "mixtral") return;
  t.experts = config.integer({"num_local_experts"});
  t.experts_per_token = config.integer({"num_experts_per_tok"});
  if (t.experts_per_token > t.experts)
    throw Error(fmt::format("a token takes {} of {} experts", t.experts_per_token, t.experts), config.where());
}

}  // namespace

Transformer parse_transformer(const Config& config, std::int64_t sequence) {
  Transformer t;
  const std::string type = t.name = config.text("model_type");
  static constexpr std::array<std::string_view, 7> known{"bert", "gpt2", "llama", "mistral", "mixtral", "qwen2", "vit"};
  if (type == "mlp") return perceptron(config, sequence);
  if (std::ranges::find(known, type) == known.end())
    throw Error(type.empty() ? "has no 'model_type'"
                             : fmt::format("is of the type '{}', which pare does not know", printable(type)),
                config.where(), fmt::format("{}, t5 and mlp are known", fmt::join(known, ", ")));
  t.hidden = config.integer({"hidden_size", "n_embd"});
  t.layers = config.integer({"num_hidden_layers", "n_layer"});
  t.heads = config.integer({"num_attention_heads", "n_head"});
  t.kv_heads = config.integer({"num_key_value_heads"}, t.heads);
  t.feed_forward = config.integer({"intermediate_size", "n_inner"}, type == "gpt2" ? 4 * t.hidden : -1);
  if (t.hidden % t.heads && config.integer({"head_dim"}, 0) == 0)
    throw Error(fmt::format("hidden size {} is no multiple of {} heads", t.hidden, t.heads), config.where());
  t.head_width = config.integer({"head_dim"}, t.hidden / t.heads);
  if (t.heads % t.kv_heads)
    throw Error(fmt::format("{} heads are no multiple of {} key-value heads", t.heads, t.kv_heads), config.where());
  if (type == "vit")
    read_image(config, t, sequence);
  else
    read_text(config, type, t, sequence);
  t.check_size(config.where());
  return t;
}

Transformer parse_transformer(const std::string& text, const std::string& where, std::int64_t sequence) {
  Transformer t = parse_transformer(Config(text, where), sequence);
  t.hash = content_hash(text);
  return t;
}

}  // namespace pare::cluster
