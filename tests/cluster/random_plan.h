// Networks, machines and strategies drawn by chance, for properties that hold of all of them.
#pragma once
#include <random>
#include <vector>

#include "pare/cluster/search.h"
#include "pare/cluster/transformer.h"

namespace pare::cluster {

struct RandomPlan {
  Transformer network;
  Cluster cluster;
  SearchSpace space;
};

inline RandomPlan random_plan(std::mt19937& random) {
  const auto pick = [&](std::initializer_list<int> values) { return values.begin()[random() % values.size()]; };
  const auto uniform = [&](double low, double high) { return std::uniform_real_distribution(low, high)(random); };
  RandomPlan r;
  Transformer& t = r.network;
  t.heads = t.kv_heads = pick({4, 6, 8});
  t.head_width = 64;
  t.hidden = t.heads * t.head_width;
  t.layers = pick({2, 3, 4, 6, 8, 12});
  t.feed_forward = 4 * t.hidden;
  t.vocabulary = pick({100, 30000});
  t.sequence = t.positions = pick({512, 1024, 8192});
  if (pick({0, 0, 1})) t.experts = 4, t.experts_per_token = 2;
  t.tied = pick({0, 1});
  Cluster& c = r.cluster;
  c.nodes = pick({1, 2, 3});
  c.devices_per_node = pick({2, 4, 8});
  c.device.matrix_flops = uniform(1e12, 1e14);
  c.device.memory_bandwidth = uniform(1e11, 2e12);
  c.device.memory_bytes = uniform(5e8, 2e10);
  c.device.launch_s = pick({0, 1}) * 5e-6;
  c.device.host_s = pick({0, 1}) * 5e-6;
  c.device.pass_s = pick({0, 1}) * 1e-4;
  c.device.step_s = pick({0, 1}) * 1e-3;
  c.device.overlap_slowdown = uniform(0, 0.3);
  c.call_s = 1e-5;
  c.inside = {uniform(0, 1e-5), uniform(1e9, 3e11)};
  c.across = {uniform(0, 1e-4), uniform(1e8, 3e10)};
  c.price_per_device_hour = 1;
  r.space.batch = c.nodes * c.devices_per_node * pick({1, 2, 4});
  r.space.largest_micro_batch = 4;
  r.space.training.flash_attention = pick({0, 1});
  return r;
}

}  // namespace pare::cluster
