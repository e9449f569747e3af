#include "pare/cluster/strategy.h"

#include <fmt/format.h>

#include <array>

#include "pare/base/error.h"
#include "pare/cluster/names.h"

namespace pare::cluster {
namespace {

constexpr std::array<std::string_view, 4> recomputes{"none", "selective", "operators", "full"};
constexpr std::array<std::string_view, 2> scalings{"delayed", "current"};
constexpr std::array<std::string_view, 2> shard_units{"layer", "tensor"};
constexpr std::array<std::string_view, 3> tensor_overlaps{"none", "weights", "all"};

}  // namespace

std::string_view name(Recompute recompute) { return recomputes[static_cast<std::size_t>(recompute)]; }

Recompute parse_recompute(const std::string& name) { return parse_name<Recompute>(recomputes, name, "--recompute"); }

std::string_view name(TensorOverlap overlap) { return tensor_overlaps[static_cast<std::size_t>(overlap)]; }

TensorOverlap parse_tensor_overlap(const std::string& name) {
  return parse_name<TensorOverlap>(tensor_overlaps, name, "--tensor-overlap");
}

std::string_view name(Scaling scaling) { return scalings[static_cast<std::size_t>(scaling)]; }

Scaling parse_scaling(const std::string& name) { return parse_name<Scaling>(scalings, name, "--fp8-scaling"); }

std::string_view name(ShardUnit unit) { return shard_units[static_cast<std::size_t>(unit)]; }

ShardUnit parse_shard_unit(const std::string& name) { return parse_name<ShardUnit>(shard_units, name, "--shard-unit"); }

Precision Strategy::activations() const {
  if (weights == Precision::float32 && !cast_weights) return Precision::float32;
  return wide_products();
}

Precision Strategy::gathered() const { return cast_weights ? activations() : weights; }

// in the products' type and float32; of torch's cross-entropy, when its gradient is taken, the logarithms of
// probabilities, their gradient and the logits', each in float32
double Strategy::logit_width() const { return fused_loss ? activation_width() + 4 : 12; }

std::string Strategy::label() const {
  std::string out = fmt::format("d{} t{} p{} b{}", data, tensor, pipeline, micro_batch);
  if (context > 1) out += fmt::format(" c{}", context);
  if (expert > 1) out += fmt::format(" e{}", expert);
  if (pipeline > 1) out += fmt::format(" {}", name(schedule));
  if (pipeline > 1 && chunks > 1) out += fmt::format(" v{}", chunks);
  if (recompute != Recompute::none) out += fmt::format(" {}-recompute", name(recompute));
  if (sequence_parallel) out += " sequence";
  if (zero > 0) out += fmt::format(" zero{}", zero);
  if (zero > 0 && shards() != replicas()) out += fmt::format(" shard{}", shards());
  return out;
}

void check(const Strategy& s, const Network& network, const Cluster& c) {
  const auto positive = [](int value, const char* option) {
    if (value < 1) throw UsageError("must be at least 1", option);
  };
  positive(s.data, "--data-parallel");
  positive(s.tensor, "--tensor-parallel");
  positive(s.pipeline, "--pipeline-parallel");
  positive(s.micro_batch, "--micro-batch");
  positive(s.batch, "--batch");
  positive(s.context, "--context-parallel");
  positive(s.expert, "--expert-parallel");
  // widths of up to 2^31 each
  const double devices = 1.0 * s.data * s.tensor * s.pipeline * s.context;
  if (devices != c.devices())
    throw UsageError(fmt::format("data {} x tensor {} x pipeline {} x context {} is {:.0f} devices, the cluster has {}",
                                 s.data, s.tensor, s.pipeline, s.context, devices, c.devices()),
                     "strategy", "change a width or the cluster's nodes");
  if (s.zero < 0 || s.zero > 3) throw UsageError("is 0, 1, 2 or 3", "--zero");
  if (s.shard < 0 || s.replicas() % s.shards())
    throw UsageError(fmt::format("{} replicas are no multiple of it", s.replicas()), "--shard");
  if (s.shard > 0 && s.zero == 0) throw UsageError("needs something to share", "--shard", "give --zero too");
  if (s.batch % (1LL * s.data * s.micro_batch))
    throw UsageError(
        fmt::format("{} samples are no multiple of {} replicas with {} a micro-batch", s.batch, s.data, s.micro_batch),
        "--batch");
  network.check(s);
  if (network.most_stages() < 1LL * s.pipeline * s.chunks)
    throw UsageError(fmt::format("{} layers are too few for {} stages", network.depth(), 1LL * s.pipeline * s.chunks),
                     "--pipeline-parallel");
  Pipeline asked = s.pipeline_order();
  asked.schedule = s.schedule;
  asked.chunks = s.chunks;
  check(asked);
}

}  // namespace pare::cluster
