#include "pare/cluster/layer.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

#include "pare/cluster/encoder_decoder.h"
#include "pare/cluster/float8.h"
#include "pare/cluster/memory.h"

namespace pare::cluster {
namespace {

using Shape = std::array<std::int64_t, 4>;

/// Without the product, and the addition to the residual behind it.
void leave_out_last(std::vector<Operation>& operations, const Operation& product) {
  operations.erase(std::ranges::find(operations, product));
  --std::ranges::find(operations, OperationKind::residual, &Operation::kind)->count;
}

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
  /// One that never runs in 8 bits.
  Operation wide_linear(std::int64_t rows, std::int64_t inner, std::int64_t columns) const {
    return {OperationKind::linear, Direction::forward, {rows, inner, columns, 1}, s_.wide_products()};
  }

  Operation moving(OperationKind kind, std::int64_t a, std::int64_t b = 1, int count = 1) const {
    return {kind, Direction::forward, {a, b, 1, 1}, s_.activations(), count};
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
  std::vector<Operation> attention(std::int64_t keys, bool causal) const {
    const Precision p = s_.wide_products();
    const std::int64_t matrices = share(t_.heads) * s_.micro_batch, queries = t_.sequence / s_.context;
    const Shape shape{matrices, queries, keys, t_.head_width};
    if (s_.flash_attention)
      return {{causal ? OperationKind::causal : OperationKind::attention, Direction::forward, shape, p}};
    std::vector<Operation> out{{OperationKind::scores, Direction::forward, shape, p},
                               moving(OperationKind::softmax, matrices * queries, keys)};
    if (drops()) out.push_back(moving(OperationKind::dropout, matrices * queries * keys));
    out.push_back({OperationKind::context, Direction::forward, shape, p});
    return out;
  }

  bool drops() const { return s_.dropout && t_.dropout; }

  /// Of a layer: attention, to an encoder too where there is one, and feed-forward.
  int halves() const { return t_.encoder_tokens > 0 ? 3 : 2; }

  /// What experts compute, of all tokens.
  std::int64_t routed() const { return tokens() * std::max<std::int64_t>(1, t_.experts_per_token); }

  Part layer() const;
  /// shared: other parts have its table of words, too.
  Part embedding(bool shared) const;
  Part head() const;
  Part perceptron() const;

 private:
  double spread_parameters(std::int64_t all, std::int64_t whole) const {
    return static_cast<double>(whole) + static_cast<double>(all - whole) / s_.tensor;
  }
  std::vector<Operation> expert_products() const;
  std::vector<Operation> products_again() const;
  void add_tensor_communication(Part& part) const;
  void add_context_communication(Part& part) const;
  /// Whether a layer is computed again but for its last product: not where dropout makes its mask behind it, where
  /// experts' outcomes are weighed, or where a normalisation (BERT) has it as its input.
  bool stops_early() const {
    const bool needed = drops() || t_.experts > 0 || t_.ends_normalised;
    return s_.recompute == Recompute::full && s_.early_stop && !needed;
  }
  double boundary_bytes() const { return s_.activation_width() * static_cast<double>(tokens() * t_.hidden); }

  const Transformer& t_;
  const Strategy& s_;
};

/// The router's, and of this device's experts.
std::vector<Operation> Builder::expert_products() const {
  const std::int64_t inner = share(t_.feed_forward);
  const auto own = static_cast<int>(t_.experts / s_.expert);
  // every device of an expert group computes its experts on the tokens that chose them, on average as many
  const std::int64_t each = std::max<std::int64_t>(1, routed() * s_.expert / t_.experts);
  return {wide_linear(tokens(), t_.hidden, t_.experts), linear(each, t_.hidden, t_.gated ? 2 * inner : inner, own),
          linear(each, inner, t_.hidden, own)};
}

/// Of torchtitan's checkpointing by operator (distributed/activation_checkpoint.py): every second one of a layer's
/// products in their order, which is queries, keys, values, attention's projection, the same to look at an encoder,
/// then gate, second and last of the feed-forward. Of experts all, and their router's: grouped products are not on its
/// list. Nor were, before March 2026, those in 8 bits: all but the last, whose outcome nothing needs.
std::vector<Operation> Builder::products_again() const {
  const std::int64_t n = tokens(), h = t_.hidden, inner = share(t_.feed_forward);
  const std::int64_t seen = t_.encoder_tokens * s_.micro_batch;
  const std::int64_t heads = t_.head_width * share(t_.heads), kv = t_.head_width * share(t_.kv_heads);
  const bool all = s_.precision == Precision::float8;
  std::vector<Operation> again{linear(n, h, all ? heads + 2 * kv : kv), linear(n, heads, h)};
  if (seen > 0) {
    again.push_back(linear(seen, h, all ? 2 * kv : kv));
    if (all) again.push_back(linear(n, h, heads));
    again.push_back(linear(n, heads, h));
  }
  if (t_.experts > 0)
    append(again, expert_products());
  else if (all)
    again.push_back(linear(n, h, t_.gated ? 2 * inner : inner));
  else
    again.push_back(t_.gated ? linear(n, h, inner) : linear(n, inner, h));
  return again;
}

Part Builder::layer() const {
  Part part{.name = "layer"};
  const std::int64_t n = tokens(), h = t_.hidden;
  const std::int64_t heads = share(t_.heads), kv = share(t_.kv_heads), inner = share(t_.feed_forward);

  // those whose inputs tensor ranks gather, those whose outcomes they add up, and experts
  std::vector<Operation> first{linear(n, h, t_.head_width * (heads + 2 * kv))},
      second{linear(n, t_.head_width * heads, h)}, experts;
  if (t_.experts > 0) {
    experts = expert_products();
  } else {
    first.push_back(linear(n, h, t_.gated ? 2 * inner : inner));
    second.push_back(linear(n, inner, h));
  }
  std::vector<Operation> core = attention(t_.sequence, t_.causal);
  if (t_.encoder_tokens > 0) {
    const std::int64_t seen = t_.encoder_tokens * s_.micro_batch;
    first.push_back(linear(n, h, t_.head_width * heads));
    first.push_back(linear(seen, h, 2 * t_.head_width * kv));
    second.push_back(linear(n, t_.head_width * heads, h));
    append(core, attention(t_.encoder_tokens, false));
  }
  std::vector<Operation> moving_parts{
      moving(OperationKind::normalise, spread(n), h, halves()),
      moving(drops() ? OperationKind::residual_dropout : OperationKind::residual, spread(n) * h, 1, halves()),
      moving(t_.gated ? OperationKind::gate : OperationKind::activation, routed() * inner)};

  if (t_.head_norms) moving_parts.push_back(moving(OperationKind::normalise, n * (heads + kv), t_.head_width));
  append(moving_parts, unfused());

  std::vector<Operation> products;
  Casts casts;
  for (const auto& [operations, shared] :
       {std::pair{first, Shared::gathered}, std::pair{second, Shared::scattered}, std::pair{experts, Shared::no}}) {
    append(products, operations);
    for (const Operation& o : operations) add_casts(casts, o, shared, s_);
  }
  part.cast_parameters = casts.kept_parameters;

  append(part.forward.operations, products);
  append(part.forward.operations, casts.forward);
  append(part.forward.operations, core);
  append(part.forward.operations, moving_parts);
  if (s_.recompute == Recompute::full) {
    part.backward.operations = part.forward.operations;
    if (stops_early()) leave_out_last(part.backward.operations, linear(n, inner, h));
  }
  if (s_.recompute == Recompute::selective) part.backward.operations = core;
  if (s_.recompute == Recompute::operators) {
    part.backward.operations = products_again();
    append(part.backward.operations, moving_parts);
    std::ranges::copy_if(casts.forward, std::back_inserter(part.backward.operations),
                         [](const Operation& o) { return o.kind != OperationKind::largest; });  // kept
  }
  for (const auto& operations : {products, core, moving_parts})
    append(part.backward.operations, in_direction(operations, Direction::backward));
  append(part.backward.operations, casts.backward);
  append(part.weight.operations, in_direction(products, Direction::weight));
  append(part.weight.operations, casts.weight);

  part.parameters =
      spread_parameters(t_.layer_parameters() - t_.layer_expert_parameters(), t_.layer_whole_parameters()) +
      t_.repeated_parameters(s_.tensor);
  part.expert_parameters = static_cast<double>(t_.layer_expert_parameters()) / s_.tensor / s_.expert;
  part.activation_bytes = layer_activation_bytes(t_, s_);
  part.boundary_bytes = boundary_bytes();
  if (s_.recompute == Recompute::full || s_.recompute == Recompute::operators) {
    Strategy kept = s_;
    kept.recompute = Recompute::none;
    part.recomputed_bytes = layer_activation_bytes(t_, kept);
  }
  const auto halves_and_products = static_cast<int>(products.size()) + halves();
  part.tensors = t_.biases ? 2 * halves_and_products : halves_and_products;
  add_tensor_communication(part);
  add_context_communication(part);
  if (s_.expert > 1) {
    const Communication exchange{CollectiveKind::all_to_all,
                                 s_.activation_width() * static_cast<double>(spread(routed()) * h), Axis::expert, 2};
    part.forward.communications.push_back(exchange);
    part.backward.communications.push_back(exchange);
    if (s_.recompute == Recompute::full) part.backward.communications.push_back(exchange);
  }
  add_shard_communication(part, s_, part.parameters + part.expert_parameters);
  return part;
}

/// Two sums of activations a pass, three with an encoder to look at (Shoeybi et al. 2019), of whose output backward
/// adds up the gradient, too; with sequence parallelism each is a gather and a scatter of the same bytes, and backward
/// gathers the inputs, which are kept spread, once more (Korthikanti et al. 2022).
void Builder::add_tensor_communication(Part& part) const {
  if (s_.tensor == 1) return;
  struct Sums {
    double inputs, outcomes;  // bytes: of what products take, and of what they make
    int forward, backward;
  };
  const auto seen = static_cast<double>(t_.encoder_tokens * s_.micro_batch * t_.hidden);
  std::vector<Sums> all_sums{
      {s_.gathered_width() * static_cast<double>(tokens() * t_.hidden), boundary_bytes(), halves(), halves()}};
  if (t_.encoder_tokens > 0) all_sums.push_back({s_.gathered_width() * seen, s_.activation_width() * seen, 0, 1});
  const bool all = s_.tensor_overlap == TensorOverlap::all, beside = s_.tensor_overlap != TensorOverlap::none;
  const auto add = [](Work& work, CollectiveKind kind, double bytes, int count, bool hidden) {
    if (count > 0) work.communications.push_back({kind, bytes, Axis::tensor, count, hidden});
  };
  // sums of gradients run beside the gradients of weights where those follow at once
  const bool split = s_.pipeline_order().splits_backward(), hidden = split ? all : beside;
  Work& summed = beside && !split ? part.weight : part.backward;
  for (const Sums& s : all_sums) {
    const int gathered = std::max(s.forward, s.backward);  // inputs
    const auto forward = [&](Work& work, int left_out) {
      if (s_.sequence_parallel) add(work, CollectiveKind::all_gather, s.inputs, gathered, all);
      const auto sum = s_.sequence_parallel ? CollectiveKind::reduce_scatter : CollectiveKind::all_reduce;
      add(work, sum, s.outcomes, s.forward - left_out, all);
    };
    forward(part.forward, 0);
    if (s_.recompute == Recompute::full) forward(part.backward, stops_early() ? 1 : 0);
    if (!s_.sequence_parallel) {
      add(summed, CollectiveKind::all_reduce, s.outcomes, s.backward, hidden);
      continue;
    }
    if (s_.recompute == Recompute::operators)  // what is summed is kept, what is gathered is not
      add(part.backward, CollectiveKind::all_gather, s.inputs, gathered, all);
    add(part.weight, CollectiveKind::all_gather, s.inputs, gathered, true);
    add(part.backward, CollectiveKind::all_gather, s.inputs, s.forward, all);  // gradients of outcomes
    add(summed, CollectiveKind::reduce_scatter, s.outcomes, s.backward, hidden);
  }
}

/// Keys and values go around the ring while attention works on those at hand; backward sends their gradients too.
void Builder::add_context_communication(Part& part) const {
  if (s_.context == 1) return;
  const double bytes = s_.activation_width() *
                       static_cast<double>(2 * share(t_.kv_heads) * t_.head_width * t_.sequence * s_.micro_batch);
  part.forward.communications.push_back({CollectiveKind::exchange, bytes, Axis::context, 1, true});
  part.backward.communications.push_back({CollectiveKind::exchange, bytes, Axis::context, 2, true});
  if (s_.recompute == Recompute::full || s_.recompute == Recompute::selective)
    part.backward.communications.push_back({CollectiveKind::exchange, bytes, Axis::context, 1, true});
}

/// The square matrix of a perceptron's layer, and ReLU.
Part Builder::perceptron() const {
  Part part{.name = "layer"};
  const std::vector<Operation> both{linear(tokens(), t_.hidden, t_.hidden),
                                    moving(OperationKind::relu, tokens() * t_.hidden)};
  Casts casts;
  add_casts(casts, both[0], Shared::no, s_);
  part.cast_parameters = casts.kept_parameters;
  part.forward.operations = both;
  append(part.forward.operations, casts.forward);
  if (s_.recompute == Recompute::full) part.backward.operations = part.forward.operations;
  append(part.backward.operations, in_direction(both, Direction::backward));
  append(part.backward.operations, casts.backward);
  part.weight.operations = in_direction({both[0]}, Direction::weight);
  part.parameters = static_cast<double>(t_.layer_parameters());
  part.activation_bytes = part.boundary_bytes = boundary_bytes();
  add_shard_communication(part, s_, part.parameters);
  return part;
}

Part Builder::embedding(bool shared) const {
  Part part{.name = "embedding", .boundary_bytes = boundary_bytes()};
  if (t_.perceptron) return part;
  const Operation words = moving(OperationKind::embedding, tokens(), t_.hidden);
  const Operation patches = wide_linear((t_.sequence - 1) * s_.micro_batch, t_.patch, t_.hidden);
  part.forward.operations = {t_.patch > 0 ? patches : words};
  part.weight.operations = in_direction(part.forward.operations, Direction::weight);
  if (t_.embedding_norm) {
    const Operation norm = moving(OperationKind::normalise, tokens(), t_.hidden);
    part.forward.operations.push_back(norm);
    append(part.backward.operations, in_direction({norm}, Direction::backward));
  }
  const double table = static_cast<double>(t_.table_parameters()) / s_.tensor;
  part.parameters = static_cast<double>(t_.embedding_parameters() - t_.table_parameters()) + (shared ? 0 : table);
  part.shared_parameters = shared ? table : 0;
  if (s_.tensor > 1 && t_.table_parameters() > 0) {
    // every rank has the rows of its own words
    const auto sum = s_.sequence_parallel ? CollectiveKind::reduce_scatter : CollectiveKind::all_reduce;
    part.forward.communications.push_back({sum, boundary_bytes()});
    if (s_.sequence_parallel) part.weight.communications.push_back({CollectiveKind::all_gather, boundary_bytes()});
  }
  add_shard_communication(part, s_, part.parameters + part.shared_parameters);
  return part;
}

Part Builder::head() const {
  Part part{.name = "head"};
  const std::int64_t classes = share(t_.vocabulary), rows = t_.head_rows() / s_.context * s_.micro_batch;
  std::vector<Operation> products{wide_linear(rows, t_.hidden, classes)};
  std::vector<Operation> rest{moving(OperationKind::normalise, spread(tokens()), t_.hidden),
                              moving(OperationKind::loss, rows, classes)};
  if (t_.dense_head) {
    products.push_back(wide_linear(rows, t_.hidden, t_.hidden));
    rest.push_back(moving(OperationKind::activation, rows * t_.hidden));
  }
  part.forward.operations = products;
  append(part.forward.operations, rest);
  part.backward.operations = in_direction(rest, Direction::backward);
  append(part.backward.operations, in_direction(products, Direction::backward));
  part.weight.operations = in_direction(products, Direction::weight);
  part.parameters = spread_parameters(t_.head_parameters(), t_.head_whole_parameters());
  part.shared_parameters = t_.tied ? static_cast<double>(t_.table_parameters()) / s_.tensor : 0;
  part.logit_bytes = s_.logit_width() * static_cast<double>(rows * classes);
  if (s_.tensor > 1) {
    // of each row the largest logit, then the sum of exponents and the target's logit; the gradient of the input
    const double count = static_cast<double>(rows),
                 bytes = s_.activation_width() * count * static_cast<double>(t_.hidden);
    if (s_.sequence_parallel) part.forward.communications.push_back({CollectiveKind::all_gather, bytes});
    part.forward.communications.push_back({CollectiveKind::all_reduce, 4 * count});
    part.forward.communications.push_back({CollectiveKind::all_reduce, 8 * count});
    const auto sum = s_.sequence_parallel ? CollectiveKind::reduce_scatter : CollectiveKind::all_reduce;
    part.backward.communications.push_back({sum, bytes});
  }
  add_shard_communication(part, s_, part.parameters);
  return part;
}

/// The decoder's words, which are the encoder's, and the last normalisation of the encoder.
Part decoder_embedding(const EncoderDecoder& t, const Builder& encoder, const Builder& decoder) {
  Part part = decoder.embedding(true);
  part.name = "decoder embedding";
  const Operation norm = encoder.moving(OperationKind::normalise, encoder.tokens(), t.encoder.hidden);
  part.forward.operations.push_back(norm);
  append(part.backward.operations, in_direction({norm}, Direction::backward));
  part.parameters += static_cast<double>(t.encoder.hidden);
  return part;
}

/// Parameters of a part's products, one after the other.
std::vector<double> product_weights(const Part& part) {
  std::vector<double> out;
  for (const Operation& o : part.forward.operations)
    if (o.kind == OperationKind::linear)
      out.push_back(o.count * static_cast<double>(o.shape[1]) * static_cast<double>(o.shape[2]));
  return out;
}

/// Products whose weights backward gathers once more behind what is computed again: those that have 10^9 parameters
/// or more to go until they are used (DeepSpeed's stage3_max_reuse_distance).
int gathered_again(const Part& part) {
  const std::vector<double> weights = product_weights(part);
  double behind = 0;
  int again = 0;
  for (auto w = weights.rbegin(); w != weights.rend(); ++w) {
    if (2 * behind >= 1e9) ++again;
    behind += *w;
  }
  return again;
}

}  // namespace

std::string_view name(Axis axis) {
  static constexpr std::array<std::string_view, 4> names{"tensor", "context", "expert", "shard"};
  return names[static_cast<std::size_t>(axis)];
}

void add_shard_communication(Part& part, const Strategy& s, double parameters) {
  if (s.zero < 2 || s.shards() == 1) return;
  const bool by_tensor = s.zero == 3 && s.shard_unit == ShardUnit::tensor;
  if (s.zero == 3) {
    const int count = by_tensor ? std::max<int>(1, static_cast<int>(product_weights(part).size())) : 1;
    const double bytes = (bytes_of(s.gathered()) * parameters - part.narrow_bytes) / count;
    const auto add_gathers = [&](Work& work, int times) {
      work.communications.push_back(
          {CollectiveKind::all_gather, bytes, Axis::shard, times, s.overlap_gradients && !by_tensor, by_tensor});
    };
    add_gathers(part.forward, count);
    add_gathers(part.backward, by_tensor && s.recompute == Recompute::full ? count + gathered_again(part) : count);
  }
  if (s.sums_once()) return;
  const int count = by_tensor ? part.tensors : 1;
  part.weight.communications.push_back({CollectiveKind::reduce_scatter, bytes_of(s.gradients) * parameters / count,
                                        Axis::shard, count, s.overlap_gradients && !by_tensor, by_tensor});
}

Parts Transformer::parts(const Strategy& strategy) const {
  const Builder builder(*this, strategy);
  Parts out{{builder.embedding(tied), perceptron ? builder.perceptron() : builder.layer(), builder.head()}, {0}};
  out.order.insert(out.order.end(), static_cast<std::size_t>(layers), 1);
  out.order.push_back(2);
  return out;
}

Parts EncoderDecoder::parts(const Strategy& strategy) const {
  const Builder first(encoder, strategy), second(decoder, strategy);
  Parts out{
      {first.embedding(true), first.layer(), decoder_embedding(*this, first, second), second.layer(), second.head()},
      {0}};
  out.kinds[1].name = "encoder layer";
  out.kinds[3].name = "decoder layer";
  for (const std::size_t kind : {2, 3}) out.kinds[kind].boundary_bytes += out.kinds[0].boundary_bytes;
  out.order.insert(out.order.end(), static_cast<std::size_t>(encoder.layers), 1);
  out.order.push_back(2);
  out.order.insert(out.order.end(), static_cast<std::size_t>(decoder.layers), 3);
  out.order.push_back(4);
  out.alike = false;
  return out;
}

}  // namespace pare::cluster
