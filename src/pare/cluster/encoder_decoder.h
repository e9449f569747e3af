// T5: an encoder, and a decoder whose layers look at the encoder's output, too.
#pragma once
#include "pare/cluster/transformer.h"

namespace pare::cluster {

/// Both share one word embedding; the decoder has the head.
struct EncoderDecoder : Network {
  Transformer encoder, decoder;

  std::int64_t parameters() const override;
  double model_flops() const override;
  std::int64_t tokens() const override { return encoder.sequence + decoder.sequence; }
  std::int64_t depth() const override { return encoder.layers + decoder.layers; }
  /// Both embeddings and the head may be stages of their own.
  std::int64_t most_stages() const override { return depth() + 3; }
  bool shares(int tensor) const override { return encoder.shares(tensor) && decoder.shares(tensor); }
  bool spreads(int tensor) const override { return encoder.spreads(tensor) && decoder.spreads(tensor); }
  void check(const Strategy& strategy) const override;
  /// The encoder's embedding and layers, the decoder's, the head. From the decoder's embedding on, what crosses from
  /// part to part is the decoder's activations and the encoder's output.
  Parts parts(const Strategy& strategy) const override;
};

/// Out of a config.json of t5. Tokens of a sample: 0 takes n_positions, or 512, and as many of the decoder. Throws
/// Error naming what is missing or out of range.
EncoderDecoder parse_encoder_decoder(const Config& config, std::int64_t sequence = 0,
                                     std::int64_t decoder_sequence = 0);

}  // namespace pare::cluster
