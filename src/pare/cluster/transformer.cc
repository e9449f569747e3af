#include "pare/cluster/transformer.h"

#include <fmt/format.h>

#include <algorithm>

#include "pare/base/error.h"
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
  return norm * (encoder_tokens > 0 ? 3 : 2) + (head_norms ? 2 * head_width : 0) +
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
  return own + 2 * norm + (head_norms ? 2 * head_width : 0) + cross;
}

std::int64_t Transformer::embedding_parameters() const {
  const std::int64_t tokens = patch > 0 ? patch * hidden + 2 * hidden : table_parameters();  // bias, class token
  return tokens + (positions + token_types + (embedding_norm ? 2 : 0)) * hidden + position_biases;
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

}  // namespace pare::cluster
