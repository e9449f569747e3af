#include "pare/cluster/machine.h"

#include <fmt/format.h>

#include <cmath>

#include "pare/base/error.h"
#include "pare/base/file.h"
#include "pare/io/toml.h"

namespace pare::cluster {
namespace {

const toml::table& table_of(const toml::table& file, const char* name, const std::string& where) {
  const auto* table = file[name].as_table();
  if (!table) throw Error(fmt::format("has no table [{}]", name), where, "docs/cluster.md lists what is needed");
  return *table;
}

class Section : public io::TomlTable {
 public:
  Section(const toml::table& file, const char* name, const std::string& where)
      : TomlTable(table_of(file, name, where), fmt::format("[{}]", name), where, "docs/cluster.md lists what is needed",
                  "docs/cluster.md lists the keys") {}

  double number(const char* key, double unit = 1, double otherwise = -1) {
    const toml::node* node = get(key, otherwise < 0);
    if (!node) return otherwise;
    const double value = node->value<double>().value_or(NAN);
    if (!std::isfinite(value) || value < 0 || (value == 0 && otherwise != 0))
      refuse(*node, fmt::format("'{}' must be a number above 0", key));
    return value * unit;
  }

  int whole(const char* key, double otherwise = -1) {
    const double value = number(key, 1, otherwise);
    if (value != std::floor(value) || value > 1 << 20)
      throw Error(fmt::format("{} '{}' must be a whole number of at most {}", name(), key, 1 << 20), where());
    return static_cast<int>(value);
  }

  std::string text(const char* key) {
    const toml::node* node = get(key, false);
    return node ? node->value_or(std::string()) : std::string();
  }
};

Fabric switches(Section& section, const std::string& where) {
  Fabric fabric;
  const std::string topology = section.text("topology");
  if (!topology.empty() && topology != "fat-tree" && topology != "rail")
    throw Error(fmt::format("[across] knows no topology '{}'", printable(topology)), where, "fat-tree or rail");
  if (topology == "rail") fabric.topology = Topology::rail;
  fabric.leaf_nodes = section.whole("nodes_per_switch", 0);
  fabric.oversubscription = section.number("oversubscription", 1, 1);
  if (fabric.oversubscription < 1) throw Error("[across] 'oversubscription' is at least 1", where);
  if (fabric.oversubscription > 1 && fabric.leaf_nodes == 0)
    throw Error("[across] has oversubscription, but not how many nodes a switch joins", where, "add nodes_per_switch");
  return fabric;
}

Link link(const toml::table& table, const char* name, const std::string& where, Fabric* fabric = nullptr) {
  Section section(table, name, where);
  const Link made{section.number("latency_us", 1e-6), section.number("bandwidth_gb_s", 1e9)};
  section.text("source");
  if (fabric) *fabric = switches(section, where);
  section.finish();
  return made;
}

}  // namespace

double Device::flops(Precision precision) const {
  const double peak = precision == Precision::float32  ? float32_flops
                      : precision == Precision::float8 ? float8_flops
                                                       : matrix_flops;
  if (peak <= 0)
    throw Error(fmt::format("says no peak of products in {}", pare::cluster::name(precision)), name,
                fmt::format("add matrix_{}_tflops to [device]", pare::cluster::name(precision)));
  return peak;
}

Cluster parse_cluster(const std::string& text, const std::string& where) {
  const toml::table table = io::parse_toml(text, where, "write it as TOML: docs/cluster.md has an example");
  for (const auto& entry : table) {
    const std::string key(entry.first.str());
    if (key != "device" && key != "nodes" && key != "inside" && key != "across")
      throw Error(fmt::format("line {}: knows no '{}'", entry.second.source().begin.line, printable(key)), where,
                  "the tables are [device], [nodes], [inside] and [across]");
  }
  Cluster c;
  Section device(table, "device", where);
  c.device.name = device.text("name");
  c.device.matrix_flops = device.number("matrix_tflops", 1e12);
  c.device.memory_bytes = device.number("memory_gib", 1024.0 * 1024 * 1024);
  c.device.memory_bandwidth = device.number("memory_gb_s", 1e9);
  c.device.float32_flops = device.number("matrix_fp32_tflops", 1e12, 0);
  c.device.float8_flops = device.number("matrix_fp8_tflops", 1e12, 0);
  c.device.launch_s = device.number("launch_us", 1e-6, 0);
  c.device.host_s = device.number("host_us", 1e-6, 0);
  c.device.pass_s = device.number("pass_us", 1e-6, 0);
  c.device.step_s = device.number("step_ms", 1e-3, 0);
  c.device.overlap_slowdown = device.number("overlap_slowdown", 1, 0);
  c.device.attention_backward = device.number("attention_backward", 1, 1);
  c.device.attention_half_keys = device.number("attention_half_keys", 1, 0);
  c.device.processors = device.whole("processors", 0);
  c.device.half_inner = device.number("half_inner", 1, 0);
  c.device.matrix = {device.number("matrix_efficiency", 1, 1), device.number("matrix_half_gflop", 1e9, 0)};
  c.device.attention_efficiency = device.number("attention_efficiency", 1, c.device.matrix.best);
  c.device.memory = {device.number("memory_efficiency", 1, 1), device.number("memory_half_mb", 1e6, 0)};
  if (c.device.matrix.best > 1 || c.device.memory.best > 1 || c.device.attention_efficiency > 1 ||
      c.device.attention_backward > 1)
    throw Error("an efficiency is a part of the peak, at most 1", where);
  device.text("source");
  device.finish();
  Section nodes(table, "nodes", where);
  c.name = nodes.text("name");
  c.nodes = nodes.whole("count");
  c.devices_per_node = nodes.whole("devices");
  if (1LL * c.nodes * c.devices_per_node > 1 << 24)
    throw Error(fmt::format("has {} devices, of at most {}", 1LL * c.nodes * c.devices_per_node, 1 << 24), where);
  c.price_per_device_hour = nodes.number("price_per_device_hour", 1, 0);
  c.call_s = nodes.number("call_us", 1e-6, 0);
  nodes.finish();
  c.inside = link(table, "inside", where);
  c.across = c.nodes > 1 || table.contains("across") ? link(table, "across", where, &c.fabric) : c.inside;
  c.hash = content_hash(text);
  return c;
}

Cluster read_cluster(const std::filesystem::path& path) {
  return parse_cluster(read_file(path, 1 << 20), path.string());
}

}  // namespace pare::cluster
