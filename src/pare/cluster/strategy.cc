#include "pare/cluster/strategy.h"

#include <fmt/format.h>

#include <array>

#include "pare/base/error.h"
#include "pare/cluster/names.h"

namespace pare::cluster {
namespace {

constexpr std::array<std::string_view, 3> recomputes{"none", "selective", "full"};

}  // namespace

std::string_view name(Recompute recompute) { return recomputes[static_cast<std::size_t>(recompute)]; }

Recompute parse_recompute(const std::string& name) { return parse_name<Recompute>(recomputes, name, "--recompute"); }

std::string Strategy::label() const {
  std::string out = fmt::format("d{} t{} p{} b{}", data, tensor, pipeline, micro_batch);
  if (pipeline > 1) out += fmt::format(" {}", name(schedule));
  if (chunks > 1) out += fmt::format(" v{}", chunks);
  if (recompute != Recompute::none) out += fmt::format(" {}-recompute", name(recompute));
  if (sequence_parallel) out += " sequence";
  if (distributed_optimizer) out += " zero1";
  return out;
}

void check(const Strategy& s, const Transformer& t, const Cluster& c) {
  const auto positive = [](int value, const char* option) {
    if (value < 1) throw UsageError("must be at least 1", option);
  };
  positive(s.data, "--data-parallel");
  positive(s.tensor, "--tensor-parallel");
  positive(s.pipeline, "--pipeline-parallel");
  positive(s.micro_batch, "--micro-batch");
  positive(s.batch, "--batch");
  const long long devices = 1LL * s.data * s.tensor * s.pipeline;
  if (devices != c.devices())
    throw UsageError(fmt::format("data {} x tensor {} x pipeline {} is {} devices, the cluster has {}", s.data,
                                 s.tensor, s.pipeline, devices, c.devices()),
                     "strategy", "change a width or the cluster's nodes");
  if (s.batch % (1LL * s.data * s.micro_batch))
    throw UsageError(
        fmt::format("{} samples are no multiple of {} replicas with {} a micro-batch", s.batch, s.data, s.micro_batch),
        "--batch");
  if (t.heads % s.tensor)
    throw UsageError(fmt::format("{} heads are no multiple of {}", t.heads, s.tensor), "--tensor-parallel");
  if (s.tensor > t.kv_heads && s.tensor % t.kv_heads)
    throw UsageError(fmt::format("is no multiple of {} key-value heads", t.kv_heads), "--tensor-parallel");
  if (s.sequence_parallel && t.sequence % s.tensor)
    throw UsageError(fmt::format("{} tokens are no multiple of tensor width {}", t.sequence, s.tensor),
                     "--sequence-parallel");
  if (t.layers < 1LL * s.pipeline * s.chunks)
    throw UsageError(fmt::format("{} layers are fewer than {} stages", t.layers, 1LL * s.pipeline * s.chunks),
                     "--pipeline-parallel");
  check(s.pipeline_order());
}

}  // namespace pare::cluster
