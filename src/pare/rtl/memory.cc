#include "pare/rtl/memory.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "pare/base/error.h"
#include "pare/base/file.h"
#include "pare/io/toml.h"
#include "pare/rtl/shipped.h"

namespace pare::rtl {
namespace {

constexpr const char* keys = "docs/imaging.md lists the keys";
constexpr int most_words = 1 << 24, most_bits = 1 << 16, most_ports = 16, most_shapes = 64;

class Section : public io::TomlTable {
 public:
  Section(const toml::table& table, std::string name, const std::string& where)
      : TomlTable(table, std::move(name), where, keys, keys) {}

  int whole(const char* key, int low, int high, std::optional<int> otherwise = std::nullopt) {
    const auto node = get(key, !otherwise);
    if (!node) return *otherwise;
    const auto value = node->value<std::int64_t>();
    if (!node->is_integer() || *value < low || *value > high)
      refuse(*node, fmt::format("'{}' must be a whole number from {} to {}", key, low, high));
    return static_cast<int>(*value);
  }

  std::optional<Sourced> figure(const char* key) {
    const auto node = get(key, false);
    if (!node) return std::nullopt;
    const double value = node->is_number() ? node->value<double>().value_or(NAN) : NAN;
    if (!(value >= 0 && value <= 1e12)) refuse(*node, fmt::format("'{}' must be a number from 0 to 1e12", key));
    return Sourced{value, text("source", true)};
  }

  std::string text(const char* key, bool needed) {
    const auto node = get(key, needed);
    if (!node) return {};
    const auto value = node->value<std::string>();
    if (!value || value->empty()) refuse(*node, fmt::format("'{}' must be a text", key));
    return *value;
  }

  bool flag(const char* key) {
    const auto node = get(key, false);
    if (!node) return false;
    if (!node->is_boolean()) refuse(*node, fmt::format("'{}' must be true or false", key));
    return *node->value<bool>();
  }

  /// [[words, bits], ...]
  std::vector<Shape> shapes(const char* key) {
    const auto node = get(key, true);
    const auto* list = node->as_array();
    if (!list || list->empty() || list->size() > most_shapes)
      refuse(*node, fmt::format("'{}' must be a list of 1 to {} pairs [words, bits]", key, most_shapes));
    std::vector<Shape> shapes;
    for (const toml::node& pair : *list) {
      const auto* both = pair.as_array();
      const auto side = [&](std::size_t i, int most) {
        const auto value = both && both->size() == 2 ? both->get(i)->value_exact<std::int64_t>() : std::nullopt;
        if (!value || *value < 1 || *value > most)
          refuse(pair,
                 fmt::format("a shape is [words, bits], of 1 to {} words and 1 to {} bits", most_words, most_bits));
        return static_cast<int>(*value);
      };
      shapes.push_back({side(0, most_words), side(1, most_bits)});
    }
    return shapes;
  }

  /// A table within this one; empty where it may be left out and is.
  Section table(const char* key, bool needed) {
    static const toml::table none;
    const auto node = get(key, needed);
    if (node && !node->is_table()) refuse(*node, fmt::format("'{}' must be a table", key));
    return {node ? *node->as_table() : none, fmt::format("[{}]", key), where()};
  }

 private:
  [[noreturn]] void refuse(const toml::node& node, const std::string& what) const {
    TomlTable::refuse(node, what, keys);
  }
};

MemoryKind kind_of(const std::string& name, const std::string& where) {
  if (name == "block_ram") return MemoryKind::block_ram;
  if (name == "sram") return MemoryKind::sram;
  throw Error(fmt::format("kind is '{}'", printable(name)), where, "block_ram or sram");
}

/// A memory that is never written, or never read, holds no line.
void check_ports(const Ports& p, const std::string& where) {
  if (p.read_write + p.write == 0 || p.read_write + p.read == 0)
    throw Error(fmt::format("a block needs a port that {}", p.read_write + p.read == 0 ? "reads" : "writes"), where,
                "set 'read_write', 'read' or 'write' of [ports]");
}

}  // namespace

Memory parse_memory(const std::string& text, const std::string& where) {
  const toml::table table = io::parse_toml(text, where, "write it as TOML: docs/imaging.md has an example");
  Section file(table, "the file", where);
  Memory m;
  m.name = file.text("name", true);
  m.kind = kind_of(file.text("kind", true), where);
  m.exact = file.flag("exact");
  if (!m.exact) m.shapes = file.shapes("shapes");
  m.mux_bits_per_block = file.whole("mux_bits_per_block", 0, 1 << 20, 0);
  m.blocks = file.whole("blocks", 0, 1 << 24, 0);
  m.lines_per_block = file.whole("lines_per_block", 1, 8, 1);
  m.register_depth = file.whole("register_depth", 0, 1 << 12, m.register_depth);
  Section ports = file.table("ports", true);
  m.ports = {ports.whole("read_write", 0, most_ports, 0), ports.whole("read", 0, most_ports, 0),
             ports.whole("write", 0, most_ports, 0)};
  ports.finish();
  check_ports(m.ports, where);
  Section energy = file.table("energy", false);
  m.read_pj = energy.figure("read_pj");
  m.write_pj = energy.figure("write_pj");
  m.leakage_uw = energy.figure("leakage_uw");
  energy.finish();
  Section area = file.table("area", false);
  m.area_um2 = area.figure("um2");
  area.finish();
  file.finish();
  m.hash = content_hash(text);
  return m;
}

Memory read_memory(const std::filesystem::path& path) { return parse_memory(read_file(path, 1 << 20), path.string()); }

std::vector<std::string> memory_names() {
  std::vector<std::string> names;
  for (const Shipped& memory : shipped()) names.emplace_back(memory.name);
  return names;
}

Memory find_memory(const std::string& name_or_file) {
  for (const Shipped& memory : shipped())
    if (memory.name == name_or_file) return parse_memory(std::string(memory.text), fmt::format("{}.toml", memory.name));
  if (!std::filesystem::exists(name_or_file))
    throw UsageError(fmt::format("'{}' is neither a memory of pare nor a file", printable(name_or_file)), "--memory",
                     fmt::format("memories are {}; or give a TOML file", fmt::join(memory_names(), ", ")));
  return read_memory(name_or_file);
}

namespace {

struct Stack {
  std::int64_t deep = 1, wide = 1;
};

Stack stack_for(const Memory& memory, int words, int bits) {
  Stack best;
  if (memory.exact) return best;
  double least = std::numeric_limits<double>::infinity();
  for (const Shape& shape : memory.shapes) {
    const std::int64_t deep = (words + std::int64_t{shape.words} - 1) / shape.words;
    const std::int64_t wide = (bits + std::int64_t{shape.bits} - 1) / shape.bits;
    double cost = static_cast<double>(deep * wide);
    if (memory.mux_bits_per_block) cost += static_cast<double>((deep - 1) * bits) / memory.mux_bits_per_block;
    if (cost < least) {
      least = cost;
      best = {deep, wide};
    }
  }
  return best;
}

int clamped(std::int64_t blocks) {
  return static_cast<int>(std::min<std::int64_t>(blocks, std::numeric_limits<int>::max()));
}

}  // namespace

int blocks_for(const Memory& memory, int words, int bits) {
  const Stack stack = stack_for(memory, words, bits);
  return clamped(stack.deep * stack.wide);
}

int blocks_across(const Memory& memory, int words, int bits) { return clamped(stack_for(memory, words, bits).wide); }

}  // namespace pare::rtl
