#include "pare/cluster/costs.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "pare/cluster/nccl.h"

namespace pare::cluster {
namespace {

/// What of a device's processors a product [rows, inner] x [inner, columns] keeps busy: its tiles run in waves of one a
/// processor, the last one partly filled. Smaller tiles waste less there and read more; the best is taken.
double tile_efficiency(double rows, double columns, int processors) {
  struct Tile {
    double rows, columns, efficiency;
  };
  static constexpr std::array<Tile, 4> tiles{{{256, 128, 1}, {128, 128, 0.95}, {128, 64, 0.8}, {64, 64, 0.65}}};
  double best = 0;
  for (const Tile& tile : tiles) {
    const double count = std::ceil(rows / tile.rows) * std::ceil(columns / tile.columns);
    const double waves = std::ceil(count / processors);
    const double used = rows * columns / (waves * processors * tile.rows * tile.columns);
    best = std::max(best, tile.efficiency * used);
  }
  return best;
}

double attention_efficiency(const Operation& o, const Device& d) {
  const double keys = static_cast<double>(o.shape[2]) * (o.kind == OperationKind::causal ? 0.5 : 1);
  const double best = d.attention_efficiency * (o.direction == Direction::forward ? 1 : d.attention_backward);
  return best * keys / (keys + d.attention_half_keys);
}

double matrix_efficiency(const Operation& o, const Device& d) {
  if (o.kind == OperationKind::attention || o.kind == OperationKind::causal) return attention_efficiency(o, d);
  double efficiency = d.matrix.at(flops(o));
  if (o.kind != OperationKind::linear) return efficiency;
  // rows x inner times inner x columns, as each direction has them
  auto [rows, inner, columns] =
      std::array{static_cast<double>(o.shape[0]), static_cast<double>(o.shape[1]), static_cast<double>(o.shape[2])};
  if (o.direction == Direction::backward) std::swap(inner, columns);
  if (o.direction == Direction::weight) std::swap(rows, inner);
  if (d.processors > 0) efficiency *= tile_efficiency(rows, columns, d.processors);
  // half_inner is what of a product a tile takes to begin and end, which faster numbers do not shorten
  const double half_inner =
      d.half_inner * (o.precision == Precision::float8 ? d.flops(o.precision) / d.matrix_flops : 1);
  return efficiency * inner / (inner + half_inner);
}

/// FLOP/s at best. Attention that writes its scores leaves the tensor cores where its heads' width is no multiple of 8:
/// runs of 14,400 wide layers with 64 heads and 13,824 with 128 (bigscience, chronicles-prequel.md, 20 and 23 February
/// 2022) lose what their products of queries, keys and values take at 10 TFLOP/s, on A100 with 19.5 in float32.
double peak(const Operation& o, const Device& d) {
  const bool per_head = o.kind == OperationKind::scores || o.kind == OperationKind::context;
  const bool aligned = o.precision == Precision::float32 || o.shape[3] % 8 == 0;
  return per_head && !aligned && d.float32_flops > 0 ? d.float32_flops : d.flops(o.precision);
}

}  // namespace

double DescribedCosts::operation_s(const Operation& o) const {
  const Device& d = cluster_.device;
  const double work = flops(o), moved = bytes(o);
  const double arithmetic = work > 0 ? work / (peak(o, d) * matrix_efficiency(o, d)) : 0;
  const double memory = moved / (d.memory_bandwidth * d.memory.at(moved));
  return o.count * std::max({arithmetic, memory, kernels(o) * d.launch_s});
}

double DescribedCosts::collective_s(CollectiveKind kind, double bytes, const Group& group) const {
  return nccl_s(kind, bytes, group, cluster_);
}

double DescribedCosts::transfer_s(double bytes, Distance distance) const {
  if (distance == Distance::node)
    return cluster_.call_s + cluster_.inside.latency_s + bytes / cluster_.inside.bandwidth;
  // across, a device has its part of the node's ports, and beyond the leaf switch of its uplinks
  const double part = cluster_.devices_per_node * (distance == Distance::spine ? cluster_.fabric.oversubscription : 1);
  return cluster_.call_s + cluster_.across.latency_s + bytes * part / cluster_.across.bandwidth;
}

}  // namespace pare::cluster
