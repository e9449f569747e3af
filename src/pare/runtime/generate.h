// Text from a decoder, token by token, with the keys and values of earlier tokens kept where the network takes them.
#pragma once
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "pare/runtime/executor.h"

namespace pare::runtime {

struct GenerateOptions {
  std::size_t tokens = 256;  // at most so many new ones
  double temperature = 0;    // 0: the likeliest token each time
  std::uint64_t seed = 0;    // of the draws, above temperature 0
  std::int64_t end = -1;     // stop behind this token; -1: never
};

/// How a decoder's inputs and outputs serve generation, found by their names: one input of ids [batch, tokens], others
/// with "mask" [batch, past + tokens] and "position" [batch, tokens] in them, and past keys and values [batch, heads,
/// past, width] with "past" in them, each answered by an output with "present" in its name (the same number and kind),
/// or else by the outputs behind the first in order. The first output, or the one named "logits", is [batch, tokens,
/// vocabulary].
class Decoder {
 public:
  /// Throws Error naming the input that cannot be filled.
  explicit Decoder(const model::Model& model);

  bool keeps_past() const { return !past_.empty(); }

  /// New tokens after `prompt` (not empty); `each` sees every one as it is made. Throws Error where the network's
  /// answers are not as above.
  std::vector<std::int64_t> generate(std::span<const std::int64_t> prompt, const GenerateOptions& options,
                                     const std::function<void(std::int64_t)>& each = {}) const;

 private:
  struct Past {
    std::size_t input, output;
    std::int64_t heads, width;
    at::ScalarType type;
  };

  std::vector<at::Tensor> step(std::span<const std::int64_t> ids, std::int64_t past,
                               const std::vector<at::Tensor>& kept) const;

  Executor executor_;
  std::size_t ids_ = 0, logits_ = 0;
  std::vector<std::size_t> masks_, positions_;
  std::vector<Past> past_;
};

}  // namespace pare::runtime
