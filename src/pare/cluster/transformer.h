// The shape of a transformer, or of a perceptron: what decides the size of every operation of its training.
#pragma once
#include "pare/cluster/config.h"
#include "pare/cluster/network.h"

namespace pare::cluster {

struct Transformer : Network {
  std::int64_t hidden = 0, layers = 0, heads = 0, vocabulary = 0;
  std::int64_t feed_forward = 0;       // inner width
  std::int64_t kv_heads = 0;           // groups of keys and values; heads where each has its own
  std::int64_t head_width = 0;         // mostly hidden / heads
  std::int64_t sequence = 0;           // tokens of a sample
  std::int64_t positions = 0;          // learned position embeddings; 0 for rotary ones
  std::int64_t position_biases = 0;    // learned numbers of relative positions, of the first layer for all
  std::int64_t token_types = 0;        // with embeddings of their own (BERT)
  std::int64_t patch = 0;              // numbers of an image's patch that a token is made of; 0: tokens are words
  std::int64_t encoder_tokens = 0;     // that every layer looks at, too; 0 without an encoder
  std::int64_t experts = 0;            // copies of the feed-forward part, 0: one that all tokens use
  std::int64_t experts_per_token = 1;  // of the experts
  bool gated = false;                  // the feed-forward part has a gate: three matrices
  bool causal = true;                  // queries see no later keys
  bool dropout = true;                 // trained with it, unless a strategy leaves it out
  bool biases = true;                  // of the matrices
  bool qkv_biases = true;              // of queries, keys and values
  bool projection_bias = false;        // of attention's outcome, where `biases` gives it none
  bool inner_biases = false;           // of the feed-forward part, likewise
  bool tied = true;                    // the head shares the word embedding
  bool dense_head = false;             // the head has a square matrix before the one of the classes (BERT)
  bool embedding_norm = false;         // embeddings are normalised
  bool ends_normalised = false;        // layers end with a normalisation (BERT), others begin with one
  bool head_norms = false;             // queries and keys are normalised, head by head
  bool perceptron = false;             // a layer is one square matrix and ReLU; it reads features, not words

  /// Parameters of one layer's matrices, without those that look at an encoder, biases and normalisation.
  std::int64_t layer_matrix_parameters() const;
  /// Those of its experts; 0 without them.
  std::int64_t layer_expert_parameters() const;
  /// Those of one layer that every tensor rank has: normalisations, biases of what is summed over the ranks.
  std::int64_t layer_whole_parameters() const;
  /// Heads of keys and of values that a tensor rank has: one at least, which others then have too, and the parameters
  /// of a layer that a rank has more for it.
  double kv_heads_of_rank(int tensor) const;
  double repeated_parameters(int tensor) const;
  /// All parameters of one layer.
  std::int64_t layer_parameters() const;
  /// The word embedding that a tied head shares.
  std::int64_t table_parameters() const { return patch > 0 || perceptron ? 0 : vocabulary * hidden; }
  /// Words, positions, patches.
  std::int64_t embedding_parameters() const;
  /// The last normalisation, and the head's own matrices.
  std::int64_t head_parameters() const;
  /// Those of the head that every tensor rank has.
  std::int64_t head_whole_parameters() const;
  /// Rows of the head's products, of one sample: all tokens, or of an image the one that stands for it.
  std::int64_t head_rows() const { return patch > 0 ? 1 : sequence; }
  /// FLOPs of one sample, forward, of all layers; of embedding and head.
  double layer_flops() const;
  double end_flops() const;
  /// Whether products of these sizes fit whole numbers of 64 bits; throws Error, naming `where`, else.
  void check_size(const std::string& where) const;

  std::int64_t parameters() const override;
  /// Attention counted without causal halving (the convention of Narayanan et al. 2021, section 5.1, and of
  /// Megatron-LM).
  double model_flops() const override { return 3 * (layer_flops() + end_flops()); }
  std::int64_t tokens() const override { return sequence; }
  std::int64_t depth() const override { return layers; }
  /// Embedding and head may be stages of their own.
  std::int64_t most_stages() const override { return layers + 2; }
  std::int64_t divisible_tokens() const override { return sequence; }
  std::int64_t expert_copies() const override { return experts > 0 ? experts : 1; }
  bool shares(int tensor) const override;
  bool spreads(int tensor) const override { return shares(tensor) && sequence % tensor == 0; }
  void check(const Strategy& strategy) const override;
  Parts parts(const Strategy& strategy) const override;
};

/// Out of a config.json of the types in transformer_config.cc, of vit, or of the type mlp: hidden_size,
/// num_hidden_layers and vocab_size, the classes of its head. `sequence` overrides the tokens a sample; 0 takes the
/// largest position. Throws Error naming what is missing or out of range.
Transformer parse_transformer(const Config& config, std::int64_t sequence = 0);
Transformer parse_transformer(const std::string& text, const std::string& where, std::int64_t sequence = 0);

}  // namespace pare::cluster
