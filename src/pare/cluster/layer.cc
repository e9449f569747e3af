#include "pare/cluster/layer.h"

#include <algorithm>

#include "pare/cluster/memory.h"

namespace pare::cluster {
namespace {

using Shape = std::array<std::int64_t, 4>;

void append(std::vector<Operation>& to, const std::vector<Operation>& more) {
  to.insert(to.end(), more.begin(), more.end());
}

std::vector<Operation> in_direction(std::vector<Operation> operations, Direction direction) {
  for (Operation& o : operations) o.direction = direction;
  return operations;
}

/// Writes the operations of a part down: what runs forward, and with it its gradients.
class Builder {
 public:
  Builder(const Transformer& network, const Strategy& strategy) : t_(network), s_(strategy) {}

  std::int64_t tokens() const { return t_.sequence / s_.context * s_.micro_batch; }
  std::int64_t spread(std::int64_t n) const { return s_.sequence_parallel ? n / s_.tensor : n; }
  std::int64_t share(std::int64_t n) const { return std::max<std::int64_t>(1, n / s_.tensor); }

  Operation linear(std::int64_t rows, std::int64_t inner, std::int64_t columns, int count = 1) const {
    return {OperationKind::linear, Direction::forward, {rows, inner, columns, 1}, s_.precision, count};
  }

  /// Of activations: in 16 bits beside products in 8. Where weights are kept in float32 and only products are cast
  /// (automatic mixed precision), in float32.
  Precision activation_precision() const {
    if (s_.weights == Precision::float32) return Precision::float32;
    return s_.precision == Precision::float8 ? Precision::bfloat16 : s_.precision;
  }

  Operation moving(OperationKind kind, std::int64_t a, std::int64_t b = 1, int count = 1) const {
    return {kind, Direction::forward, {a, b, 1, 1}, activation_precision(), count};
  }

  /// What eager PyTorch runs one by one where a compiler or hand-written kernels fuse: the steps of a root-mean-square
  /// normalisation in float32, of rotary positions, of a gate.
  std::vector<Operation> unfused() const {
    if (s_.fused || !t_.gated) return {};
    const std::int64_t n = tokens(), rotated = n * t_.head_width * (share(t_.heads) + share(t_.kv_heads));
    Operation normalise = moving(OperationKind::copy, spread(n) * t_.hidden, 1, 2 * 6);
    Operation rotate = moving(OperationKind::copy, rotated, 1, 4);
    normalise.precision = rotate.precision = Precision::float32;
    return {normalise, rotate, moving(OperationKind::copy, n * share(t_.feed_forward))};
  }

  /// Scores and their product with the values, all heads of the micro-batch at once.
  std::vector<Operation> attention() const {
    const Precision p = s_.precision == Precision::float8 ? Precision::bfloat16 : s_.precision;
    const std::int64_t matrices = share(t_.heads) * s_.micro_batch, queries = t_.sequence / s_.context;
    const Shape shape{matrices, queries, t_.sequence, t_.head_width};
    if (s_.flash_attention)
      return {{t_.causal ? OperationKind::causal : OperationKind::attention, Direction::forward, shape, p}};
    std::vector<Operation> out{{OperationKind::scores, Direction::forward, shape, p},
                               moving(OperationKind::softmax, matrices * queries, t_.sequence)};
    if (s_.dropout) out.push_back(moving(OperationKind::dropout, matrices * queries * t_.sequence));
    out.push_back({OperationKind::context, Direction::forward, shape, p});
    return out;
  }

  Part layer() const;
  Part embedding() const;
  Part head() const;
  Part perceptron() const;

 private:
  double spread_parameters(std::int64_t all, std::int64_t whole) const {
    return static_cast<double>(whole) + static_cast<double>(all - whole) / s_.tensor;
  }
  void add_tensor_communication(Part& part) const;
  void add_context_communication(Part& part) const;
  void add_shard_communication(Part& part) const;
  double activation_width() const { return s_.precision == Precision::float32 ? 4 : 2; }

  const Transformer& t_;
  const Strategy& s_;
};

Part Builder::layer() const {
  Part part{.name = "layer"};
  const std::int64_t n = tokens(), h = t_.hidden;
  const std::int64_t heads = share(t_.heads), kv = share(t_.kv_heads), inner = share(t_.feed_forward);
  // every device of an expert group computes its experts on the tokens that chose them, on average as many
  const std::int64_t routed = n * std::max<std::int64_t>(1, t_.experts_per_token);

  std::vector<Operation> products{linear(n, h, t_.head_width * (heads + 2 * kv)), linear(n, t_.head_width * heads, h)};
  if (t_.experts > 0) {
    products.push_back(linear(n, h, t_.experts));
    const auto own = static_cast<int>(t_.experts / s_.expert);
    const std::int64_t each = std::max<std::int64_t>(1, routed * s_.expert / t_.experts);
    products.push_back(linear(each, h, t_.gated ? 2 * inner : inner, own));
    products.push_back(linear(each, inner, h, own));
  } else {
    products.push_back(linear(n, h, t_.gated ? 2 * inner : inner));
    products.push_back(linear(n, inner, h));
  }
  const std::vector<Operation> core = attention();
  std::vector<Operation> moving_parts{
      moving(OperationKind::normalise, spread(n), h, 2), moving(OperationKind::residual, spread(n) * h, 1, 2),
      moving(t_.gated ? OperationKind::gate : OperationKind::activation, routed * inner)};

  append(moving_parts, unfused());

  append(part.forward.operations, products);
  append(part.forward.operations, core);
  append(part.forward.operations, moving_parts);
  if (s_.recompute == Recompute::full) part.backward.operations = part.forward.operations;
  if (s_.recompute == Recompute::selective && !s_.flash_attention) part.backward.operations = core;
  for (const auto& operations : {products, core, moving_parts})
    append(part.backward.operations, in_direction(operations, Direction::backward));
  append(part.weight.operations, in_direction(products, Direction::weight));

  part.parameters =
      spread_parameters(t_.layer_parameters() - t_.layer_expert_parameters(), t_.layer_whole_parameters());
  part.expert_parameters = static_cast<double>(t_.layer_expert_parameters()) / s_.tensor / s_.expert;
  part.activation_bytes = layer_activation_bytes(t_, s_);
  if (s_.recompute == Recompute::full) {
    Strategy kept = s_;
    kept.recompute = Recompute::none;
    part.recomputed_bytes = layer_activation_bytes(t_, kept);
  }
  add_tensor_communication(part);
  add_context_communication(part);
  if (s_.expert > 1) {
    const Communication exchange{CollectiveKind::all_to_all, activation_width() * static_cast<double>(routed * h),
                                 Axis::expert, 2};
    part.forward.communications.push_back(exchange);
    part.backward.communications.push_back(exchange);
    if (s_.recompute == Recompute::full) part.backward.communications.push_back(exchange);
  }
  add_shard_communication(part);
  return part;
}

/// Two sums of activations a pass (Shoeybi et al. 2019); with sequence parallelism each is a gather and a scatter of
/// the same bytes, and backward gathers the inputs, which are kept spread, once more (Korthikanti et al. 2022).
void Builder::add_tensor_communication(Part& part) const {
  if (s_.tensor == 1) return;
  const double bytes = activation_width() * static_cast<double>(tokens() * t_.hidden);
  const auto sums = [&](Work& work, int count, bool hidden) {
    if (s_.sequence_parallel) {
      work.communications.push_back({CollectiveKind::all_gather, bytes, Axis::tensor, count, hidden});
      work.communications.push_back({CollectiveKind::reduce_scatter, bytes, Axis::tensor, count, hidden});
    } else {
      work.communications.push_back({CollectiveKind::all_reduce, bytes, Axis::tensor, count, hidden});
    }
  };
  const bool all = s_.tensor_overlap == TensorOverlap::all;
  sums(part.forward, 2, all);
  if (s_.recompute == Recompute::full) sums(part.backward, 2, all);
  if (s_.sequence_parallel) {
    // the inputs, kept spread, are gathered once more for the gradients of weights
    part.weight.communications.push_back({CollectiveKind::all_gather, bytes, Axis::tensor, 2, true});
  }
  const bool beside = s_.tensor_overlap != TensorOverlap::none;
  if (!beside || all || s_.pipeline_order().splits_backward())
    sums(part.backward, 2, all);
  else if (!s_.sequence_parallel)
    sums(part.weight, 2, true);
  else {
    part.backward.communications.push_back({CollectiveKind::all_gather, bytes, Axis::tensor, 2});
    part.weight.communications.push_back({CollectiveKind::reduce_scatter, bytes, Axis::tensor, 2, true});
  }
}

/// Keys and values go around the ring while attention works on those at hand; backward sends their gradients too.
void Builder::add_context_communication(Part& part) const {
  if (s_.context == 1) return;
  const double bytes =
      activation_width() * static_cast<double>(2 * share(t_.kv_heads) * t_.head_width * t_.sequence * s_.micro_batch);
  part.forward.communications.push_back({CollectiveKind::exchange, bytes, Axis::context, 1, true});
  part.backward.communications.push_back({CollectiveKind::exchange, bytes, Axis::context, 2, true});
  if (s_.recompute == Recompute::full)
    part.backward.communications.push_back({CollectiveKind::exchange, bytes, Axis::context, 1, true});
}

/// ZeRO: stage 3 gathers weights before they are used, stages 2 and 3 sum gradients as they appear; with overlap the
/// next part's while this one computes.
void Builder::add_shard_communication(Part& part) const {
  if (s_.zero < 2 || s_.replicas() == 1) return;
  const double parameters = part.parameters + part.expert_parameters;
  const int count = s_.zero == 3 ? s_.gathers_per_layer : 1;
  const Communication gather{CollectiveKind::all_gather, bytes_of(s_.weights) * parameters / count, Axis::shard, count,
                             s_.overlap_gradients};
  if (s_.zero == 3) {
    part.forward.communications.push_back(gather);
    part.backward.communications.push_back(gather);
  }
  part.weight.communications.push_back({CollectiveKind::reduce_scatter, bytes_of(s_.gradients) * parameters / count,
                                        Axis::shard, count, s_.overlap_gradients});
}

/// The square matrix of a perceptron's layer, and ReLU.
Part Builder::perceptron() const {
  Part part{.name = "layer"};
  const std::vector<Operation> both{linear(tokens(), t_.hidden, t_.hidden),
                                    moving(OperationKind::relu, tokens() * t_.hidden)};
  part.forward.operations = both;
  if (s_.recompute == Recompute::full) part.backward.operations = both;
  append(part.backward.operations, in_direction(both, Direction::backward));
  part.weight.operations = in_direction({both[0]}, Direction::weight);
  part.parameters = static_cast<double>(t_.layer_parameters());
  part.activation_bytes = activation_width() * static_cast<double>(tokens() * t_.hidden);
  add_shard_communication(part);
  return part;
}

Part Builder::embedding() const {
  Part part{.name = "embedding"};
  if (t_.perceptron) return part;
  part.forward.operations = {moving(OperationKind::embedding, tokens(), t_.hidden)};
  part.weight.operations = in_direction(part.forward.operations, Direction::weight);
  part.parameters = spread_parameters(t_.embedding_parameters(), t_.positions * t_.hidden);
  if (s_.tensor > 1) {
    // every rank has the rows of its own words
    const double bytes = activation_width() * static_cast<double>(tokens() * t_.hidden);
    const auto sum = s_.sequence_parallel ? CollectiveKind::reduce_scatter : CollectiveKind::all_reduce;
    part.forward.communications.push_back({sum, bytes});
    if (s_.sequence_parallel) part.weight.communications.push_back({CollectiveKind::all_gather, bytes});
  }
  add_shard_communication(part);
  return part;
}

Part Builder::head() const {
  Part part{.name = "head"};
  const std::int64_t classes = share(t_.vocabulary);
  const Operation logits = linear(tokens(), t_.hidden, classes);
  const std::vector<Operation> rest{moving(OperationKind::normalise, spread(tokens()), t_.hidden),
                                    moving(OperationKind::loss, tokens(), classes)};
  part.forward.operations = {logits};
  append(part.forward.operations, rest);
  part.backward.operations = in_direction(rest, Direction::backward);
  append(part.backward.operations, in_direction({logits}, Direction::backward));
  part.weight.operations = in_direction({logits}, Direction::weight);
  part.parameters = spread_parameters(t_.head_parameters(), t_.hidden * (t_.biases ? 2 : 1));
  if (t_.tied && s_.pipeline > 1) part.parameters += static_cast<double>(t_.vocabulary * t_.hidden) / s_.tensor;
  // logits in the products' type and float32
  part.logit_bytes = (activation_width() + 4) * static_cast<double>(tokens() * classes);
  if (s_.tensor > 1) {
    // of each token the largest logit, then the sum of exponents and the target's logit; the gradient of the input
    const double rows = static_cast<double>(tokens());
    const double bytes = activation_width() * rows * static_cast<double>(t_.hidden);
    if (s_.sequence_parallel) part.forward.communications.push_back({CollectiveKind::all_gather, bytes});
    part.forward.communications.push_back({CollectiveKind::all_reduce, 4 * rows});
    part.forward.communications.push_back({CollectiveKind::all_reduce, 8 * rows});
    const auto sum = s_.sequence_parallel ? CollectiveKind::reduce_scatter : CollectiveKind::all_reduce;
    part.backward.communications.push_back({sum, bytes});
  }
  add_shard_communication(part);
  return part;
}

}  // namespace

Parts parts(const Transformer& network, const Strategy& strategy) {
  const Builder builder(network, strategy);
  Parts out{{builder.embedding(), network.perceptron ? builder.perceptron() : builder.layer(), builder.head()}, {0}};
  out.order.insert(out.order.end(), static_cast<std::size_t>(network.layers), 1);
  out.order.push_back(2);
  return out;
}

}  // namespace pare::cluster
