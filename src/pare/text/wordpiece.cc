#include "pare/text/wordpiece.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "pare/base/error.h"
#include "pare/text/unicode.h"

namespace pare::text {
namespace {

constexpr std::size_t longest_word = 100;  // characters; Hugging Face's max_input_chars_per_word
constexpr std::string_view continuing = "##";

/// The first special token that stands in `text` and its place; an empty token where there is none.
std::pair<std::size_t, std::string_view> find_special(std::string_view text, const Vocabulary& vocabulary) {
  constexpr std::string_view specials[] = {"[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]"};
  for (std::size_t at = text.find('['); at != std::string_view::npos; at = text.find('[', at + 1))
    for (const std::string_view special : specials)
      if (text.substr(at).starts_with(special) && vocabulary.find(special)) return {at, special};
  return {text.size(), {}};
}

}  // namespace

WordPiece::WordPiece(Vocabulary vocabulary, WordPieceOptions options)
    : vocabulary_(std::move(vocabulary)),
      lower_case_(options.lower_case),
      strip_accents_(options.strip_accents.value_or(options.lower_case)),
      begin_(vocabulary_.at("[CLS]")),
      end_(vocabulary_.at("[SEP]")) {}

std::vector<std::int64_t> WordPiece::encode(std::string_view text, std::size_t most) const {
  if (most < 2)
    throw Error(fmt::format("{} ids leave no room for [CLS] and [SEP]", most), "tokens a text", "allow at least 2");
  std::vector<std::int64_t> ids{begin_};
  while (!text.empty() && ids.size() < most) {
    const auto [at, special] = find_special(text, vocabulary_);
    append_plain(ids, text.substr(0, at), most);
    if (!special.empty()) ids.push_back(vocabulary_.at(special));
    text.remove_prefix(at + special.size());
  }
  ids.resize(std::min(ids.size(), most - 1));
  ids.push_back(end_);
  return ids;
}

std::u32string WordPiece::normalize(std::string_view text) const {
  std::u32string out;
  for (const char32_t character : decode_utf8(text)) {
    if (character == 0 || character == replacement || is_control(character)) continue;
    if (is_ideograph(character)) {
      out += U' ';
      out += character;
      out += U' ';
    } else {
      out += is_space(character) ? U' ' : character;
    }
  }
  if (strip_accents_) {
    out = decompose(out);
    std::erase_if(out, is_accent);
  }
  if (lower_case_) {
    std::u32string lowered;
    lowered.reserve(out.size());
    for (const char32_t character : out) append_lower(lowered, character);
    out = std::move(lowered);
  }
  return out;
}

/// Appends the pieces of text without special tokens; stops once there are `most` ids.
void WordPiece::append_plain(std::vector<std::int64_t>& ids, std::string_view text, std::size_t most) const {
  const std::u32string characters = normalize(text);
  const std::u32string_view all = characters;
  const auto ends_word = [](char32_t c) { return is_space(c) || is_punctuation(c); };
  for (std::size_t at = 0; at < all.size() && ids.size() < most;) {
    if (is_space(all[at])) {
      ++at;
      continue;
    }
    std::size_t end = at + 1;
    if (!is_punctuation(all[at]))
      while (end < all.size() && !ends_word(all[end])) ++end;
    append_word(ids, all.substr(at, end - at));
    at = end;
  }
}

/// The longest piece that begins the word, then the longest that goes on; [UNK] for all of it where one is missing.
void WordPiece::append_word(std::vector<std::int64_t>& ids, std::u32string_view word) const {
  const std::size_t before = ids.size();
  if (word.size() > longest_word) {
    ids.push_back(vocabulary_.unknown());
    return;
  }
  std::string bytes;
  std::vector<std::size_t> starts;  // of every character, and the end
  for (const char32_t character : word) {
    starts.push_back(bytes.size());
    append_utf8(bytes, character);
  }
  starts.push_back(bytes.size());
  std::string piece;
  for (std::size_t at = 0; at < word.size();) {
    std::size_t end = word.size();
    std::optional<std::int64_t> id;
    for (; end > at; --end) {
      if (starts[end] - starts[at] > vocabulary_.longest()) continue;
      piece = at == 0 ? "" : continuing;
      piece.append(bytes, starts[at], starts[end] - starts[at]);
      if ((id = vocabulary_.find(piece))) break;
    }
    if (!id) {
      ids.resize(before);
      ids.push_back(vocabulary_.unknown());
      return;
    }
    ids.push_back(*id);
    at = end;
  }
}

}  // namespace pare::text
