// The format's own rules: https://huggingface.co/docs/safetensors/index#format
#include "pare/io/safetensors.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <utility>

#include "pare/base/error.h"
#include "pare/base/file.h"
#include "pare/io/source.h"

namespace pare::io {
namespace {

using Json = nlohmann::json;

/// The format allows headers of 100 MB; a parsed one takes many times its length, and no network needs this much.
constexpr std::size_t most_header = std::size_t{32} << 20;
/// Header, tensor, list of numbers: nothing in a sound header lies deeper.
constexpr int most_depth = 3;
constexpr const char* mend = "the file is damaged: copy or write it again";

constexpr std::array<std::pair<std::string_view, int>, 16> types{{{"BOOL", 1},
                                                                  {"U8", 1},
                                                                  {"I8", 1},
                                                                  {"F8_E5M2", 1},
                                                                  {"F8_E4M3", 1},
                                                                  {"F8_E8M0", 1},
                                                                  {"I16", 2},
                                                                  {"U16", 2},
                                                                  {"F16", 2},
                                                                  {"BF16", 2},
                                                                  {"I32", 4},
                                                                  {"U32", 4},
                                                                  {"F32", 4},
                                                                  {"I64", 8},
                                                                  {"U64", 8},
                                                                  {"F64", 8}}};

/// Bytes of an element, 0 for a type that is not known.
std::uint64_t item_bytes(std::string_view dtype) {
  for (const auto& [name, bytes] : types)
    if (name == dtype) return static_cast<std::uint64_t>(bytes);
  return 0;
}

std::optional<std::uint64_t> bytes_needed(const SafeTensor& tensor) {
  std::uint64_t need = item_bytes(tensor.dtype);
  if (std::ranges::find(tensor.shape, 0) != tensor.shape.end()) return 0;
  for (const std::int64_t extent : tensor.shape)
    if (extent < 0 || __builtin_mul_overflow(need, static_cast<std::uint64_t>(extent), &need)) return std::nullopt;
  return need;
}

Json parse_header(std::string_view text, const std::string& where) {
  std::set<std::string> names;
  std::string twice;
  bool deep = false;
  const auto look = [&](int depth, Json::parse_event_t event, Json& value) {
    using Event = Json::parse_event_t;
    if (event == Event::key && depth == 1 && !names.insert(value.get<std::string>()).second)
      twice = value.get<std::string>();
    if ((event == Event::object_start || event == Event::array_start) && depth >= most_depth) deep = true;
    return !deep;
  };
  Json json = Json::parse(text, look, /*allow_exceptions=*/false);
  if (deep) throw Error("its header is nested too deeply", where, mend);
  if (!json.is_object()) throw Error("its header is no JSON object", where, mend);
  if (!twice.empty()) throw Error(fmt::format("has two tensors '{}'", printable(twice)), where, mend);
  return json;
}

struct Placed {
  std::uint64_t begin = 0, end = 0;
  std::string name;
};

/// One entry of the header; its bytes are not yet copied.
std::pair<SafeTensor, Placed> read_entry(const std::string& name, const Json& json, std::uint64_t data_bytes,
                                         const std::string& where) {
  const auto fail = [&](const std::string& what) {
    throw Error(fmt::format("tensor '{}' {}", printable(name), what), where, mend);
  };
  if (!json.is_object() || !json.contains("dtype") || !json.contains("shape") || !json.contains("data_offsets"))
    fail("lacks dtype, shape or data_offsets");
  const Json &dtype = json["dtype"], &shape = json["shape"], &offsets = json["data_offsets"];
  if (!dtype.is_string()) fail("has a dtype that is no text");
  SafeTensor tensor{.dtype = dtype.get<std::string>(), .shape = {}, .bytes = {}};
  if (item_bytes(tensor.dtype) == 0)
    fail(fmt::format("has the type '{}', which pare does not know", printable(tensor.dtype)));
  const auto whole = [](const Json& value) {
    return value.is_number_unsigned() && value.get<std::uint64_t>() <= std::uint64_t{1} << 62;
  };
  if (!shape.is_array() || !std::all_of(shape.begin(), shape.end(), whole)) fail("has an impossible shape");
  for (const Json& extent : shape) tensor.shape.push_back(extent.get<std::int64_t>());
  if (!offsets.is_array() || offsets.size() != 2 || !whole(offsets[0]) || !whole(offsets[1]))
    fail("has impossible data_offsets");
  Placed placed{.begin = offsets[0].get<std::uint64_t>(), .end = offsets[1].get<std::uint64_t>(), .name = name};
  if (placed.begin > placed.end || placed.end > data_bytes) fail("lies outside the file");
  if (bytes_needed(tensor) != placed.end - placed.begin)
    fail(fmt::format("has {} bytes, other than its shape and type ask for", placed.end - placed.begin));
  return {std::move(tensor), std::move(placed)};
}

}  // namespace

std::map<std::string, SafeTensor> parse_safetensors(std::string_view bytes, const std::string& where) {
  if (bytes.size() < 8) throw Error("is no safetensors file (shorter than 8 bytes)", where, mend);
  const auto length = load<std::uint64_t>(bytes, 0);
  if (length > bytes.size() - 8 || length > most_header)
    throw Error("is no safetensors file, or cut off: its header is longer than the file or than 32 MiB", where, mend);
  const Json header = parse_header(bytes.substr(8, length), where);
  const std::string_view data = bytes.substr(8 + length);

  std::map<std::string, SafeTensor> out;
  std::vector<Placed> places;
  for (const auto& [name, json] : header.items()) {
    if (name == "__metadata__") {
      if (!json.is_object() || !std::all_of(json.begin(), json.end(), [](const Json& v) { return v.is_string(); }))
        throw Error("has __metadata__ that is not text by text", where, mend);
      continue;
    }
    auto [tensor, placed] = read_entry(name, json, data.size(), where);
    out.emplace(name, std::move(tensor));
    places.push_back(std::move(placed));
  }
  std::ranges::sort(places, {}, [](const Placed& p) { return std::pair(p.begin, p.end); });
  std::uint64_t at = 0;
  for (const Placed& place : places) {
    if (place.begin != at)
      throw Error(fmt::format("tensor '{}' {}", printable(place.name),
                              place.begin < at ? "overlaps another" : "is preceded by bytes of no tensor"),
                  where, mend);
    at = place.end;
  }
  if (at != data.size()) throw Error("has bytes after its last tensor", where, mend);
  // only now, when no byte can be asked for twice
  for (const Placed& place : places) out.at(place.name).bytes = data.substr(place.begin, place.end - place.begin);
  return out;
}

std::map<std::string, SafeTensor> read_safetensors(const std::filesystem::path& path) {
  return parse_safetensors(read_file(path), path.string());
}

std::string to_safetensors(const std::map<std::string, SafeTensor>& tensors,
                           const std::map<std::string, std::string>& metadata) {
  std::vector<const std::pair<const std::string, SafeTensor>*> order;
  order.reserve(tensors.size());
  for (const auto& entry : tensors) order.push_back(&entry);
  std::stable_sort(order.begin(), order.end(), [](const auto* a, const auto* b) {
    return item_bytes(a->second.dtype) > item_bytes(b->second.dtype);
  });
  Json header = Json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  std::uint64_t at = 0;
  for (const auto* entry : order) {
    const auto& [name, tensor] = *entry;
    assert(item_bytes(tensor.dtype) != 0 && bytes_needed(tensor) == tensor.bytes.size() && name != "__metadata__");
    header[name] = {{"dtype", tensor.dtype}, {"shape", tensor.shape}, {"data_offsets", {at, at + tensor.bytes.size()}}};
    at += tensor.bytes.size();
  }
  std::string text;
  try {
    text = header.dump();
  } catch (const Json::exception&) {
    throw Error("a tensor's name or the metadata is not UTF-8", "safetensors", "rename it");
  }
  text.append((8 - text.size() % 8) % 8, ' ');
  std::string out(8, '\0');
  const std::uint64_t length = text.size();
  std::memcpy(out.data(), &length, 8);
  out.reserve(8 + text.size() + at);
  out += text;
  for (const auto* entry : order) out += entry->second.bytes;
  return out;
}

}  // namespace pare::io
