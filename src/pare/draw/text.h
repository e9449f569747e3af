// Text and numbers on their way into SVG and HTML. Everything that comes from outside passes through escape().
#pragma once
#include <string>
#include <string_view>

namespace pare::draw {

/// `text` for element content and for attributes in double quotes: markup characters become references, bytes that are
/// no UTF-8 and characters that XML forbids become U+FFFD. The result is well-formed in XML and in HTML.
std::string escape(std::string_view text);

/// A coordinate in CSS pixels with at most two decimals: "12", "12.5". Never NaN, infinity or -0: what is not finite
/// becomes 0, what is beyond a million is clamped.
std::string coordinate(double pixels);

/// Roughly how wide `text` is set in a sans-serif of `size` pixels; errs on the wide side.
double text_width(std::string_view text, double size);

/// `text` cut to at most `most` characters (most >= 2), the last one an ellipsis where something was cut.
std::string shorten(std::string_view text, std::size_t most);

/// As shorten, but cuts in the middle: names of layers differ at both ends.
std::string shorten_middle(std::string_view text, std::size_t most);

/// `text` cut in the middle so that it is at most `width` pixels wide (but never below three characters).
std::string fit(std::string_view text, double width, double size);

}  // namespace pare::draw
