#include "pare/cluster/encoder_decoder.h"

#include "pare/base/error.h"
#include "pare/cluster/strategy.h"

namespace pare::cluster {

std::int64_t EncoderDecoder::parameters() const {
  const std::int64_t last_norm = encoder.hidden;
  return encoder.layers * encoder.layer_parameters() + encoder.embedding_parameters() + last_norm +
         decoder.parameters() - decoder.table_parameters();
}

double EncoderDecoder::model_flops() const {
  return 3 * (encoder.layer_flops() + decoder.layer_flops() + decoder.end_flops());
}

void EncoderDecoder::check(const Strategy& s) const {
  if (s.context > 1)
    throw UsageError("is not modelled for an encoder with a decoder", "--context-parallel", "leave it out");
  encoder.check(s);
  decoder.check(s);
}

EncoderDecoder parse_encoder_decoder(const Config& config, std::int64_t sequence, std::int64_t decoder_sequence) {
  EncoderDecoder both;
  both.name = config.text("model_type");
  Transformer& t = both.encoder;
  t.hidden = config.integer({"d_model"});
  t.layers = config.integer({"num_layers"});
  t.heads = t.kv_heads = config.integer({"num_heads"});
  t.head_width = config.integer({"d_kv"});
  t.feed_forward = config.integer({"d_ff"});
  t.vocabulary = config.integer({"vocab_size"});
  t.position_biases = config.integer({"relative_attention_num_buckets"}, 32) * t.heads;
  t.sequence = sequence > 0 ? sequence : config.integer({"n_positions"}, 512);
  t.gated = config.text("feed_forward_proj").starts_with("gated-");
  t.tied = config.boolean("tie_word_embeddings", true);
  t.dropout = config.likely({"dropout_rate"}, true);
  t.causal = t.biases = t.qkv_biases = false;
  t.check_size(config.where());
  both.decoder = t;
  both.decoder.layers = config.integer({"num_decoder_layers"}, t.layers);
  both.decoder.sequence = decoder_sequence > 0 ? decoder_sequence : t.sequence;
  both.decoder.encoder_tokens = t.sequence;
  both.decoder.causal = true;
  both.decoder.check_size(config.where());
  return both;
}

}  // namespace pare::cluster
