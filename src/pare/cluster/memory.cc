#include "pare/cluster/memory.h"

namespace pare::cluster {

double state_bytes_per_parameter(const Strategy& s) { return s.distributed_optimizer ? 6 + 12.0 / s.data : 18; }

double layer_activation_bytes(const Transformer& t, const Strategy& s) {
  const auto tokens = static_cast<double>(t.sequence) * s.micro_batch;
  const auto h = static_cast<double>(t.hidden), f = static_cast<double>(t.feed_forward) * (t.gated ? 1.5 : 1);
  const double spread = s.sequence_parallel ? s.tensor : 1;
  if (s.recompute == Recompute::full) return 2 * tokens * h / spread;
  const double attention_width = static_cast<double>(t.head_width * (t.heads + 2 * t.kv_heads));
  // normalisations, their inputs and the masks of dropout: 10 h; parts that tensor parallelism splits: queries, keys
  // and values, attention's output, and twice 2 f (before and behind the activation)
  const double inside = 2 * attention_width + 2 * static_cast<double>(t.head_width * t.heads) + 4 * f;
  double bytes = tokens * (10 * h / spread + inside / s.tensor);
  if (s.recompute == Recompute::none && !s.flash_attention)
    bytes += 5 * tokens * static_cast<double>(t.heads * t.sequence) / s.tensor;  // scores, probabilities, mask
  return bytes;
}

double device_parameters(const Transformer& t, const Strategy& s, int rank, std::int64_t layers) {
  double parameters = static_cast<double>(layers * t.layer_parameters());
  if (rank == 0) parameters += static_cast<double>(t.embedding_parameters());
  if (rank == s.pipeline - 1) {
    parameters += static_cast<double>(t.head_parameters());
    if (t.tied && s.pipeline > 1) parameters += static_cast<double>(t.vocabulary * t.hidden);
  }
  return parameters / s.tensor;
}

Memory device_memory(const Transformer& t, const Strategy& s, int rank, std::int64_t layers) {
  Memory m;
  m.state_bytes = device_parameters(t, s, rank, layers) * state_bytes_per_parameter(s);
  const double in_flight = peak_in_flight(s.pipeline_order(), rank);
  m.activation_bytes = in_flight * static_cast<double>(layers) * layer_activation_bytes(t, s);
  if (s.recompute == Recompute::full) {  // the layer that is computed again
    Strategy kept = s;
    kept.recompute = Recompute::none;
    m.activation_bytes += layer_activation_bytes(t, kept);
  }
  if (rank == s.pipeline - 1)  // logits in 16 bits and float32
    m.head_bytes = 6 * static_cast<double>(t.sequence * t.vocabulary) * s.micro_batch / s.tensor;
  return m;
}

}  // namespace pare::cluster
