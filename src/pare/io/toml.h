// TOML files written by people, with errors that name the line.
#pragma once
#include <toml++/toml.h>

#include <string>
#include <string_view>

namespace pare::io {

/// Throws Error naming the line; `example` says how to mend a broken file. Beyond ASCII only comments are taken.
toml::table parse_toml(std::string_view text, const std::string& where, const std::string& example);

}  // namespace pare::io
