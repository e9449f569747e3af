// TOML files written by people, with errors that name the line.
#pragma once
#include <string>
#include <string_view>

namespace pare::io {

/// A file that toml++ did not expect. It asserts where a file is broken in some ways ([.a], [1, }]), and without
/// asserts assumes that no file is: here its assertions are exceptions, in every build.
struct TomlAssertion {};
[[noreturn]] void throw_toml_assertion();

}  // namespace pare::io

#pragma push_macro("NDEBUG")
#undef NDEBUG
#define TOML_ASSERT(expression) ((expression) ? static_cast<void>(0) : ::pare::io::throw_toml_assertion())
#include <toml++/toml.h>
#pragma pop_macro("NDEBUG")

namespace pare::io {

/// Throws Error naming the line; `example` says how to mend a broken file. Beyond ASCII only comments are taken.
toml::table parse_toml(std::string_view text, const std::string& where, const std::string& example);

}  // namespace pare::io
