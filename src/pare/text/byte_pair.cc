#include "pare/text/byte_pair.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <optional>
#include <queue>
#include <utility>

#include "pare/base/error.h"
#include "pare/base/file.h"

namespace pare::text {
namespace {

static_assert(std::endian::native == std::endian::little, "the file is read as it lies");

// Llama's own file has 32,000 pieces in 434 kB, its longest is 27 bytes.
constexpr std::size_t most_bytes = std::size_t{64} << 20, most_pieces = 1000000;
constexpr std::int32_t longest_piece = 1024;
constexpr const char* mend = "the file is damaged or of another kind: give the tokenizer.bin of llama2.c";
constexpr std::int64_t ordinary = 3;  // ids below: <unk>, BOS, EOS

/// The byte that a piece <0xNN> stands for.
std::optional<int> byte_of(std::string_view piece) {
  if (piece.size() != 6 || !piece.starts_with("<0x") || piece[5] != '>') return std::nullopt;
  int value = 0;
  for (const char c : piece.substr(3, 2)) {
    const bool digit = c >= '0' && c <= '9';
    if (!digit && (c < 'A' || c > 'F')) return std::nullopt;
    value = value * 16 + (digit ? c - '0' : c - 'A' + 10);
  }
  return value;
}

/// How many bytes llama2.c takes for one character: a byte, and the continuing bytes behind it, four in all at most.
std::size_t character_length(std::string_view text) {
  std::size_t length = 1;
  while (length < std::min(text.size(), std::size_t{4}) && (static_cast<unsigned char>(text[length]) & 0xc0) == 0x80)
    ++length;
  return length;
}

/// Two neighbours that make a piece.
struct Pair {
  float score;
  std::size_t left, right;  // places in the list of symbols
  std::int64_t left_id, right_id, joined;

  /// A queue gives the greatest: of the highest scores the leftmost.
  bool operator<(const Pair& other) const { return score != other.score ? score < other.score : left > other.left; }
};

}  // namespace

BytePair::BytePair(std::vector<Piece> pieces, const std::string& where) : pieces_(std::move(pieces)), where_(where) {
  bytes_.fill(-1);
  byte_of_.assign(pieces_.size(), -1);
  for (std::int64_t id = 0; id < size(); ++id) {
    if (std::isnan(piece(id).score))
      throw Error(fmt::format("piece {} has a score that is no number", id), where, mend);
    if (id < ordinary) continue;
    if (const auto byte = byte_of(piece(id).bytes)) {
      byte_of_[static_cast<std::size_t>(id)] = static_cast<std::int16_t>(*byte);
      std::int64_t& first = bytes_[static_cast<std::size_t>(*byte)];
      if (first < 0) first = id;
    } else {
      ids_.emplace(piece(id).bytes, id);
    }
  }
  for (std::size_t byte = 0; byte < bytes_.size(); ++byte)
    if (bytes_[byte] < 0) throw Error(fmt::format("has no piece <0x{:02X}>", byte), where, mend);
  if (!ids_.contains(" ")) throw Error("has no piece for the space", where, mend);
}

std::vector<std::int64_t> BytePair::encode(std::string_view text, bool with_begin, bool with_end) const {
  std::vector<std::int64_t> ids;
  if (!text.empty()) ids.push_back(ids_.find(" ")->second);
  while (!text.empty()) {
    const std::string_view character = text.substr(0, character_length(text));
    text.remove_prefix(character.size());
    if (const auto found = ids_.find(character); found != ids_.end())
      ids.push_back(found->second);
    else
      for (const char c : character) ids.push_back(bytes_[static_cast<unsigned char>(c)]);
  }
  join(ids);
  if (with_begin) ids.insert(ids.begin(), begin);
  if (with_end) ids.push_back(end);
  return ids;
}

/// Joins the pair of the highest score, the leftmost of equals, until no two neighbours make a piece. llama2.c looks
/// through all pairs each time; a queue finds the same pair without.
void BytePair::join(std::vector<std::int64_t>& ids) const {
  constexpr std::size_t none = static_cast<std::size_t>(-1);
  constexpr std::int64_t gone = -1;
  constexpr float least = -1e10f;  // llama2.c's "no pair yet": what scores no more is never joined
  std::vector<std::size_t> previous(ids.size()), next(ids.size());
  for (std::size_t i = 0; i < ids.size(); ++i) {
    previous[i] = i == 0 ? none : i - 1;
    next[i] = i + 1 == ids.size() ? none : i + 1;
  }
  std::priority_queue<Pair> queue;
  std::string both;
  const auto offer = [&](std::size_t left, std::size_t right) {
    if (left == none || right == none || byte_of_[static_cast<std::size_t>(ids[left])] >= 0 ||
        byte_of_[static_cast<std::size_t>(ids[right])] >= 0)
      return;
    both = piece(ids[left]).bytes;
    both += piece(ids[right]).bytes;
    const auto found = ids_.find(both);
    if (found == ids_.end() || piece(found->second).score <= least) return;
    queue.push({piece(found->second).score, left, right, ids[left], ids[right], found->second});
  };
  for (std::size_t i = 0; i + 1 < ids.size(); ++i) offer(i, i + 1);
  while (!queue.empty()) {
    const Pair pair = queue.top();
    queue.pop();
    // an older offer, one of whose symbols has been joined since
    if (ids[pair.left] != pair.left_id || ids[pair.right] != pair.right_id || next[pair.left] != pair.right) continue;
    ids[pair.left] = pair.joined;
    ids[pair.right] = gone;
    next[pair.left] = next[pair.right];
    if (next[pair.left] != none) previous[next[pair.left]] = pair.left;
    offer(previous[pair.left], pair.left);
    offer(pair.left, next[pair.left]);
  }
  std::erase(ids, gone);
}

std::string BytePair::decode_one(std::int64_t previous, std::int64_t id) const {
  if (id < 0 || id >= size())
    throw Error(fmt::format("has no piece {}, its ids are 0 to {}", id, size() - 1), where_,
                "network and tokeniser belong to one another");
  if (id == begin || id == end) return {};
  if (const int byte = byte_of_[static_cast<std::size_t>(id)]; byte >= 0) return {static_cast<char>(byte)};
  const std::string& bytes = piece(id).bytes;
  return previous == begin && bytes.starts_with(' ') ? bytes.substr(1) : bytes;
}

std::string BytePair::decode(std::span<const std::int64_t> ids) const {
  std::string out;
  for (std::size_t i = 0; i < ids.size(); ++i) out += decode_one(i == 0 ? -1 : ids[i - 1], ids[i]);
  return out;
}

BytePair parse_byte_pair(std::string_view bytes, const std::string& where) {
  const auto take = [&]<typename T>(T) {
    if (bytes.size() < sizeof(T)) throw Error("is cut off", where, mend);
    T value;
    std::memcpy(&value, bytes.data(), sizeof value);
    bytes.remove_prefix(sizeof value);
    return value;
  };
  if (bytes.size() > most_bytes) throw Error("is larger than 64 MiB", where, mend);
  const auto longest = take(std::int32_t{});
  if (longest < 1 || longest > longest_piece)
    throw Error(fmt::format("declares pieces of up to {} bytes, pare reads 1 to {}", longest, longest_piece), where,
                mend);
  std::vector<BytePair::Piece> pieces;
  while (!bytes.empty()) {
    if (pieces.size() == most_pieces) throw Error("has more than 1,000,000 pieces", where, mend);
    const auto score = take(float{});
    const auto length = take(std::int32_t{});
    if (length < 0 || length > longest)
      throw Error(
          fmt::format("piece {} is {} bytes long, the file declares at most {}", pieces.size(), length, longest), where,
          mend);
    if (static_cast<std::size_t>(length) > bytes.size()) throw Error("is cut off", where, mend);
    pieces.push_back({std::string(bytes.substr(0, static_cast<std::size_t>(length))), score});
    bytes.remove_prefix(static_cast<std::size_t>(length));
  }
  return {std::move(pieces), where};
}

BytePair read_byte_pair(const std::filesystem::path& path) {
  return parse_byte_pair(read_file(path, most_bytes), path.string());
}

}  // namespace pare::text
