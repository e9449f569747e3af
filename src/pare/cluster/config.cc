#include "pare/cluster/config.h"

#include <fmt/format.h>

#include "pare/base/error.h"

namespace pare::cluster {
namespace {

constexpr std::int64_t most = std::int64_t{1} << 24;  // of any width

}  // namespace

Config::Config(const std::string& text, const std::string& where) : where_(where) {
  values_ = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!values_.is_object()) throw Error("is no JSON object", where, "give a config.json as transformers writes it");
}

std::int64_t Config::integer(std::initializer_list<const char*> names, std::int64_t otherwise) const {
  for (const char* name : names) {
    const auto found = values_.find(name);
    if (found == values_.end() || found->is_null()) continue;
    if (!found->is_number_integer() || found->get<std::int64_t>() < 1 || found->get<std::int64_t>() > most)
      throw Error(fmt::format("'{}' must be a whole number from 1 to {}", name, most), where_);
    return found->get<std::int64_t>();
  }
  if (otherwise < 0) throw Error(fmt::format("has no '{}'", *names.begin()), where_, "add it");
  return otherwise;
}

bool Config::boolean(const char* name, bool otherwise) const {
  const auto found = values_.find(name);
  if (found == values_.end() || found->is_null()) return otherwise;
  if (!found->is_boolean()) throw Error(fmt::format("'{}' must be true or false", name), where_);
  return found->get<bool>();
}

bool Config::likely(std::initializer_list<const char*> names, bool otherwise) const {
  bool any = false, said = false;
  for (const char* name : names) {
    const auto found = values_.find(name);
    if (found == values_.end() || found->is_null()) continue;
    if (!found->is_number() || found->get<double>() < 0 || found->get<double>() > 1)
      throw Error(fmt::format("'{}' must be a number from 0 to 1", name), where_);
    said = true;
    any = any || found->get<double>() > 0;
  }
  return said ? any : otherwise;
}

std::string Config::text(const char* name) const {
  const auto found = values_.find(name);
  return found != values_.end() && found->is_string() ? found->get<std::string>() : "";
}

std::int64_t Config::entries(const char* name) const {
  const auto found = values_.find(name);
  return found != values_.end() && found->is_object() ? static_cast<std::int64_t>(found->size()) : 0;
}

}  // namespace pare::cluster
