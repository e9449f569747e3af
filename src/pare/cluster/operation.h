// Computation events: the operations that training is made of, by kind, direction, shape and type. Equal ones cost the
// same and are profiled once.
#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace pare::cluster {

enum class Precision { float32, float16, bfloat16, float8 };

/// "fp32", "fp16", "bf16", "fp8".
std::string_view name(Precision precision);
Precision parse_precision(const std::string& name, const char* option);
double bytes_of(Precision precision);

/// What an operation does, with the meaning of its shape.
enum class OperationKind {
  linear,            // rows, inner, columns: [rows, inner] x [inner, columns]
  scores,            // matrices, queries, keys, width: queries x keys of each head of each sample
  context,           // the same: probabilities x values
  attention,         // the same: scores, softmax and context in one kernel that keeps no scores (flash)
  causal,            // attention whose queries see no later keys; half the pairs
  softmax,           // rows, width: scaled and masked
  dropout,           // elements
  normalise,         // rows, width
  activation,        // elements: GELU or SiLU
  relu,              // elements
  gate,              // elements: activation of one half times the other
  residual,          // elements: bias and addition
  residual_dropout,  // the same with dropout before the addition
  copy,              // elements: one step of something that is not fused, reading and writing them
  cast,  // elements, copies: rounded to 8 bits, written once or, transposed, twice; the largest is found on the way
  transpose,  // elements: of 8 bits
  largest,    // elements: their largest magnitude, for a scale
  embedding,  // tokens, width: rows of a table
  loss,       // tokens, classes: cross-entropy of logits
  optimizer   // parameters: Adam
};

std::string_view name(OperationKind kind);

/// forward; backward: the gradient of the input (of both operands where there are two); weight: of the weights.
enum class Direction { forward, backward, weight };

std::string_view name(Direction direction);

struct Operation {
  OperationKind kind = OperationKind::linear;
  Direction direction = Direction::forward;
  std::array<std::int64_t, 4> shape{1, 1, 1, 1};
  Precision precision = Precision::bfloat16;
  int count = 1;  // equal ones, one after the other

  /// "linear backward 2048x1024x4096 bf16": the same for equal events, whatever their count.
  std::string key() const;
  bool operator==(const Operation&) const = default;
};

/// The operation of a key, one of it; none where it is no key.
std::optional<Operation> parse_key(std::string_view key);

/// Of one, not of `count`: arithmetic of matrix products (0 for what only moves memory); bytes read and written;
/// kernels that the framework launches.
double flops(const Operation& operation);
double bytes(const Operation& operation);
int kernels(const Operation& operation);

}  // namespace pare::cluster
