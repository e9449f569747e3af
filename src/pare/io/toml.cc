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

}  // namespace pare::io
