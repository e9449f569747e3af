#include "pare/cluster/layer.h"

#include <algorithm>

namespace pare::cluster {
namespace {

constexpr double width = 2;  // bytes of a value of 16 bits

/// [m, k] x [k, n], `count` of them.
Operation product(double m, double n, double k, int count = 1) {
  return {2 * m * n * k, width * (m * k + k * n + m * n), count};
}

void append(Work& work, const std::vector<Operation>& more) {
  work.operations.insert(work.operations.end(), more.begin(), more.end());
}

}  // namespace

PartWork layer_work(const Transformer& t, const Strategy& s) {
  const double spread = s.sequence_parallel ? s.tensor : 1;
  const auto h = static_cast<double>(t.hidden), n = static_cast<double>(t.sequence) * s.micro_batch;
  const double inner = static_cast<double>(t.feed_forward) / s.tensor, head = static_cast<double>(t.head_width);
  const double heads = static_cast<double>(t.heads) / s.tensor;
  const double kv = std::max(1.0, static_cast<double>(t.kv_heads) / s.tensor);
  const auto tokens = static_cast<double>(t.sequence);

  const std::vector<Operation> products{product(n, head * (heads + 2 * kv), h), product(n, h, head * heads),
                                        product(n, inner, h, t.gated ? 2 : 1), product(n, h, inner)};
  // scores and their product with the values, all heads of the micro-batch in one kernel each
  const double pairs = s.micro_batch * heads * tokens * tokens;
  const double rows = s.micro_batch * tokens * head * (heads + kv) * width;
  std::vector<Operation> core;
  if (s.flash_attention) {
    core = {{4 * pairs * head, 2 * rows, 1}};
  } else {
    // scaled and masked, softmax, dropout: each reads and writes every pair
    core = {{2 * pairs * head, rows + width * pairs, 1},
            {0, 2 * width * pairs, 3},
            {2 * pairs * head, rows + width * pairs, 1}};
  }
  // two normalisations; twice bias, dropout and residual; the activation
  const std::vector<Operation> memory{{0, 2 * width * n * h / spread, 2},
                                      {0, 4 * width * n * h / spread, 2},
                                      {0, (t.gated ? 3 : 2) * width * n * inner, 1}};

  PartWork work;
  append(work.forward, products);
  append(work.forward, core);
  append(work.forward, memory);
  if (s.tensor > 1) {
    work.forward.collectives = 2;
    work.forward.collective_bytes = width * n * h;
  }
  if (s.recompute == Recompute::full) work.backward = work.forward;
  if (s.recompute == Recompute::selective || s.flash_attention) append(work.backward, core);
  append(work.backward, products);
  for (const auto& operations : {core, memory}) {  // both operands' gradients at once
    append(work.backward, operations);
    append(work.backward, operations);
  }
  work.backward.collective_bytes = work.forward.collective_bytes;
  work.backward.collectives += work.forward.collectives;
  append(work.weight, products);
  return work;
}

PartWork embedding_work(const Transformer& t, const Strategy& s) {
  const double bytes = 3 * width * static_cast<double>(t.sequence * t.hidden) * s.micro_batch;
  PartWork work;
  append(work.forward, {{0, bytes, 1}});
  append(work.weight, {{0, bytes, 1}});
  return work;
}

PartWork head_work(const Transformer& t, const Strategy& s) {
  const double n = static_cast<double>(t.sequence) * s.micro_batch, v = static_cast<double>(t.vocabulary) / s.tensor;
  const auto h = static_cast<double>(t.hidden);
  PartWork work;
  // the loss reads the logits in float32: largest, sum, probability
  append(work.forward, {product(n, v, h), {0, 3 * 4 * n * v, 1}});
  append(work.backward, {{0, 4 * n * v, 1}, product(n, h, v)});
  append(work.weight, {product(h, v, n)});
  return work;
}

double operation_s(const Operation& o, const Device& d) {
  const double arithmetic = o.flops > 0 ? o.flops / (d.matrix_flops * d.matrix.at(o.flops)) : 0;
  const double memory = o.bytes > 0 ? o.bytes / (d.memory_bandwidth * d.memory.at(o.bytes)) : 0;
  return o.count * std::max({arithmetic, memory, d.launch_s});
}

WorkTime& WorkTime::operator+=(const WorkTime& other) {
  compute_s += other.compute_s;
  communication_s += other.communication_s;
  return *this;
}

WorkTime operator*(double times, const WorkTime& time) {
  return {times * time.compute_s, times * time.communication_s};
}

WorkTime work_s(const Work& work, const Group& tensor_group, const Cluster& cluster) {
  WorkTime time;
  for (const Operation& operation : work.operations) time.compute_s += operation_s(operation, cluster.device);
  if (work.collectives > 0)
    time.communication_s =
        work.collectives * collective_s(CollectiveKind::all_reduce, work.collective_bytes, tensor_group, cluster);
  return time;
}

}  // namespace pare::cluster
