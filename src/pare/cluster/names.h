// Choices that the command line takes by name.
#pragma once
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include "pare/base/error.h"

namespace pare::cluster {

/// The enumerator whose place in `names` the name has. Throws UsageError, naming the option, for another.
template <typename Enum, std::size_t N>
Enum parse_name(const std::array<std::string_view, N>& names, const std::string& name, const char* option) {
  const auto found = std::ranges::find(names, name);
  if (found == names.end())
    throw UsageError(fmt::format("knows no '{}'", printable(name)), option,
                     fmt::format("give one of {}", fmt::join(names, ", ")));
  return static_cast<Enum>(found - names.begin());
}

}  // namespace pare::cluster
