// Choices that the command line takes by name.
#pragma once
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "pare/base/error.h"

namespace pare::cluster {

/// The enumerator whose place in `names` the name has.
template <typename Enum, std::size_t N>
std::optional<Enum> find_name(const std::array<std::string_view, N>& names, const std::string& name) {
  const auto found = std::ranges::find(names, name);
  return found == names.end() ? std::nullopt : std::optional(static_cast<Enum>(found - names.begin()));
}

/// The same. Throws UsageError, naming the option, for another name.
template <typename Enum, std::size_t N>
Enum parse_name(const std::array<std::string_view, N>& names, const std::string& name, const char* option) {
  const auto found = find_name<Enum>(names, name);
  if (!found)
    throw UsageError(fmt::format("knows no '{}'", printable(name)), option,
                     fmt::format("give one of {}", fmt::join(names, ", ")));
  return *found;
}

}  // namespace pare::cluster
