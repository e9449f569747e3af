// vocab.txt of BERT and its kin: one token a line, the first has id 0.
#pragma once
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace pare::text {

/// Hashes std::string and std::string_view alike, so that a map of strings is searched without making one.
struct StringHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
};

/// Ids by token.
using Ids = std::unordered_map<std::string, std::int64_t, StringHash, std::equal_to<>>;

class Vocabulary {
 public:
  /// `tokens` by id. Throws Error for an empty token, one that comes twice, and where there is no [UNK]; errors name
  /// lines, the first is 1.
  Vocabulary(std::vector<std::string> tokens, std::string where);

  std::optional<std::int64_t> find(std::string_view token) const;
  /// As `find`; throws Error where the vocabulary has no such token.
  std::int64_t at(std::string_view token) const;
  /// `id` in [0, size()).
  const std::string& token(std::int64_t id) const { return tokens_[static_cast<std::size_t>(id)]; }
  std::int64_t size() const { return static_cast<std::int64_t>(tokens_.size()); }
  std::int64_t unknown() const { return unknown_; }
  /// Bytes of the longest token.
  std::size_t longest() const { return longest_; }

 private:
  std::string where_;
  std::vector<std::string> tokens_;
  Ids ids_;
  std::int64_t unknown_ = 0;
  std::size_t longest_ = 0;
};

/// `where` names the file in errors. A line may end with CR LF. Throws Error for bytes that are not UTF-8, for what
/// Vocabulary refuses, and beyond the limits (16 MiB, 1,000,000 tokens, 1,024 bytes a token).
Vocabulary parse_vocabulary(std::string_view bytes, const std::string& where);
Vocabulary read_vocabulary(const std::filesystem::path& path);

}  // namespace pare::text
