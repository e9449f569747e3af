// Byte pair encoding of the tokeniser files of llama2.c (github.com/karpathy/llama2.c): SentencePiece's pieces and
// scores, with a space where SentencePiece writes U+2581, and a piece <0xNN> for every byte.
#pragma once
#include <array>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pare/text/vocabulary.h"

namespace pare::text {

class BytePair {
 public:
  static constexpr std::int64_t begin = 1, end = 2;  // of a text: BOS, EOS

  struct Piece {
    std::string bytes;  // as in the file: a byte's piece is <0xNN>
    float score = 0;    // the pair of the highest is joined first
  };

  /// `pieces` by id. Throws Error where a byte's piece or that of the space is missing, and for a score that is no
  /// number. Of two pieces with the same bytes the first is the one that texts get.
  BytePair(std::vector<Piece> pieces, const std::string& where);

  /// BOS if asked for, then the pieces of a space and `text`, then EOS if asked for. Any bytes can be encoded;
  /// decode(encode(text)) is `text`. As in llama2.c, except that a text which spells <0xNN>, <unk> or a mark of the
  /// begin or end never becomes that piece.
  std::vector<std::int64_t> encode(std::string_view text, bool with_begin = true, bool with_end = false) const;

  /// The text of `ids`: without BOS and EOS, and without the space that follows a BOS. Throws Error for an id outside
  /// [0, size()).
  std::string decode(std::span<const std::int64_t> ids) const;
  /// What `id` adds to a text behind `previous`, for printing as it is made. Throws Error as above.
  std::string decode_one(std::int64_t previous, std::int64_t id) const;

  std::int64_t size() const { return static_cast<std::int64_t>(pieces_.size()); }
  /// `id` in [0, size()).
  const Piece& piece(std::int64_t id) const { return pieces_[static_cast<std::size_t>(id)]; }

 private:
  void join(std::vector<std::int64_t>& ids) const;

  std::vector<Piece> pieces_;
  std::string where_;
  Ids ids_;                              // of pieces that texts are made of
  std::array<std::int64_t, 256> bytes_;  // ids of the bytes' pieces
  std::vector<std::int16_t> byte_of_;    // by id: the byte, -1 for other pieces
};

/// The file: int32 length of the longest piece; for every piece a float32 score, an int32 length, and its bytes; all
/// little-endian. `where` names the file in errors. Throws Error for a file that is cut off or otherwise unsound, and
/// beyond the limits (64 MiB, 1,000,000 pieces, 1,024 bytes a piece).
BytePair parse_byte_pair(std::string_view bytes, const std::string& where);
BytePair read_byte_pair(const std::filesystem::path& path);

}  // namespace pare::text
