// BERT's tokeniser: text to words, words to the longest pieces of a vocabulary (Devlin et al. 2018; Wu et al. 2016).
// Gives the ids of Hugging Face's `tokenizers` (BertNormalizer, BertPreTokenizer, WordPiece).
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pare/text/vocabulary.h"

namespace pare::text {

struct WordPieceOptions {
  bool lower_case = true;             // the "uncased" networks
  std::optional<bool> strip_accents;  // é to e; as lower_case where it is not said
};

class WordPiece {
 public:
  /// Throws Error for a vocabulary without [CLS] or [SEP].
  explicit WordPiece(Vocabulary vocabulary, WordPieceOptions options = {});

  /// [CLS], at most `most` - 2 pieces of `text`, [SEP]. Throws Error for `most` below 2.
  /// Controls and malformed UTF-8 are left out; [UNK], [CLS], [SEP], [PAD] and [MASK] standing in the text are those
  /// tokens. A word that the vocabulary cannot make, or of more than 100 characters, is [UNK].
  std::vector<std::int64_t> encode(std::string_view text, std::size_t most = 512) const;

  const Vocabulary& vocabulary() const { return vocabulary_; }

 private:
  std::u32string normalize(std::string_view text) const;
  void append_plain(std::vector<std::int64_t>& ids, std::string_view text, std::size_t most) const;
  void append_word(std::vector<std::int64_t>& ids, std::u32string_view word) const;

  Vocabulary vocabulary_;
  bool lower_case_, strip_accents_;
  std::int64_t begin_, end_;
};

}  // namespace pare::text
