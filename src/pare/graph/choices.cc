#include "pare/graph/choices.h"

#include <fmt/format.h>

#include <fstream>

#include "pare/base/error.h"
#include "pare/base/file.h"
#include "pare/base/simd.h"
#include "pare/graph/cache.h"

namespace pare::graph {
namespace {

using study::Json;
namespace fs = std::filesystem;

/// The processor as it calls itself.
std::string processor() {
  std::ifstream in("/proc/cpuinfo");
  for (std::string line; std::getline(in, line);)
    if (line.starts_with("model name")) return line.substr(line.find(':') + 1);
  return "";
}

std::string key_of(const Use& use) {
  return fmt::format("width {}, type {}, reduce {}, weights {}, heads {}, threads {}, {} on{}", use.width,
                     static_cast<int>(use.type), static_cast<int>(use.reduce), static_cast<int>(use.weighted),
                     use.heads, use.threads, simd_target(), processor());
}

std::optional<fs::path> file_of(const std::string& structure) {
  const auto folder = cache_folder();
  if (!folder) return std::nullopt;
  return *folder / ("kernels-" + structure + ".json");
}

Json read(const fs::path& path) {
  try {
    if (!fs::exists(path)) return Json::object();
    const Json json = Json::parse(read_file(path, 1 << 20));
    return json.is_object() ? json : Json::object();
  } catch (const std::exception&) {
    return Json::object();
  }
}

/// Throws what nlohmann throws, or Error, for what is no plan.
KernelPlan plan_of(const Json& json) {
  KernelPlan p;
  p.order = order_named(json.at("order").get<std::string>(), "cache");
  p.window = json.at("window").get<int>();
  p.block = json.at("block").get<int>();
  const auto intra = json.at("intra").get<std::string>(), inter = json.at("inter").get<std::string>();
  p.intra = intra == "tile" ? Intra::tile : intra == "local" ? Intra::local : Intra::none;
  p.inter = inter == "coordinates" ? Inter::coordinates : Inter::rows;
  p.column_tiles = json.at("column_tiles").get<int>();
  p.copied = json.at("copied").get<bool>();
  p.prefetch = json.at("prefetch").get<int>();
  p.stream = json.at("stream").get<bool>();
  const bool sound =
      p.window >= 0 && p.block >= 0 && p.block <= 256 && p.column_tiles >= 1 && p.column_tiles <= 64 &&
      p.prefetch >= 0 && (p.block == 0) == (p.intra == Intra::none) && (p.block > 0 || p.inter == Inter::rows) &&
      (p.block == 0 || (p.window == 0 && p.column_tiles == 1 && !p.copied)) && (!p.copied || p.column_tiles == 1);
  if (!sound) throw Error("is no plan", "cache");
  return p;
}

}  // namespace

Json to_json(const KernelPlan& p) {
  return {{"order", name_of(p.order)},
          {"window", p.window},
          {"block", p.block},
          {"intra", p.intra == Intra::none   ? "none"
                    : p.intra == Intra::tile ? "tile"
                                             : "local"},
          {"inter", p.inter == Inter::rows ? "rows" : "coordinates"},
          {"column_tiles", p.column_tiles},
          {"copied", p.copied},
          {"prefetch", p.prefetch},
          {"stream", p.stream}};
}

std::optional<Choice> remembered(const std::string& structure, const Use& use) {
  const auto file = file_of(structure);
  if (!file) return std::nullopt;
  const Json all = read(*file);
  const auto found = all.find(key_of(use));
  if (found == all.end()) return std::nullopt;
  try {
    return Choice{.plan = plan_of(*found), .remembered = true};
  } catch (const std::exception&) {
    return std::nullopt;
  }
}

void remember(const std::string& structure, const Use& use, const Choice& choice) {
  const auto file = file_of(structure);
  if (!file) return;
  Json all = read(*file);
  all[key_of(use)] = to_json(choice.plan);
  try {
    write_file(*file, all.dump(1));
  } catch (const Error&) {
    // without it the next run measures again
  }
}

}  // namespace pare::graph
