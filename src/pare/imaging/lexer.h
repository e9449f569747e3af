// Words of a .pipe file, and errors that point into it.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "pare/base/error.h"

namespace pare::imaging {

/// An error in a description: `where` is file:line:column, and behind the one line that other errors have follow the
/// line of the file and a line that underlines what is meant.
class SourceError : public Error {
 public:
  SourceError(const std::string& what, const std::string& where, const std::string& mend, const std::string& excerpt);
  const char* what() const noexcept override { return text_.c_str(); }

 private:
  std::string text_;
};

struct Token {
  enum class Kind { end, name, number, symbol };
  Kind kind = Kind::end;
  std::size_t offset = 0, length = 0;  // in the text
  std::string_view text;
  double number = 0;

  bool is(std::string_view symbol) const { return kind != Kind::end && text == symbol; }
};

/// A file's text, which outlives its tokens.
class SourceText {
 public:
  SourceText(std::string text, std::string where) : text_(std::move(text)), where_(std::move(where)) {}

  /// All tokens, one of kind end last. `#` starts a comment. Throws SourceError for other characters, and for whole
  /// numbers beyond 2^53.
  std::vector<Token> tokens() const;
  [[noreturn]] void fail(const Token& token, const std::string& what, const std::string& mend = {}) const;
  std::size_t line_of(const Token& token) const;

 private:
  Token number_at(std::size_t at) const;

  std::string text_, where_;
};

}  // namespace pare::imaging
