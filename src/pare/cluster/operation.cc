#include "pare/cluster/operation.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "pare/cluster/names.h"

namespace pare::cluster {
namespace {

constexpr std::array<std::string_view, 4> precisions{"fp32", "fp16", "bf16", "fp8"};
constexpr std::array<std::string_view, 20> kinds{
    "linear",    "scores",     "context", "attention", "causal",   "softmax",          "dropout",
    "normalise", "activation", "relu",    "gate",      "residual", "residual-dropout", "copy",
    "cast",      "transpose",  "largest", "embedding", "loss",     "optimizer"};
constexpr std::array<std::string_view, 3> directions{"forward", "backward", "weight"};

/// Numbers of a shape that a kind has.
std::size_t rank(OperationKind kind) {
  switch (kind) {
    case OperationKind::scores:
    case OperationKind::context:
    case OperationKind::attention:
    case OperationKind::causal: return 4;
    case OperationKind::linear: return 3;
    case OperationKind::softmax:
    case OperationKind::normalise:
    case OperationKind::cast:
    case OperationKind::embedding:
    case OperationKind::loss: return 2;
    default: return 1;
  }
}

}  // namespace

std::string_view name(Precision precision) { return precisions[static_cast<std::size_t>(precision)]; }
std::string_view name(OperationKind kind) { return kinds[static_cast<std::size_t>(kind)]; }
std::string_view name(Direction direction) { return directions[static_cast<std::size_t>(direction)]; }

Precision parse_precision(const std::string& name, const char* option) {
  return parse_name<Precision>(precisions, name, option);
}

double bytes_of(Precision precision) {
  switch (precision) {
    case Precision::float32: return 4;
    case Precision::float8: return 1;
    default: return 2;
  }
}

std::string Operation::key() const {
  return fmt::format("{} {} {} {}", name(kind), name(direction),
                     fmt::join(shape.begin(), shape.begin() + static_cast<std::ptrdiff_t>(rank(kind)), "x"),
                     name(precision));
}

namespace {

/// The text up to the next separator, which is taken off with it.
std::string_view next(std::string_view& text, char separator) {
  const std::string_view word = text.substr(0, text.find(separator));
  text.remove_prefix(std::min(text.size(), word.size() + 1));
  return word;
}

}  // namespace

std::optional<Operation> parse_key(std::string_view key) {
  std::string_view rest = key;
  const auto kind = find_name<OperationKind>(kinds, std::string(next(rest, ' ')));
  const auto direction = find_name<Direction>(directions, std::string(next(rest, ' ')));
  std::string_view sizes = next(rest, ' ');
  const auto precision = find_name<Precision>(precisions, std::string(rest));
  if (!kind || !direction || !precision) return std::nullopt;
  Operation o{.kind = *kind, .direction = *direction, .precision = *precision};
  for (std::size_t i = 0; i < rank(*kind); ++i) {
    const std::string_view size = next(sizes, 'x');
    const auto read = std::from_chars(size.data(), size.data() + size.size(), o.shape[i]);
    if (read.ec != std::errc() || o.shape[i] < 1) return std::nullopt;
  }
  return o.key() == key ? std::optional(o) : std::nullopt;  // nothing was left over
}

double flops(const Operation& o) {
  const auto [a, b, c, d] = std::array{static_cast<double>(o.shape[0]), static_cast<double>(o.shape[1]),
                                       static_cast<double>(o.shape[2]), static_cast<double>(o.shape[3])};
  const bool forward = o.direction == Direction::forward;
  switch (o.kind) {
    case OperationKind::linear: return 2 * a * b * c;
    case OperationKind::scores:
    case OperationKind::context: return (forward ? 2 : 4) * a * b * c * d;
    // backward computes the scores again: five products for two
    case OperationKind::attention: return (forward ? 4 : 10) * a * b * c * d;
    case OperationKind::causal: return (forward ? 2 : 5) * a * b * c * d;
    default: return 0;
  }
}

double bytes(const Operation& o) {
  const double width = bytes_of(o.precision);
  const auto [a, b, c, d] = std::array{static_cast<double>(o.shape[0]), static_cast<double>(o.shape[1]),
                                       static_cast<double>(o.shape[2]), static_cast<double>(o.shape[3])};
  const bool forward = o.direction == Direction::forward;
  switch (o.kind) {
    case OperationKind::linear:
      // gradients of weights are added to what earlier micro-batches left, in float32
      if (o.direction == Direction::weight) return width * (a * b + a * c) + 8 * b * c;
      // products of 8 bits have outcomes of 16
      if (o.direction == Direction::backward) return std::max(width, 2.0) * a * b + width * (b * c + a * c);
      return width * (a * b + b * c) + std::max(width, 2.0) * a * c;
    case OperationKind::scores:
    case OperationKind::context: return (forward ? 1 : 2) * width * a * (b * d + c * d + b * c);
    case OperationKind::attention:
    case OperationKind::causal: return (forward ? 1 : 2) * width * a * (2 * b * d + 2 * c * d);
    case OperationKind::softmax: return (forward ? 2 : 3) * width * a * b;
    case OperationKind::dropout: return (2 * width + 1) * a;
    case OperationKind::normalise: return (forward ? 2 : 3) * width * a * b;
    case OperationKind::activation:
    case OperationKind::relu: return (forward ? 2 : 3) * width * a;
    case OperationKind::gate: return (forward ? 3 : 5) * width * a;
    case OperationKind::residual: return (forward ? 3 : 2) * width * a;
    case OperationKind::residual_dropout: return (forward ? 3 : 2) * width * a + a;
    case OperationKind::copy: return 2 * width * a;
    case OperationKind::cast: return (width + b) * a;
    case OperationKind::transpose: return 2 * a;
    case OperationKind::largest: return width * a;
    case OperationKind::embedding: return (forward ? 2 : 3) * width * a * b;
    // logits are copied to float32; largest, difference, exponential and sum each read or write them
    case OperationKind::loss: return (forward ? 8 * 4 : 3 * 4) * a * b;
    // the norm is taken and gradients are clipped (12); gradient, main copy and two moments are read, the last three
    // and the weight written; gradients in float16 are copied and scaled first
    case OperationKind::optimizer:
      return (10 * 4 + (width < 4 ? width : 0) + (o.precision == Precision::float16 ? 14 : 0)) * a;
  }
  return 0;
}

int kernels(const Operation& o) {
  const bool forward = o.direction == Direction::forward;
  switch (o.kind) {
    case OperationKind::scores:
    case OperationKind::context: return forward ? 2 : 3;  // with the copy that transposes
    case OperationKind::attention:
    case OperationKind::causal: return forward ? 2 : 4;
    case OperationKind::normalise: return forward ? 1 : 2;
    case OperationKind::loss: return forward ? 6 : 2;
    default: return 1;
  }
}

}  // namespace pare::cluster
