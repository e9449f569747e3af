#include "pare/cluster/onnx_network.h"

#include <algorithm>
#include <set>

#include "pare/base/error.h"
#include "pare/cluster/node_work.h"
#include "pare/model/count.h"
#include "pare/model/shapes.h"

namespace pare::cluster {

using model::Model;
using model::no_value;
using model::Node;
using model::Op;
using model::ValueId;

namespace {

std::size_t index(ValueId id) { return static_cast<std::size_t>(id); }

/// The product, or the largest whole number: of batches that nobody trains with.
std::int64_t times(std::int64_t a, std::int64_t b) {
  std::int64_t product = 0;
  return __builtin_mul_overflow(a, b, &product) ? INT64_MAX : product;
}

/// Attention's products never run in 8 bits; what is no product moves activations.
Precision precision_of(OperationKind kind, const Strategy& s) {
  switch (kind) {
    case OperationKind::linear: return s.precision;
    case OperationKind::scores:
    case OperationKind::context:
    case OperationKind::attention:
    case OperationKind::causal: return s.wide_products();
    default: return s.activations();
  }
}

}  // namespace

class OnnxNetwork::Builder {
 public:
  Builder(const Model& model, OnnxNetwork& network)
      : m_(model), network_(network), flow_(flow_of(model)), readers_(model.readers()) {}

  void build() {
    cut();
    for (std::size_t n = 0; n < m_.nodes.size(); ++n) add_work(m_.nodes[n], piece(n));
    add_parameters();
    add_kept();
    for (const ValueId id : m_.outputs)
      if (learns(id)) add_loss(id);
  }

 private:
  bool varies(ValueId id) const { return id != no_value && flow_.varies[index(id)]; }
  bool learns(ValueId id) const { return id != no_value && flow_.learns[index(id)]; }
  Piece& piece(std::size_t node) { return network_.pieces_[piece_of_[node]]; }

  void cut();
  bool may_cut(const std::set<ValueId>& crossing) const;
  void add_work(const Node& node, Piece& piece);
  void add_parameters();
  void add_kept();
  void add_loss(ValueId output);
  Size size(ValueId id) const;

  const Model& m_;
  OnnxNetwork& network_;
  Flow flow_;
  std::vector<std::vector<std::size_t>> readers_;                                   // [value]
  std::vector<std::size_t> piece_of_;                                               // [node]
  std::vector<const Node*> coder_of_ = std::vector<const Node*>(m_.values.size());  // FakeQuantize that made a value
};

/// Where one tensor crosses; behind a quantiser rather than before it, and not behind the network's output.
bool OnnxNetwork::Builder::may_cut(const std::set<ValueId>& crossing) const {
  if (crossing.size() != 1) return false;
  const auto& readers = readers_[index(*crossing.begin())];
  return !readers.empty() && (readers.size() > 1 || m_.nodes[readers[0]].op != Op::fake_quantize);
}

void OnnxNetwork::Builder::cut() {
  std::vector<std::size_t> last(m_.values.size(), 0);  // the node that reads a value last
  for (std::size_t v = 0; v < last.size(); ++v)
    if (!readers_[v].empty()) last[v] = readers_[v].back();
  for (const ValueId id : m_.outputs) last[index(id)] = m_.nodes.size();
  std::set<ValueId> crossing;
  network_.pieces_.emplace_back();
  for (std::size_t n = 0; n < m_.nodes.size(); ++n) {
    const Node& node = m_.nodes[n];
    piece_of_.push_back(network_.pieces_.size() - 1);
    if (!varies(node.outputs[0])) continue;
    network_.pieces_.back().name = node.name;
    for (const ValueId id : node.inputs)
      if (id != no_value && last[index(id)] == n) crossing.erase(id);
    for (const ValueId id : node.outputs) {
      if (id == no_value) continue;
      if (node.op == Op::fake_quantize) coder_of_[index(id)] = &node;
      if (is_view(node.op)) coder_of_[index(id)] = coder_of_[index(node.inputs[0])];
      if (varies(id) && learns(id) && last[index(id)] > n) crossing.insert(id);
    }
    if (!may_cut(crossing)) continue;
    network_.pieces_.back().boundary = size(*crossing.begin());
    network_.pieces_.emplace_back();
  }
  // what is made of weights belongs to its first reader
  for (std::size_t n = m_.nodes.size(); n-- > 0;) {
    if (varies(m_.nodes[n].outputs[0])) continue;
    std::size_t first = network_.pieces_.size() - 1;
    for (const ValueId id : m_.nodes[n].outputs)
      if (id != no_value)
        for (const std::size_t reader : readers_[index(id)]) first = std::min(first, piece_of_[reader]);
    piece_of_[n] = first;
  }
}

void OnnxNetwork::Builder::add_work(const Node& node, Piece& piece) {
  const NodeWork work = node_work(m_, node, flow_);
  const bool by_sample = varies(node.outputs[0]);
  const auto add = [&](std::vector<Repeated>& to, Operation operation, Direction direction) {
    operation.direction = direction;
    to.push_back({operation, by_sample});
    if (by_sample) network_.flops_ += flops(operation);
  };
  bool input_learns = false, weight_learns = false;
  for (const ValueId id : node.inputs) {
    input_learns = input_learns || (varies(id) && learns(id));
    weight_learns = weight_learns || (!varies(id) && learns(id));
  }
  for (const Operation& o : work.products) {
    add(piece.forward, o, Direction::forward);
    if (input_learns) add(piece.backward, o, Direction::backward);
    if (weight_learns) add(piece.weight, o, Direction::weight);
  }
  for (const Operation& o : work.others) {
    add(piece.forward, o, Direction::forward);
    if (input_learns || (weight_learns && !by_sample)) add(piece.backward, o, Direction::backward);
  }
}

/// Each counts where it is read first.
void OnnxNetwork::Builder::add_parameters() {
  std::vector<bool> seen(m_.values.size(), false);
  for (std::size_t n = 0; n < m_.nodes.size(); ++n) {
    const Node& node = m_.nodes[n];
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      if (!model::is_parameter(m_, node, i) || seen[index(node.inputs[i])]) continue;
      seen[index(node.inputs[i])] = true;
      const auto count = static_cast<double>(elements(m_.value(node.inputs[i])));
      piece(n).parameters += count;
      ++piece(n).tensors;
      network_.parameters_ += static_cast<std::int64_t>(count);
      if (node.op != Op::fake_quantize) continue;
      piece(n).narrow_parameters += count;
      piece(n).narrow_bytes += count * node.as<model::QuantizeAttributes>().format.bits / 8;
    }
  }
}

/// A value is kept once, by the last part that needs it.
void OnnxNetwork::Builder::add_kept() {
  std::vector<ValueId> origin(m_.values.size());  // what a view looks at
  for (std::size_t v = 0; v < origin.size(); ++v) origin[v] = static_cast<ValueId>(v);
  std::vector<std::size_t> keeper(m_.values.size(), network_.pieces_.size());
  for (std::size_t n = 0; n < m_.nodes.size(); ++n) {
    const Node& node = m_.nodes[n];
    if (is_view(node.op)) origin[index(node.outputs[0])] = origin[index(node.inputs[0])];
    if (!varies(node.outputs[0]) || !learns(node.outputs[0])) continue;
    for (const ValueId id : needed_values(m_, node, flow_)) keeper[index(origin[index(id)])] = piece_of_[n];
  }
  for (std::size_t v = 0; v < keeper.size(); ++v)
    if (keeper[v] < network_.pieces_.size()) network_.pieces_[keeper[v]].kept += size(static_cast<ValueId>(v));
}

/// Cross-entropy of what the network says.
void OnnxNetwork::Builder::add_loss(ValueId output) {
  const model::Value& y = m_.value(output);
  const std::int64_t classes = y.shape.empty() ? 1 : std::max<std::int64_t>(1, y.shape.back().size);
  Operation loss{OperationKind::loss, Direction::forward, {elements(y) / classes, classes, 1, 1}};
  Piece& piece = network_.pieces_.back();
  piece.forward.push_back({loss});
  loss.direction = Direction::backward;
  piece.backward.push_back({loss});
  piece.outputs += static_cast<double>(elements(y));
}

OnnxNetwork::Size OnnxNetwork::Builder::size(ValueId id) const {
  const auto count = static_cast<double>(elements(m_.value(id)));
  const Node* coder = coder_of_[index(id)];
  if (!coder) return {count, 0};
  return {0, count * coder->as<model::QuantizeAttributes>().format.bits / 8};
}

OnnxNetwork::OnnxNetwork(const Model& model, std::int64_t tokens) {
  name = model.name;
  hash = model.hash;
  const Model fixed = with_batch(model, 1, tokens);
  for (const ValueId id : fixed.inputs) {
    const model::Value& input = fixed.value(id);
    if (!is_float(input.type) && input.shape.size() == 2) tokens_ = input.shape[1].size;
  }
  Builder(fixed, *this).build();
  if (parameters_ == 0) throw Error("has no weights to train", name);
}

void OnnxNetwork::check(const Strategy& s) const {
  const auto refuse = [](bool asked, const char* option) {
    if (asked)
      throw UsageError("layers of an ONNX network are not shared by devices", option, "take replicas or a pipeline");
  };
  refuse(s.tensor > 1, "--tensor-parallel");
  refuse(s.sequence_parallel, "--sequence-parallel");
  refuse(s.context > 1, "--context-parallel");
  refuse(s.expert > 1, "--expert-parallel");
  if (s.early_stop)
    throw UsageError("parts of an ONNX network are computed again as they are", "--early-stop", "leave it out");
  if (s.recompute == Recompute::selective || s.recompute == Recompute::operators)
    throw UsageError("layers of an ONNX network are kept or computed again as they are", "--recompute",
                     "take none or full");
}

std::vector<Operation> OnnxNetwork::operations(const std::vector<Repeated>& list, const Strategy& s) {
  std::vector<Operation> out;
  for (const auto& [operation, by_sample] : list) {
    Operation o = operation;
    o.precision = precision_of(o.kind, s);
    if (by_sample) o.shape[0] = times(o.shape[0], s.micro_batch);
    out.push_back(o);
  }
  return out;
}

Parts OnnxNetwork::parts(const Strategy& s) const {
  const double width = s.activation_width();
  const auto bytes = [&](const Size& size) { return s.micro_batch * (width * size.elements + size.bytes); };
  Parts out{.alike = false};
  const Size* before = nullptr;
  for (const Piece& piece : pieces_) {
    Part part{.name = piece.name};
    part.forward.operations = operations(piece.forward, s);
    part.backward.operations = operations(piece.backward, s);
    part.weight.operations = operations(piece.weight, s);
    part.parameters = piece.parameters;
    part.tensors = std::max(1, piece.tensors);
    part.narrow_bytes = std::max(0.0, bytes_of(s.gathered()) * piece.narrow_parameters - piece.narrow_bytes);
    part.activation_bytes = bytes(piece.kept);
    part.boundary_bytes = bytes(piece.boundary);
    part.logit_bytes = s.micro_batch * s.logit_width() * piece.outputs;
    if (s.recompute == Recompute::full) {
      auto& backward = part.backward.operations;
      backward.insert(backward.begin(), part.forward.operations.begin(), part.forward.operations.end());
      part.recomputed_bytes = part.activation_bytes;
      part.activation_bytes = before ? bytes(*before) : 0;
    }
    add_shard_communication(part, s, part.parameters);
    before = &piece.boundary;
    out.order.push_back(static_cast<int>(out.kinds.size()));
    out.kinds.push_back(std::move(part));
  }
  return out;
}

}  // namespace pare::cluster
