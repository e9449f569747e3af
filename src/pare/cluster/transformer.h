// The shape of a transformer, or of a perceptron: what decides the size of every operation of its training.
#pragma once
#include <cstdint>
#include <filesystem>
#include <string>

namespace pare::cluster {

struct Transformer {
  std::string name;
  std::int64_t hidden = 0, layers = 0, heads = 0, vocabulary = 0;
  std::int64_t feed_forward = 0;       // inner width
  std::int64_t kv_heads = 0;           // groups of keys and values; heads where each has its own
  std::int64_t head_width = 0;         // mostly hidden / heads
  std::int64_t sequence = 0;           // tokens of a sample
  std::int64_t positions = 0;          // learned position embeddings; 0 for rotary ones
  std::int64_t experts = 0;            // copies of the feed-forward part, 0: one that all tokens use
  std::int64_t experts_per_token = 1;  // of the experts
  bool gated = false;                  // the feed-forward part has a gate: three matrices
  bool causal = true;                  // queries see no later keys
  bool biases = true;                  // of the matrices
  bool tied = true;                    // the head shares the word embedding
  bool perceptron = false;             // a layer is one square matrix and ReLU; it reads features, not words
  std::string hash;                    // of the file it came from

  /// Parameters of one layer's matrices, without biases and normalisation.
  std::int64_t layer_matrix_parameters() const;
  /// Those of its experts; 0 without them.
  std::int64_t layer_expert_parameters() const;
  /// Those of one layer that every tensor rank has: normalisations, biases of what is summed over the ranks.
  std::int64_t layer_whole_parameters() const;
  /// All parameters of one layer.
  std::int64_t layer_parameters() const;
  /// Word and position embeddings; the head's own matrix where it is not tied; the last normalisation.
  std::int64_t embedding_parameters() const;
  std::int64_t head_parameters() const;
  std::int64_t parameters() const;

  /// FLOPs of one sample, forward and backward without recomputation, attention counted without causal halving (the
  /// convention of Narayanan et al. 2021, section 5.1, and of Megatron-LM).
  double model_flops() const;
};

/// Reads a config.json as Hugging Face's transformers write it (bert, gpt2, llama, mistral, qwen2), or of
/// the type mlp: hidden_size, num_hidden_layers and vocab_size, the classes of its head. `sequence` overrides the
/// tokens a sample; 0 takes the largest position. Throws Error naming what is missing or out of range.
Transformer read_transformer(const std::filesystem::path& path, std::int64_t sequence = 0);
Transformer parse_transformer(const std::string& text, const std::string& where, std::int64_t sequence = 0);

}  // namespace pare::cluster
