// What a training run runs on: devices, the links between them, and how they lie in nodes.
#pragma once
#include <cstdint>
#include <filesystem>
#include <string>

#include "pare/cluster/operation.h"

namespace pare::cluster {

/// Part of a peak that an operation of some size reaches: best * size / (size + half_size).
struct Efficiency {
  double best = 1;
  double half_size = 0;  // the size at which half of `best` is reached
  double at(double size) const { return size <= 0 ? best : best * size / (size + half_size); }
};

struct Device {
  std::string name;
  double matrix_flops = 0;   // dense peak of matrix products in 16 bits, FLOP/s
  double float32_flops = 0;  // the same in float32 and in 8 bits; 0: not said
  double float8_flops = 0;
  double memory_bytes = 0;          // of the device
  double memory_bandwidth = 0;      // bytes/s
  double launch_s = 0;              // least time of one kernel on the device
  double host_s = 0;                // of the framework, to launch one kernel
  double pass_s = 0;                // of a pass in a pipeline, beyond its kernels: receiving, sending, checking
  double step_s = 0;                // of an optimizer step, beyond its kernels: norms, logging, data
  double overlap_slowdown = 0;      // of computation beside a collective, as a part of the time they share
  Efficiency matrix, memory;        // by FLOPs and by bytes of one operation
  double attention_efficiency = 1;  // of flash attention forward, long sequences, of the peak in 16 bits
  double attention_backward = 1;    // what its backward kernel reaches of that
  double attention_half_keys = 0;   // keys a query has on average, at which it reaches half of that
  int processors = 0;               // that share the tiles of a product; 0: no account of tiles
  double half_inner = 0;            // the inner width at which a product reaches half of its best

  /// Peak of products in a precision. Throws Error where the description does not say.
  double flops(Precision precision) const;
};

struct Link {
  double latency_s = 0;  // of one step
  double bandwidth = 0;  // bytes/s, each way, of one device inside a node, of the whole node across nodes
};

enum class Topology { fat_tree, rail };

/// The switches between nodes. A leaf switch joins `leaf_nodes` nodes at their full rate; the uplinks of a leaf carry
/// 1 / oversubscription of what the nodes below it send. On rails there is a leaf for each device of a node, which
/// joins those of the same number: messages between devices of different numbers go through a node's own link first.
struct Fabric {
  Topology topology = Topology::fat_tree;
  int leaf_nodes = 0;  // 0: one switch joins all
  double oversubscription = 1;
};

struct Cluster {
  std::string name;
  Device device;
  int nodes = 1, devices_per_node = 1;
  Link inside, across;
  Fabric fabric;
  double call_s = 0;                 // of a collective or transfer, beyond its steps
  double price_per_device_hour = 0;  // 0: not said
  int slow_device = -1;              // a straggler, counted over all nodes, and how many times longer it takes
  double slow_device_factor = 1;
  int slow_node = -1;  // a node whose link across nodes is that many times slower
  double slow_node_factor = 1;
  std::string hash;  // of the file it came from

  int devices() const { return nodes * devices_per_node; }
  /// The leaf switch above a device.
  int leaf_of(int device) const { return fabric.leaf_nodes > 0 ? device / devices_per_node / fabric.leaf_nodes : 0; }
};

/// Reads a cluster's TOML (docs/cluster.md lists its keys). Throws Error naming the line of what is missing, unknown,
/// negative or not finite.
Cluster read_cluster(const std::filesystem::path& path);
Cluster parse_cluster(const std::string& text, const std::string& where);

}  // namespace pare::cluster
