// The files of memories/, compiled in so that their names are known wherever the command lies.
#pragma once
#include <span>
#include <string_view>

namespace pare::rtl {

struct Shipped {
  std::string_view name, text;  // of the file, without .toml; what it holds
};

/// Sorted by name.
std::span<const Shipped> shipped();

}  // namespace pare::rtl
