#include "pare/text/vocabulary.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "pare/base/error.h"
#include "pare/base/file.h"
#include "pare/text/unicode.h"

namespace pare::text {
namespace {

// BERT's largest vocabularies have 500,000 tokens in 5 MB; a token beyond 100 characters could never be found.
constexpr std::size_t most_bytes = std::size_t{16} << 20, most_tokens = 1000000, longest_token = 1024;
constexpr const char* mend = "give the vocab.txt that the network was trained with";

}  // namespace

Vocabulary::Vocabulary(std::vector<std::string> tokens, std::string where)
    : where_(std::move(where)), tokens_(std::move(tokens)) {
  ids_.reserve(tokens_.size());
  for (std::size_t id = 0; id < tokens_.size(); ++id) {
    const std::string& token = tokens_[id];
    if (token.empty()) throw Error(fmt::format("line {} is empty", id + 1), where_, mend);
    const auto [first, fresh] = ids_.emplace(token, static_cast<std::int64_t>(id));
    if (!fresh)
      throw Error(
          fmt::format("line {} has the token '{}', as line {} has", id + 1, printable(token), first->second + 1),
          where_, mend);
    longest_ = std::max(longest_, token.size());
  }
  unknown_ = at("[UNK]");
}

std::optional<std::int64_t> Vocabulary::find(std::string_view token) const {
  const auto found = ids_.find(token);
  return found == ids_.end() ? std::nullopt : std::optional(found->second);
}

std::int64_t Vocabulary::at(std::string_view token) const {
  const auto id = find(token);
  if (!id) throw Error(fmt::format("has no token {}", token), where_, mend);
  return *id;
}

Vocabulary parse_vocabulary(std::string_view bytes, const std::string& where) {
  if (bytes.size() > most_bytes) throw Error("is larger than 16 MiB", where, mend);
  std::vector<std::string> tokens;
  while (!bytes.empty()) {
    const std::size_t end = std::min(bytes.find('\n'), bytes.size());
    std::string_view line = bytes.substr(0, end);
    bytes.remove_prefix(std::min(end + 1, bytes.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    const auto fail = [&](const char* what) {
      throw Error(fmt::format("line {} {}", tokens.size() + 1, what), where, mend);
    };
    if (tokens.size() == most_tokens) fail("is one too many, the limit is 1,000,000 tokens");
    if (line.size() > longest_token) fail("is longer than 1,024 bytes");
    if (first_malformed(line)) fail("is not UTF-8");
    tokens.emplace_back(line);
  }
  return {std::move(tokens), where};
}

Vocabulary read_vocabulary(const std::filesystem::path& path) {
  return parse_vocabulary(read_file(path, most_bytes), path.string());
}

}  // namespace pare::text
