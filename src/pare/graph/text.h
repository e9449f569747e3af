// Lines of numbers in a text that may be large: fast, and every mistake told with its line.
#pragma once
#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>

#include "pare/base/error.h"

namespace pare::graph {

class Text {
 public:
  Text(std::string_view bytes, std::string where)
      : at_(bytes.data()), end_(bytes.data() + bytes.size()), where_(std::move(where)) {
    for (const char c : {' ', '\t', '\r', '\v', '\f'}) blank_[static_cast<unsigned char>(c)] = true;
    if (bytes.starts_with("\xef\xbb\xbf")) at_ += 3;  // the mark some editors begin UTF-8 with
  }

  /// Goes on to the next line that has a word and does not begin with one of `comments`; false at the end.
  bool next_line(std::string_view comments) {
    if (begun_) skip_line();
    begun_ = true;
    comments_ = comments;
    while (at_ != end_) {
      line_begin_ = at_;
      skip_blanks();
      if (at_word()) return true;
      skip_line();
    }
    return false;
  }
  /// The whole line.
  std::string_view whole_line() const {
    const std::string_view rest = rest_of_line();
    return {line_begin_, static_cast<std::size_t>(rest.data() + rest.size() - line_begin_)};
  }
  /// Whether the line has a further word that no comment begins with.
  bool more() {
    skip_blanks();
    return at_word();
  }
  /// The line's rest as it stands.
  std::string_view rest_of_line() const {
    const char* end = at_;
    while (end != end_ && *end != '\n') ++end;
    return {at_, static_cast<std::size_t>(end - at_)};
  }

  std::int64_t whole(const char* what) {
    std::int64_t value = 0;
    take(value, what, "whole number");
    return value;
  }
  /// Finite, as a float.
  float real(const char* what) {
    double value = 0;
    take(value, what, "number");
    return finite(value, what);
  }
  /// The same out of a word of the line.
  std::int64_t whole_of(std::string_view word, const char* what) const {
    std::int64_t value = 0;
    read(word, value, what, "whole number");
    return value;
  }
  float real_of(std::string_view word, const char* what) const {
    double value = 0;
    read(word, value, what, "number");
    return finite(value, what);
  }

  std::uint64_t line() const { return line_; }
  [[noreturn]] void fail(const std::string& what, const std::string& mend = {}) const {
    throw Error(what, fmt::format("{}, line {}", where_, line_), mend);
  }

 private:
  bool at_word() const { return at_ != end_ && *at_ != '\n' && comments_.find(*at_) == std::string_view::npos; }
  float finite(double value, const char* what) const {
    const auto out = static_cast<float>(value);
    if (!std::isfinite(out)) fail(fmt::format("its {} is {}, not finite as a float", what, value));
    return out;
  }
  void skip_blanks() {
    while (at_ != end_ && blank_[static_cast<unsigned char>(*at_)]) ++at_;
  }
  void skip_line() {
    while (at_ != end_ && *at_ != '\n') ++at_;
    if (at_ != end_) ++at_;
    ++line_;
  }

  template <class Number>
  void take(Number& value, const char* what, const char* kind) {
    skip_blanks();
    const char* word_end = at_;
    while (word_end != end_ && *word_end != '\n' && !blank_[static_cast<unsigned char>(*word_end)]) ++word_end;
    read({at_, word_end}, value, what, kind);
    at_ = word_end;
  }

  template <class Number>
  void read(std::string_view word, Number& value, const char* what, const char* kind) const {
    if (word.empty()) fail(fmt::format("has no {}", what));
    const char* end = word.data() + word.size();
    const char* from = word.data() + (word.size() > 1 && word[0] == '+' && word[1] != '-' ? 1 : 0);
    const auto [reached, code] = std::from_chars(from, end, value);
    if (code == std::errc() && reached == end) return;
    const bool beyond = code == std::errc::result_out_of_range && reached == end;
    if constexpr (std::is_floating_point_v<Number>)
      if (beyond && std::abs(std::strtod(std::string(from, end).c_str(), nullptr)) < 1) {
        value = 0;  // nearer to it than any number
        return;
      }
    const std::string shown = printable(std::string(word), 40);
    if (beyond) fail(fmt::format("its {} '{}' is out of range", what, shown));
    fail(fmt::format("its {} '{}' is no {}", what, shown, kind));
  }

  const char* at_;
  const char* line_begin_ = nullptr;
  const char* end_;
  std::string where_;
  std::string_view comments_;
  std::uint64_t line_ = 1;
  bool begun_ = false;
  bool blank_[256] = {};
};

}  // namespace pare::graph
