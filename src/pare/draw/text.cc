#include "pare/draw/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

namespace pare::draw {
namespace {

constexpr std::string_view replacement = "\xEF\xBF\xBD";

/// Bytes of the well-formed UTF-8 character at the start of `text`, 0 where there is none; its code point in `code`.
std::size_t character(std::string_view text, std::uint32_t& code) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned lead = byte(0);
  const std::size_t length = lead < 0x80 ? 1 : lead >> 5 == 6 ? 2 : lead >> 4 == 14 ? 3 : lead >> 3 == 30 ? 4 : 0;
  if (length == 0 || text.size() < length) return 0;
  code = length == 1 ? lead : lead & (0x7fu >> length);
  for (std::size_t i = 1; i < length; ++i) {
    if (byte(i) >> 6 != 2) return 0;
    code = code << 6 | (byte(i) & 0x3fu);
  }
  static constexpr std::uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
  return code < smallest[length] || code > 0x10ffff ? 0 : length;
}

bool allowed_in_xml(std::uint32_t code) {
  if (code < 0x20) return code == '\t' || code == '\n';
  return !(code >= 0x7f && code < 0xa0) && !(code >= 0xd800 && code < 0xe000) && (code & 0xfffe) != 0xfffe;
}

/// Calls visit(bytes, code) for every character; what is no character arrives as U+FFFD.
template <typename Visit>
void for_characters(std::string_view text, Visit visit) {
  while (!text.empty()) {
    std::uint32_t code = 0;
    const std::size_t length = character(text, code);
    if (length == 0 || !allowed_in_xml(code))
      visit(replacement, std::uint32_t{0xfffd});
    else
      visit(text.substr(0, length), code);
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
}

std::vector<std::string_view> characters(std::string_view text) {
  std::vector<std::string_view> all;
  for_characters(text, [&](std::string_view bytes, std::uint32_t) { all.push_back(bytes); });
  return all;
}

std::string joined(const std::vector<std::string_view>& all, std::size_t from, std::size_t to) {
  std::string out;
  for (std::size_t i = from; i < to; ++i) out += all[i];
  return out;
}

}  // namespace

std::string escape(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for_characters(text, [&](std::string_view bytes, std::uint32_t code) {
    switch (code) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      case '\'': out += "&#39;"; break;
      default: out += bytes;
    }
  });
  return out;
}

std::string coordinate(double pixels) {
  if (!std::isfinite(pixels)) return "0";
  std::string out = fmt::format("{:.2f}", std::clamp(pixels, -1e6, 1e6));
  while (out.back() == '0') out.pop_back();
  if (out.back() == '.') out.pop_back();
  return out == "-0" ? "0" : out;
}

double text_width(std::string_view text, double size) {
  // widths in em of DejaVu Sans, the widest of the common system fonts, rounded up
  double em = 0;
  for_characters(text, [&](std::string_view bytes, std::uint32_t code) {
    if (bytes.size() > 1)
      em += code >= 0x1100 ? 1.05 : 0.66;
    else if (std::string_view("ijl.,:;|!'` ").find(bytes) != std::string_view::npos)
      em += 0.32;
    else if (std::string_view("frtI()[]{}-/\"").find(bytes) != std::string_view::npos)
      em += 0.42;
    else if (std::string_view("mwMW@%").find(bytes) != std::string_view::npos)
      em += 1.0;
    else
      em += bytes[0] >= 'A' && bytes[0] <= 'Z' ? 0.76 : 0.64;
  });
  return em * size;
}

std::string shorten(std::string_view text, std::size_t most) {
  const auto all = characters(text);
  if (all.size() <= most) return joined(all, 0, all.size());
  return joined(all, 0, most - 1) + "…";
}

std::string shorten_middle(std::string_view text, std::size_t most) {
  const auto all = characters(text);
  if (all.size() <= most) return joined(all, 0, all.size());
  const std::size_t tail = most / 2;
  return joined(all, 0, most - 1 - tail) + "…" + joined(all, all.size() - tail, all.size());
}

std::string fit(std::string_view text, double width, double size) {
  std::size_t most = characters(text.substr(0, 1000)).size();
  std::string out = shorten_middle(text, std::max<std::size_t>(most, 3));
  while (most > 3 && text_width(out, size) > width) out = shorten_middle(text, --most);
  return out;
}

}  // namespace pare::draw
