// A machine of round figures, a GPT for it, and what its work is.
#pragma once
#include "pare/cluster/predict.h"

namespace pare::cluster {

inline constexpr double gib = 1024.0 * 1024 * 1024;

inline constexpr const char* machine = R"(
[device]
name = "round figures"
matrix_tflops = 100
memory_gib = 80
memory_gb_s = 2000
[nodes]
count = 1
devices = 8
[inside]
latency_us = 1
bandwidth_gb_s = 300
)";

inline Cluster cluster(int nodes, int devices) {
  Cluster c = parse_cluster(machine, "machine");
  c.nodes = nodes;
  c.devices_per_node = devices;
  return c;
}

inline Transformer gpt(std::int64_t hidden, std::int64_t layers, std::int64_t heads, std::int64_t sequence = 2048) {
  Transformer t;
  t.name = "gpt";
  t.hidden = hidden;
  t.layers = layers;
  t.heads = t.kv_heads = heads;
  t.head_width = hidden / heads;
  t.feed_forward = 4 * hidden;
  t.vocabulary = 51200;
  t.sequence = t.positions = sequence;
  return t;
}

inline double flops_of(const Work& work) {
  double sum = 0;
  for (const Operation& o : work.operations) sum += o.count * flops(o);
  return sum;
}

}  // namespace pare::cluster
