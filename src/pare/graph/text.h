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
  /// `separators` part words beside blanks and tabs.
  Text(std::string_view bytes, std::string where, std::string_view separators = "")
      : at_(bytes.data()), end_(bytes.data() + bytes.size()), where_(std::move(where)) {
    for (const char c : {' ', '\t', '\r', '\v', '\f'}) blank_[static_cast<unsigned char>(c)] = true;
    for (const char c : separators) blank_[static_cast<unsigned char>(c)] = true;
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
  void skip_word() {
    skip_blanks();
    while (at_word() && !blank_[static_cast<unsigned char>(*at_)]) ++at_;
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
    const auto out = static_cast<float>(value);
    if (!std::isfinite(out)) fail(fmt::format("its {} is {}, not finite as a float", what, value));
    return out;
  }

  std::uint64_t line() const { return line_; }
  [[noreturn]] void fail(const std::string& what, const std::string& mend = {}) const {
    throw Error(what, fmt::format("{}, line {}", where_, line_), mend);
  }

 private:
  bool at_word() const { return at_ != end_ && *at_ != '\n' && comments_.find(*at_) == std::string_view::npos; }
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
    if (at_ == end_ || *at_ == '\n') fail(fmt::format("has no {}", what));
    const char* from = at_ + (*at_ == '+' && end_ - at_ > 1 && at_[1] != '-' ? 1 : 0);
    const auto [end, code] = std::from_chars(from, end_, value);
    const bool ends = end == end_ || *end == '\n' || blank_[static_cast<unsigned char>(*end)];
    if (code == std::errc() && ends) {
      at_ = end;
      return;
    }
    if constexpr (std::is_floating_point_v<Number>)
      if (code == std::errc::result_out_of_range && ends &&
          std::abs(std::strtod(std::string(from, end).c_str(), nullptr)) < 1) {
        value = 0;  // nearer to it than any number
        at_ = end;
        return;
      }
    const char* word_end = at_;
    while (word_end != end_ && *word_end != '\n' && !blank_[static_cast<unsigned char>(*word_end)]) ++word_end;
    const std::string word = printable(std::string(at_, word_end), 40);
    if (code == std::errc::result_out_of_range && ends) fail(fmt::format("its {} '{}' is out of range", what, word));
    fail(fmt::format("its {} '{}' is no {}", what, word, kind));
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
