// What a training run runs on: devices, the links between them, and how they lie in nodes.
#pragma once
#include <cstdint>
#include <filesystem>
#include <string>

namespace pare::cluster {

/// Part of a peak that an operation of some size reaches: best * size / (size + half_size).
struct Efficiency {
  double best = 1;
  double half_size = 0;  // the size at which half of `best` is reached
  double at(double size) const { return size <= 0 ? best : best * size / (size + half_size); }
};

struct Device {
  std::string name;
  double matrix_flops = 0;      // dense peak of matrix products in the training type, FLOP/s
  double memory_bytes = 0;      // of the device
  double memory_bandwidth = 0;  // bytes/s
  double launch_s = 0;          // least time of one kernel
  Efficiency matrix, memory;    // by FLOPs and by bytes of one operation
};

struct Link {
  double latency_s = 0;  // of one step
  double bandwidth = 0;  // bytes/s, each way, of one device inside a node, of the whole node across nodes
};

struct Cluster {
  std::string name;
  Device device;
  int nodes = 1, devices_per_node = 1;
  Link inside, across;
  double price_per_device_hour = 0;  // 0: not said
  std::string hash;                  // of the file it came from

  int devices() const { return nodes * devices_per_node; }
};

/// Reads a cluster's TOML (docs/cluster.md lists its keys). Throws Error naming the line of what is missing, unknown,
/// negative or not finite.
Cluster read_cluster(const std::filesystem::path& path);
Cluster parse_cluster(const std::string& text, const std::string& where);

}  // namespace pare::cluster
