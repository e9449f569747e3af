#include "pare/io/toml.h"

#include <fmt/format.h>

#include "pare/base/error.h"

namespace pare::io {
namespace {

/// `text` with comments in ASCII; anything else beyond ASCII is refused. toml++ 3.3.0 reaches __builtin_unreachable()
/// on a letter such as U+00D8 outside strings (is_non_ascii_horizontal_whitespace), and no key here needs one.
std::string in_ascii(std::string_view text, const std::string& where) {
  std::string out(text);
  bool comment = false;
  int line = 1;
  for (char& c : out) {
    comment = c != '\n' && (comment || c == '#');
    line += c == '\n';
    if (static_cast<unsigned char>(c) < 0x80) continue;
    if (!comment)
      throw Error(fmt::format("line {}: a character that is not ASCII", line), where, "write it in a comment only");
    c = '?';
  }
  return out;
}

}  // namespace

void throw_toml_assertion() { throw TomlAssertion(); }

toml::table parse_toml(std::string_view text, const std::string& where, const std::string& example) {
  try {
    return toml::parse(in_ascii(text, where));
  } catch (const toml::parse_error& error) {
    throw Error(fmt::format("line {}: {}", error.source().begin.line, printable(std::string(error.description()))),
                where, example);
  } catch (const TomlAssertion&) {
    throw Error("cannot be read as TOML", where, example);
  }
}

TomlTable::TomlTable(const toml::table& table, std::string name, std::string where, std::string needed,
                     std::string known)
    : table_(table),
      name_(std::move(name)),
      where_(std::move(where)),
      needed_(std::move(needed)),
      known_(std::move(known)) {}

const toml::node* TomlTable::get(const char* key, bool needed) {
  asked_.insert(key);
  const toml::node* node = table_.get(key);
  if (!node && needed) throw Error(fmt::format("{} has no '{}'", name_, key), where_, needed_);
  return node;
}

void TomlTable::refuse(const toml::node& node, const std::string& what, const std::string& mend) const {
  throw Error(fmt::format("line {}: {}", node.source().begin.line, what), where_, mend);
}

void TomlTable::finish() const {
  for (const auto& entry : table_)
    if (!asked_.contains(std::string(entry.first.str())))
      refuse(entry.second, fmt::format("{} knows no '{}'", name_, printable(std::string(entry.first.str()))), known_);
}

}  // namespace pare::io
