#include "pare/cluster/traced.h"

#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <optional>
#include <set>

#include "pare/cluster/traced_operation.h"

namespace pare::cluster {
namespace {

using Sizes = std::array<std::int64_t, 4>;
using trace::no_call;

std::optional<CollectiveKind> kind_of(trace::CollectiveKind kind) {
  switch (kind) {
    case trace::CollectiveKind::all_reduce: return CollectiveKind::all_reduce;
    case trace::CollectiveKind::all_gather: return CollectiveKind::all_gather;
    case trace::CollectiveKind::reduce_scatter: return CollectiveKind::reduce_scatter;
    case trace::CollectiveKind::all_to_all: return CollectiveKind::all_to_all;
    case trace::CollectiveKind::transfer: return CollectiveKind::send;
    default: return std::nullopt;
  }
}

class Mapper {
 public:
  explicit Mapper(const trace::Trace& trace) : trace_(trace), inside_(trace.calls.size(), false) {}

  TracedProfile map() {
    for (const trace::Call& call : trace_.calls) note_forward(call);
    for (std::size_t i = 0; i < trace_.calls.size(); ++i) take(i);
    for (auto& [key, seconds] : seconds_)
      out_.profile.operations[key] = {trace::times_of(seconds).median, trace_.source};
    for (const auto& [name, unmapped] : unmapped_) out_.unmapped.push_back(unmapped);
    std::ranges::stable_sort(out_.unmapped, std::greater(), &Unmapped::seconds);
    add_collectives();
    out_.profile.device = trace_.kernels > 0 ? trace_.device : "cpu";
    return std::move(out_);
  }

 private:
  std::optional<Operation> operation(const trace::Signature& signature) {
    const auto found = known_.find(signature);
    if (found != known_.end()) return found->second;
    const auto& texts = trace_.texts;
    const auto made = operation_of(
        texts[signature.name],
        {.shapes = texts[signature.shapes], .types = texts[signature.types], .values = texts[signature.values]});
    return known_.emplace(signature, made).first->second;
  }

  static bool is_product(const Operation& o) { return o.kind == OperationKind::linear; }
  static bool is_batched(const Operation& o) {
    return o.kind == OperationKind::scores || o.kind == OperationKind::context;
  }

  void note_forward(const trace::Call& call) {
    if (call.signature.phase == trace::Phase::backward) return;
    if (const auto o = operation(call.signature); o && is_product(*o)) linears_.insert(o->shape);
  }

  void take(std::size_t i) {
    const trace::Call& call = trace_.calls[i];
    if (call.parent != no_call && inside_[call.parent]) {
      inside_[i] = true;  // its time is that of the operation it is a part of
      return;
    }
    auto o = call.signature.phase == trace::Phase::update ? std::nullopt : operation(call.signature);
    const bool gradient = call.signature.phase == trace::Phase::backward;
    // the gradient of both operands is one operation, but two calls
    if (o && gradient && is_batched(*o)) o = std::nullopt;
    if (o && gradient && is_product(*o) && trace_.texts[call.signature.name] == "aten::mm")
      o = gradient_of(*o, call.parent);
    if (!o || call.whole_s <= 0) return leave(call);
    inside_[i] = true;
    add(*o, call.whole_s);
  }

  void add(const Operation& o, double seconds) {
    seconds_[o.key()].push_back(seconds);
    out_.mapped_s += seconds;
  }

  void leave(const trace::Call& call) {
    if (call.own_s <= 0) return;
    Unmapped& unmapped = unmapped_[call.signature.name];
    unmapped.name = trace_.texts[call.signature.name];
    ++unmapped.count;
    unmapped.seconds += call.own_s;
  }

  /// Which linear operation [m, k] x [k, n] is a gradient of: [rows, columns] x [columns, inner] of its inputs,
  /// [columns, rows] x [rows, inner], or that transposed, of its weights. The forward pass says which there are; where
  /// both may be meant, torch computes that of the inputs first.
  std::optional<Operation> gradient_of(Operation product, std::uint32_t parent) {
    const auto [m, k, n, one] = product.shape;
    const Sizes of_inputs{m, n, k, one}, of_weights{k, n, m, one}, transposed{k, m, n, one};
    const bool first = parent == no_call || seen_.insert(parent).second;
    const bool inputs = linears_.contains(of_inputs), weights = linears_.contains(of_weights);
    if (inputs && (first || (!weights && !linears_.contains(transposed)))) {
      product.direction = Direction::backward;
      product.shape = of_inputs;
      return product;
    }
    if (!weights && !linears_.contains(transposed)) return std::nullopt;
    product.direction = Direction::weight;
    product.shape = weights ? of_weights : transposed;
    return product;
  }

  void add_collectives() {
    for (const trace::CollectiveTimes& c : trace::collective_times(trace_.collectives)) {
      const auto kind = kind_of(c.kind);
      if (!kind || c.group_size < 2 || c.group_size > most_ranks || c.bytes <= 0 || c.times.median <= 0) {
        out_.collectives_left += c.times.count;
        continue;
      }
      out_.profile.collectives.push_back({.kind = *kind,
                                          .ranks = static_cast<int>(c.group_size),
                                          .bytes = c.bytes,
                                          .seconds = c.times.median,
                                          .source = trace_.source,
                                          .library = trace_.kernels > 0 ? "nccl" : "gloo"});
    }
  }

  static constexpr std::int64_t most_ranks = 1 << 24;

  const trace::Trace& trace_;
  std::vector<bool> inside_;  // the call is an operation, or a part of one
  std::map<trace::Signature, std::optional<Operation>> known_;
  std::set<Sizes> linears_;                             // of the forward pass
  std::set<std::uint32_t> seen_;                        // calls that have made a product of the backward pass
  std::map<std::string, std::vector<double>> seconds_;  // by key
  std::map<trace::Texts::Id, Unmapped> unmapped_;
  TracedProfile out_;
};

}  // namespace

TracedProfile to_profile(const trace::Trace& trace) { return Mapper(trace).map(); }

}  // namespace pare::cluster
