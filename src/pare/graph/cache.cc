#include "pare/graph/cache.h"

#include <fmt/format.h>

#include <cstdlib>
#include <string_view>

#include "pare/base/error.h"
#include "pare/base/file.h"
#include "pare/io/npz.h"

namespace pare::graph {
namespace {
namespace fs = std::filesystem;

/// Counts up whenever an order comes out otherwise for the same graph and options.
constexpr int version = 1;
constexpr const char* key = "new_of";

template <class T>
std::string_view bytes_of(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

bool is_permutation(const std::vector<std::int32_t>& numbers) {
  std::vector<bool> there(numbers.size());
  for (const std::int32_t n : numbers) {
    if (n < 0 || static_cast<std::size_t>(n) >= numbers.size() || there[n]) return false;
    there[n] = true;
  }
  return true;
}

std::optional<std::vector<std::int32_t>> look_up(const fs::path& path, std::int64_t vertices) {
  std::error_code code;
  if (!fs::is_regular_file(path, code)) return std::nullopt;
  try {
    const auto arrays = io::read_npz(path);
    const auto found = arrays.find(key);
    if (found == arrays.end() || found->second.kind != 'i' || found->second.item_bytes != 4 ||
        found->second.shape != std::vector<std::int64_t>{vertices})
      return std::nullopt;
    std::vector<std::int32_t> out(static_cast<std::size_t>(vertices));
    found->second.bytes.copy(reinterpret_cast<char*>(out.data()), found->second.bytes.size());
    if (is_permutation(out)) return out;
  } catch (const Error&) {
    // damaged: as if it were not there
  }
  return std::nullopt;
}

}  // namespace

std::optional<fs::path> cache_folder() {
  const auto set = [](const char* name) {
    const char* value = std::getenv(name);
    return std::string(value ? value : "");
  };
  const std::string own = set("PARE_CACHE"), xdg = set("XDG_CACHE_HOME"), home = set("HOME");
  if (own == "off") return std::nullopt;
  if (!own.empty()) return own;
  // the specification says that relative paths are to be ignored
  if (fs::path(xdg).is_absolute()) return fs::path(xdg) / "pare";
  if (!home.empty()) return fs::path(home) / ".cache" / "pare";
  return std::nullopt;
}

std::string structure_hash(const Adjacency& a) {
  return content_hash(fmt::format("{} {} {} {}", a.rows(), a.columns, content_hash(bytes_of(a.begin)),
                                  content_hash(bytes_of(a.column))));
}

CachedOrder cached_order_of(const Adjacency& a, Order order, const OrderOptions& options) {
  const bool slow = order == Order::rcm || order == Order::community || order == Order::metis;
  const auto folder = slow ? cache_folder() : std::nullopt;
  if (!folder) return {order_of(a, order, options)};
  std::string name = fmt::format("{}-{}-{}", structure_hash(a), name_of(order), version);
  if (order == Order::metis) name += fmt::format("-block{}-seed{}", options.block, options.seed);
  const fs::path path = *folder / "orders" / (name + ".npz");
  if (auto found = look_up(path, a.rows())) return {std::move(*found), true};
  CachedOrder out{order_of(a, order, options)};
  try {
    io::write_npz(path, {{key, {'i', 4, {a.rows()}, std::string(bytes_of(out.new_of))}}});
  } catch (const Error&) {
    // a full or read-only disk makes the next run slower, and nothing else
  }
  return out;
}

}  // namespace pare::graph
