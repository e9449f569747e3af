#include "pare/text/unicode.h"

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <span>

namespace pare::text {
namespace {

struct Range {
  char32_t first, last;
};

/// Whether `character` lies in one of the ranges, which rise.
bool lies_in(std::span<const Range> ranges, char32_t character) {
  const auto after = std::ranges::upper_bound(ranges, character, {}, &Range::first);
  return after != ranges.begin() && character <= std::prev(after)->last;
}

/// Marks, punctuation and controls that Unicode got after version 8, and what it got after 9 that can be decomposed
/// or put in order. `tokenizers` takes them for unassigned. The ranges hold no mark, punctuation or control of Unicode
/// 8; within that they are drawn wide, to as far as Unicode 18. tests/text/peers_test.py looks at every character.
constexpr std::array<Range, 46> later{
    {{0x5c8, 0x5c9},     {0x61d, 0x61d},     {0x7fd, 0x7fd},     {0x890, 0x8e2},     {0x9fd, 0x9fe},
     {0xa76, 0xa76},     {0xafa, 0xaff},     {0xb53, 0xb55},     {0xc04, 0xc3c},     {0xc77, 0xc77},
     {0xc84, 0xc84},     {0xd00, 0xd00},     {0xd3b, 0xd3c},     {0xd81, 0xd81},     {0xeba, 0xeba},
     {0xece, 0xece},     {0x1715, 0x1715},   {0x180f, 0x1886},   {0x1abf, 0x1af0},   {0x1b4e, 0x1b4f},
     {0x1b7d, 0x1b7f},   {0x1df6, 0x1dfb},   {0x2e43, 0x2e63},   {0xa82c, 0xa82c},   {0xa8c5, 0xa8c5},
     {0xa8ff, 0xa8ff},   {0xa9bd, 0xa9bd},   {0x105c9, 0x105e4}, {0x10d24, 0x10f89}, {0x11070, 0x11074},
     {0x110c2, 0x110cd}, {0x111cf, 0x111cf}, {0x1123e, 0x11241}, {0x1133b, 0x1133b}, {0x11383, 0x1145e},
     {0x11660, 0x1166c}, {0x116b9, 0x116b9}, {0x1182f, 0x11fff}, {0x12ff1, 0x1612f}, {0x16d68, 0x16f4f},
     {0x16fe2, 0x16fe4}, {0x16ff0, 0x16ff1}, {0x1cf00, 0x1d128}, {0x1d25b, 0x1d25c}, {0x1e000, 0x1e6f5},
     {0x1e944, 0x1e95f}}};

/// The marks of Unicode 9: not yet marks for the categories, but known to the decomposition's order.
constexpr std::array<Range, 6> marks_of_nine{
    {{0x8d4, 0x8e1}, {0x1dfb, 0x1dfb}, {0x11442, 0x11446}, {0x11c3f, 0x11c3f}, {0x1e000, 0x1e02a}, {0x1e944, 0x1e94a}}};

const utf8proc_property_t& property(char32_t character) {
  return *utf8proc_get_property(static_cast<utf8proc_int32_t>(character));
}

/// The category in Unicode 8, as far as marks, punctuation and controls go.
int category(char32_t character) {
  switch (character) {  // what has another category since
    case 0x166d:
    case 0x111c9: return UTF8PROC_CATEGORY_PO;
    case 0x1734:
    case 0x1171e: return UTF8PROC_CATEGORY_MN;
    default: break;
  }
  if (lies_in(later, character)) return UTF8PROC_CATEGORY_CN;
  return property(character).category;
}

int combining_class(char32_t character) {
  if (lies_in(later, character) && !lies_in(marks_of_nine, character)) return 0;
  return property(character).combining_class;
}

/// Unicode 16 and 17 gave these letters a case.
char32_t lower(char32_t character) {
  if (character >= 0x10d50 && character <= 0x10d65) return character + 0x20;
  if (character >= 0x16ea0 && character <= 0x16eb8) return character + 0x1b;
  switch (character) {
    case 0x1c89:
    case 0xa7cc:
    case 0xa7ce:
    case 0xa7d2:
    case 0xa7d4:
    case 0xa7da: return character + 1;
    case 0xa7cb: return 0x264;
    case 0xa7dc: return 0x19b;
    default: return static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(character)));
  }
}

/// The first character of `bytes`, which are not empty, and how long it is; nothing where none begins here.
struct Decoded {
  char32_t character = replacement;
  std::size_t length = 0;
};
Decoded first_of(std::string_view bytes) {
  utf8proc_int32_t character;
  const auto length =
      utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(bytes.data()),
                       static_cast<utf8proc_ssize_t>(std::min(bytes.size(), std::size_t{4})), &character);
  if (length <= 0) return {};
  return {static_cast<char32_t>(character), static_cast<std::size_t>(length)};
}

}  // namespace

std::u32string decode_utf8(std::string_view bytes) {
  std::u32string out;
  out.reserve(bytes.size());
  while (!bytes.empty()) {
    const Decoded next = first_of(bytes);
    out += next.character;
    bytes.remove_prefix(std::max(next.length, std::size_t{1}));
  }
  return out;
}

void append_utf8(std::string& out, char32_t character) {
  assert(utf8proc_codepoint_valid(static_cast<utf8proc_int32_t>(character)));
  utf8proc_uint8_t bytes[4];
  const auto length = utf8proc_encode_char(static_cast<utf8proc_int32_t>(character), bytes);
  out.append(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(length));
}

std::optional<std::size_t> first_malformed(std::string_view bytes) {
  for (std::size_t at = 0; at < bytes.size();) {
    const std::size_t length = first_of(bytes.substr(at)).length;
    if (length == 0) return at;
    at += length;
  }
  return std::nullopt;
}

bool is_space(char32_t character) {
  if ((character >= '\t' && character <= '\r') || character == 0x85) return true;
  const int kind = property(character).category;
  return kind == UTF8PROC_CATEGORY_ZS || kind == UTF8PROC_CATEGORY_ZL || kind == UTF8PROC_CATEGORY_ZP;
}

bool is_control(char32_t character) {
  if (character == '\t' || character == '\n' || character == '\r') return false;
  const int kind = category(character);
  return kind == UTF8PROC_CATEGORY_CC || kind == UTF8PROC_CATEGORY_CF || kind == UTF8PROC_CATEGORY_CO;
}

bool is_punctuation(char32_t character) {
  if (character < 0x80) {
    const bool letter = (character >= 'a' && character <= 'z') || (character >= 'A' && character <= 'Z');
    return character > ' ' && character < 0x7f && !letter && !(character >= '0' && character <= '9');
  }
  const int kind = category(character);
  return kind >= UTF8PROC_CATEGORY_PC && kind <= UTF8PROC_CATEGORY_PO;
}

bool is_accent(char32_t character) { return category(character) == UTF8PROC_CATEGORY_MN; }

bool is_ideograph(char32_t character) {
  static constexpr std::array<Range, 7> blocks{{{0x3400, 0x4dbf},
                                                {0x4e00, 0x9fff},
                                                {0xf900, 0xfaff},
                                                {0x20000, 0x2a6df},
                                                {0x2a700, 0x2b81f},
                                                {0x2b920, 0x2ceaf},  // so in `tokenizers`; the block begins at 0x2b820
                                                {0x2f800, 0x2fa1f}}};
  return lies_in(blocks, character);
}

void append_lower(std::u32string& out, char32_t character) {
  if (character == 0x130)  // the one letter whose lower case is two characters
    out += U"i\u0307";
  else
    out += lower(character);
}

std::u32string decompose(std::u32string_view characters) {
  std::u32string out;
  out.reserve(characters.size());
  for (const char32_t character : characters) {
    if (lies_in(later, character)) {
      out += character;
      continue;
    }
    std::array<utf8proc_int32_t, 8> parts;  // Unicode's longest has four
    int unused = 0;
    const auto count = utf8proc_decompose_char(static_cast<utf8proc_int32_t>(character), parts.data(), parts.size(),
                                               UTF8PROC_DECOMPOSE, &unused);
    assert(count >= 0 && count <= static_cast<utf8proc_ssize_t>(parts.size()));
    for (utf8proc_ssize_t i = 0; i < count; ++i) out += static_cast<char32_t>(parts[static_cast<std::size_t>(i)]);
  }
  // marks between two characters of class 0 rise by class, those of one class keep their order
  for (auto at = out.begin(); at != out.end();) {
    const auto first = std::find_if(at, out.end(), [](char32_t c) { return combining_class(c) != 0; });
    at = std::find_if(first, out.end(), [](char32_t c) { return combining_class(c) == 0; });
    std::stable_sort(first, at, [](char32_t a, char32_t b) { return combining_class(a) < combining_class(b); });
  }
  return out;
}

}  // namespace pare::text
