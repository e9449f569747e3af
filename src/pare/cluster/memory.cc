#include "pare/cluster/memory.h"

#include <algorithm>

#include "pare/cluster/float8.h"

namespace pare::cluster {

double state_bytes_per_parameter(const Strategy& s, int shards) {
  const double weights = bytes_of(s.weights), gradients = bytes_of(s.gradients);
  const double optimizer = 8 + (weights < 4 ? 4 : 0) + (gradients < 4 ? 4 : 0);
  const double n = shards;
  return weights / (s.zero == 3 ? n : 1) + gradients / (s.sums_once() ? 1 : n) + optimizer / (s.zero > 0 ? n : 1);
}

namespace {

/// Under checkpointing by operator: the layer's input, attention's outcome, the products that do not run again
/// (layer.cc, products_again) and, for scales of 8 bits, magnitudes of all products' inputs; what tensor ranks have
/// added up and what experts have sent.
double kept_by_operator(const Transformer& t, const Strategy& s) {
  const double tokens = static_cast<double>(t.sequence) * s.micro_batch / s.context,
               seen = static_cast<double>(t.encoder_tokens) * s.micro_batch;
  const auto h = static_cast<double>(t.hidden), f = static_cast<double>(t.feed_forward);
  const double heads = static_cast<double>(t.head_width * t.heads),
               kv = static_cast<double>(t.head_width) * t.kv_heads_of_rank(s.tensor) * s.tensor;
  const bool eight_bits = s.precision == Precision::float8, dense = t.experts == 0;
  const int attentions = t.encoder_tokens > 0 ? 2 : 1;
  // numbers of a token: spread by sequence parallelism, split over the tensor ranks, and of outcomes before ranks add
  // them up; and of a token of the encoder
  double spread = h, split = 2 * attentions * heads, whole = 0, encoder = 0;
  if (s.tensor > 1) spread += (attentions + 1) * h;
  if (!dense && s.expert > 1) spread += 2 * h * static_cast<double>(t.experts_per_token);
  if (dense) split += f;
  if (eight_bits) {
    spread += (attentions + (dense ? 1 : 0)) * h;
    encoder = h;
  } else {
    split += kv;
    whole = dense && t.gated ? h : 0;
    encoder = kv / s.tensor;
  }
  spread /= s.sequence_parallel ? s.tensor : 1;
  return s.activation_width() * (tokens * (spread + split / s.tensor + whole) + seen * encoder);
}

/// Bytes that copies in 8 bits add to what a layer keeps, mostly less than 0: what normalisations, the activation and,
/// unless flash attention needs it too, attention hand to products takes a byte a number; weights that each pass casts
/// wait, transposed, for the backward pass.
double float8_bytes(const Transformer& t, const Strategy& s, double tokens, double routed) {
  if (s.precision != Precision::float8) return 0;
  const double saved = 1 - s.activation_width(), spread = s.sequence_parallel ? s.tensor : 1;
  const auto h = static_cast<double>(t.hidden), heads = static_cast<double>(t.head_width * t.heads);
  const int attentions = t.encoder_tokens > 0 ? 2 : 1;
  const double outcomes = attentions * heads * (s.flash_attention ? 1 : saved);
  // the feed-forward's inputs: of experts their copies, as their router reads the normalisation's outcome
  const double inputs = attentions + (t.experts > 0 ? routed : 1);
  double bytes = tokens * (inputs * saved * h / spread +
                           (outcomes + saved * routed * static_cast<double>(t.feed_forward)) / s.tensor);
  bytes += static_cast<double>(t.encoder_tokens) * s.micro_batch * h / spread;
  if (casts_weights_each_pass(s)) {
    const std::int64_t looking = t.encoder_tokens > 0 ? 2 * t.hidden * t.head_width * (t.heads + t.kv_heads) : 0;
    bytes += static_cast<double>(t.layer_matrix_parameters() + looking) / s.tensor;
  }
  return bytes;
}

}  // namespace

double layer_activation_bytes(const Transformer& t, const Strategy& s) {
  const double tokens = static_cast<double>(t.sequence) * s.micro_batch / s.context;
  const auto h = static_cast<double>(t.hidden);
  const bool dropout = s.dropout && t.dropout;
  const double width = s.activation_width(), spread = s.sequence_parallel ? s.tensor : 1;
  if (s.recompute == Recompute::full) return width * tokens * h / spread;
  const auto routed = static_cast<double>(std::max<std::int64_t>(1, t.experts_per_token));
  if (s.recompute == Recompute::operators) return kept_by_operator(t, s);
  const double f = routed * static_cast<double>(t.feed_forward) * (t.gated ? 1.5 : 1);
  const double kv_heads = t.kv_heads_of_rank(s.tensor) * s.tensor;  // over all ranks, repeated ones as well
  const double attention_width = static_cast<double>(t.head_width) * (static_cast<double>(t.heads) + 2 * kv_heads);
  // inputs of two normalisations and of what follows them, masks of two dropouts; parts that tensor parallelism splits:
  // queries, keys and values, attention's output, and before and behind the activation
  // experts have copies of their tokens; what they make of these is weighed, which needs it in the backward pass too
  const double of_experts = t.experts > 0 ? 2 * width * routed * h : 0;
  const double whole = 4 * width * h + (dropout ? 2 * h : 0) + of_experts;
  const double split = width * (attention_width + static_cast<double>(t.head_width * t.heads) + 2 * f);
  double bytes = tokens * (whole / spread + split / s.tensor);
  if (t.head_norms)  // of queries and keys before they are normalised
    bytes += tokens * width * static_cast<double>(t.head_width) * (static_cast<double>(t.heads) + kv_heads) / s.tensor;
  if (s.recompute == Recompute::none && !s.flash_attention) {  // probabilities; behind dropout, and its mask
    const double pair = width + (dropout ? width + 1 : 0);
    bytes += pair * tokens * static_cast<double>(t.heads * (t.sequence + t.encoder_tokens)) / s.tensor;
  }
  if (t.encoder_tokens > 0) {  // the same of attention to the encoder, whose output itself is kept elsewhere
    const double seen = static_cast<double>(t.encoder_tokens) * s.micro_batch;
    bytes += tokens * (2 * width * h + (dropout ? h : 0)) / spread;
    bytes += width * static_cast<double>(t.head_width) / s.tensor *
             (2 * tokens * static_cast<double>(t.heads) + 2 * seen * kv_heads);
  }
  return bytes + float8_bytes(t, s, tokens, routed);
}

Memory device_memory(const Strategy& s, int rank, const std::vector<std::vector<const Part*>>& chunks) {
  Memory m;
  double parameters = 0, expert_parameters = 0, shared = 0, narrow = 0, cast = 0, kept = 0, again = 0, all_again = 0,
         gathered = 0;  // parameters that are whole at a time: a part's, and the next one's where they come early
  const auto all_of = [](const Part& p) { return p.parameters + p.shared_parameters + p.expert_parameters; };
  for (const auto& chunk : chunks) {
    double before = 0;
    for (const Part* part : chunk) {
      parameters += part->parameters;
      expert_parameters += part->expert_parameters;
      kept += part->activation_bytes;
      again = std::max(again, part->recomputed_bytes);
      all_again += part->recomputed_bytes;
      shared = std::max(shared, part->shared_parameters);
      narrow += part->narrow_bytes;
      cast += part->cast_parameters;
      gathered = std::max(gathered, before + all_of(*part));
      if (s.overlap_gradients) before = all_of(*part);
      m.working_bytes = std::max(m.working_bytes, part->logit_bytes);
    }
  }
  m.state_bytes = (parameters + shared) * state_bytes_per_parameter(s, s.shards()) +
                  expert_parameters * state_bytes_per_parameter(s, s.expert_shards()) -
                  narrow / (s.zero == 3 ? s.shards() : 1) + 2 * cast;  // in 8 bits, and transposed
  Pipeline order = s.pipeline_order();
  order.kept_for_weights = 1;  // what is computed again waits for the gradients of weights
  if (order.splits_backward()) again = std::max(again, peak_awaiting_weights(order, rank) * all_again);
  m.activation_bytes = peak_in_flight(order, rank) * kept + again;
  if (s.zero == 3 && s.shards() > 1) m.working_bytes += bytes_of(s.gathered()) * gathered;
  return m;
}

}  // namespace pare::cluster
