#include "pare/imaging/lexer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>

namespace pare::imaging {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

/// How much of `text` is one name. A type's point belongs to it: u4.8x3.
std::size_t name_length(std::string_view text) {
  std::size_t n = 0;
  while (n < text.size() && (is_letter(text[n]) || is_digit(text[n]))) ++n;
  const bool may_be_type = n > 1 && (text[0] == 'u' || text[0] == 's') &&
                           std::all_of(text.begin() + 1, text.begin() + static_cast<std::ptrdiff_t>(n), is_digit);
  if (may_be_type && n + 1 < text.size() && text[n] == '.' && is_digit(text[n + 1]))
    for (++n; n < text.size() && (is_letter(text[n]) || is_digit(text[n]));) ++n;
  return n;
}

std::size_t symbol_length(std::string_view text) {
  for (const std::string_view pair : {"<<", ">>", "<=", ">=", "==", "!=", "&&", "||", ".."})
    if (text.starts_with(pair)) return 2;
  return std::string_view("+-*/%&|^<>!?:=()[]{},;").find(text[0]) != std::string_view::npos;
}

}  // namespace

SourceError::SourceError(const std::string& what, const std::string& where, const std::string& mend,
                         const std::string& excerpt)
    : Error(what, where, mend), text_(std::string(Error::what()) + excerpt) {}

std::size_t SourceText::line_of(const Token& token) const {
  return 1 + static_cast<std::size_t>(
                 std::count(text_.begin(), text_.begin() + static_cast<std::ptrdiff_t>(token.offset), '\n'));
}

void SourceText::fail(const Token& token, const std::string& what, const std::string& mend) const {
  const std::size_t before = token.offset ? text_.rfind('\n', token.offset - 1) : std::string::npos;
  const std::size_t start = before == std::string::npos ? 0 : before + 1;
  const std::size_t column = token.offset - start, end = std::min(text_.find('\n', start), text_.size());
  // of a long line, what is around the token
  const std::size_t cut = column > 80 ? column - 60 : 0;
  std::string line = text_.substr(start + cut, std::min<std::size_t>(end - start - cut, 110));
  for (char& c : line)
    if (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) >= 0x7f)
      c = c == '\t' || c == '\r' ? ' ' : '?';
  const std::size_t most = std::max<std::size_t>(line.size() - std::min(line.size(), column - cut), 1);
  const std::string mark(std::clamp<std::size_t>(token.length, 1, most), '^');
  const std::size_t number = line_of(token);
  throw SourceError(what, fmt::format("{}:{}:{}", where_, number, column + 1), mend,
                    fmt::format("\n{:5} | {}\n      | {}{}", number, line, std::string(column - cut, ' '), mark));
}

Token SourceText::number_at(std::size_t at) const {
  const std::string_view rest = std::string_view(text_).substr(at);
  Token token{Token::Kind::number, at, 0, {}, 0};
  std::size_t n = 0;
  const auto digits = [&] {
    while (n < rest.size() && is_digit(rest[n])) ++n;
  };
  const bool hexadecimal = rest.starts_with("0x") || rest.starts_with("0X");
  std::uint64_t whole = 0;
  if (hexadecimal) {
    n = static_cast<std::size_t>(std::from_chars(rest.data() + 2, rest.data() + rest.size(), whole, 16).ptr -
                                 rest.data());
  } else {
    digits();
    if (n + 1 < rest.size() && rest[n] == '.' && is_digit(rest[n + 1])) ++n, digits();
    const std::size_t sign = n + 1 < rest.size() && (rest[n + 1] == '-' || rest[n + 1] == '+') ? 2 : 1;
    if (n + sign < rest.size() && (rest[n] == 'e' || rest[n] == 'E') && is_digit(rest[n + sign])) n += sign, digits();
  }
  token.length = n;
  token.text = rest.substr(0, n);
  if (n < rest.size() && is_letter(rest[n])) token.length += name_length(rest.substr(n));
  if (token.length > n || (hexadecimal && n <= 2)) fail(token, "is no number");
  token.number = static_cast<double>(whole);
  if (!hexadecimal && std::from_chars(rest.data(), rest.data() + n, token.number).ec != std::errc())
    fail(token, "is too large or too small a number");
  if (whole >> 53 || (token.number >= 0x1p53 && token.text.find_first_of(".eE") == std::string_view::npos))
    fail(token, "is beyond 2^53", "shift a smaller number");
  return token;
}

std::vector<Token> SourceText::tokens() const {
  std::vector<Token> out;
  const std::string_view text = text_;
  for (std::size_t at = 0; at < text.size();) {
    const char c = text[at];
    if (c == '#') {
      at = std::min(text.find('\n', at), text.size());
      continue;
    }
    if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
      ++at;
      continue;
    }
    if (is_digit(c)) {
      out.push_back(number_at(at));
    } else {
      const bool is_name = is_letter(c);
      const std::size_t length = is_name ? name_length(text.substr(at)) : symbol_length(text.substr(at));
      const Token token{is_name ? Token::Kind::name : Token::Kind::symbol, at, length, text.substr(at, length), 0};
      if (!length) fail(token, fmt::format("has a character that is not known: {}", printable(text_.substr(at, 1))));
      if (length > 64) fail(token, "is a name of more than 64 characters");
      out.push_back(token);
    }
    at += out.back().length;
  }
  out.push_back({Token::Kind::end, text.size(), 0, {}, 0});
  return out;
}

}  // namespace pare::imaging
