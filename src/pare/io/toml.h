// TOML files written by people, with errors that name the line.
#pragma once
#include <set>
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

/// One table of a file. Keys that nobody asked for are refused at the end: a misspelt one would be lost silently.
class TomlTable {
 public:
  /// `name` as errors call it, `needed` and `known` how to mend a key that is missing or unknown. The table must live
  /// as long.
  TomlTable(const toml::table& table, std::string name, std::string where, std::string needed, std::string known);

  /// Throws Error where there is none; with `needed` false null.
  const toml::node* get(const char* key, bool needed);
  /// Throws Error naming the line.
  [[noreturn]] void refuse(const toml::node& node, const std::string& what, const std::string& mend = {}) const;
  void finish() const;

  const std::string& name() const { return name_; }
  const std::string& where() const { return where_; }

 private:
  const toml::table& table_;
  std::string name_, where_, needed_, known_;
  std::set<std::string> asked_;
};

}  // namespace pare::io
