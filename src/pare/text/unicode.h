// Characters as BERT's tokenisers see them. utf8proc knows Unicode; where Hugging Face's `tokenizers` goes by another
// version of it (categories of Unicode 8, decompositions of 9, letters' cases of 17), so does this file, since a
// network was trained on what that library made of its text.
#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace pare::text {

constexpr char32_t replacement = 0xfffd;

/// The characters of `bytes`; every byte that is part of none (cut off, overlong, a surrogate, beyond U+10FFFF)
/// becomes U+FFFD.
std::u32string decode_utf8(std::string_view bytes);
/// Appends `character`, which must be a scalar value of Unicode.
void append_utf8(std::string& out, char32_t character);
/// Where the first byte lies that is no part of a character; nothing where all are.
std::optional<std::size_t> first_malformed(std::string_view bytes);

bool is_space(char32_t character);        // White_Space
bool is_control(char32_t character);      // Cc but tab and line ends, Cf, Co
bool is_punctuation(char32_t character);  // P*, and all of ASCII that is neither letter, digit, space nor control
bool is_accent(char32_t character);       // Mn
bool is_ideograph(char32_t character);    // the blocks of Chinese characters that BERT sets apart

/// Appends the character's lower case: two characters for U+0130, one for all others.
void append_lower(std::u32string& out, char32_t character);
/// Normal form D: composed characters taken apart, marks in canonical order.
std::u32string decompose(std::u32string_view characters);

}  // namespace pare::text
