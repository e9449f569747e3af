#include "pare/text/byte_pair.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <limits>
#include <map>

#include "hostile.h"

namespace pare::text {
namespace {

using io::error_of;
using testing::ElementsAre;
using testing::HasSubstr;
using Ids = std::vector<std::int64_t>;
using Piece = BytePair::Piece;

/// <unk>, BOS, EOS, the bytes, then `more`.
std::vector<Piece> pieces(const std::vector<Piece>& more) {
  std::vector<Piece> out{{"<unk>", 0}, {"\n<s>\n", 0}, {"\n</s>\n", 0}};
  for (int byte = 0; byte < 256; ++byte) {
    char name[8];
    std::snprintf(name, sizeof name, "<0x%02X>", byte);
    out.push_back({name, 0});
  }
  out.insert(out.end(), more.begin(), more.end());
  return out;
}

std::string file(const std::vector<Piece>& all) {
  std::string out;
  const auto put = [&](auto value) { out.append(reinterpret_cast<const char*>(&value), sizeof value); };
  std::int32_t longest = 0;
  for (const Piece& piece : all) longest = std::max(longest, static_cast<std::int32_t>(piece.bytes.size()));
  put(longest);
  for (const Piece& piece : all) {
    put(piece.score);
    put(static_cast<std::int32_t>(piece.bytes.size()));
    out += piece.bytes;
  }
  return out;
}

BytePair made(const std::vector<Piece>& more) { return {pieces(more), "test"}; }

constexpr std::int64_t first = 259;  // id of the first piece behind the bytes

TEST(BytePair, JoinsTheBestPairFirst) {
  // "ab" scores more than "bc": "abc" is ab, c
  const BytePair pairs = made({{" ", 0}, {"a", 0}, {"b", 0}, {"c", 0}, {"bc", -2}, {"ab", -1}, {" ab", -3}});
  EXPECT_THAT(pairs.encode("abc"), ElementsAre(1, first + 6, first + 3));
  EXPECT_THAT(pairs.encode("bc", false, true), ElementsAre(first, first + 4, 2));
  EXPECT_THAT(pairs.encode(""), ElementsAre(1));
  EXPECT_THAT(pairs.encode("", false, true), ElementsAre(2));
}

TEST(BytePair, OfEqualPairsTheLeftmost) {
  const BytePair pairs = made({{" ", 0}, {"a", 0}, {"aa", -1}});
  EXPECT_THAT(pairs.encode("aaaaa"), ElementsAre(1, first, first + 2, first + 2, first + 1));
}

TEST(BytePair, BytesWithoutPieces) {
  const BytePair pairs = made({{" ", 0}, {"é", 0}});
  EXPECT_THAT(pairs.encode("éA€"), ElementsAre(1, first, first + 1, 3 + 'A', 3 + 0xe2, 3 + 0x82, 3 + 0xac));
  EXPECT_EQ(pairs.decode(Ids{1, first, first + 1, 3 + 'A', 3 + 0xe2, 3 + 0x82, 3 + 0xac}), "éA€");
}

TEST(BytePair, ABytesNameIsText) {
  const BytePair pairs = made({{" ", 0},
                               {"<", 0},
                               {"0", 0},
                               {"x", 0},
                               {"4", 0},
                               {"1", 0},
                               {">", 0},
                               {"<0", 0},
                               {"<0x", 0},
                               {"<0x4", 0},
                               {"<0x41", 0}});
  EXPECT_EQ(pairs.encode("<0x41>").size(), 4u);
  EXPECT_EQ(pairs.decode(pairs.encode("<0x41>")), "<0x41>");
}

TEST(BytePair, SpacesOfTheBeginning) {
  const BytePair pairs = made({{" ", 0}, {"a", 0}, {" a", -1}, {"  ", -2}});
  EXPECT_EQ(pairs.decode(Ids{1, first + 2, first + 2}), "a a");
  EXPECT_EQ(pairs.decode(Ids{first + 2, first + 2}), " a a");
  EXPECT_EQ(pairs.decode(Ids{1, first + 3, first + 1, 2}), " a");
  EXPECT_EQ(pairs.decode_one(1, first + 2), "a");
  EXPECT_EQ(pairs.decode_one(first, first + 2), " a");
  EXPECT_EQ(pairs.decode(Ids{}), "");
}

TEST(BytePair, RefusesForeignIds) {
  const BytePair pairs = made({{" ", 0}});
  EXPECT_THAT(error_of([&] { pairs.decode(Ids{1, first + 1}); }), HasSubstr("has no piece 260, its ids are 0 to 259"));
  EXPECT_THAT(error_of([&] { pairs.decode(Ids{-1}); }), HasSubstr("has no piece -1"));
}

// llama2.c's own loops, which try all pairs each time.
Ids by_search(const std::vector<Piece>& all, const std::string& text) {
  std::map<std::string, std::int64_t> ids;
  for (std::size_t id = all.size(); id-- > 3;) ids[all[id].bytes] = static_cast<std::int64_t>(id);
  const auto bytes = [&](std::int64_t id) { return all[static_cast<std::size_t>(id)].bytes; };
  Ids out{1};
  if (!text.empty()) out.push_back(ids.at(" "));
  std::string buffer;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if ((text[i] & 0xc0) != 0x80) buffer.clear();
    buffer += text[i];
    if (i + 1 < text.size() && (text[i + 1] & 0xc0) == 0x80 && buffer.size() < 4) continue;
    if (ids.contains(buffer))
      out.push_back(ids.at(buffer));
    else
      for (const char c : buffer) out.push_back(static_cast<unsigned char>(c) + 3);
    buffer.clear();
  }
  while (true) {
    float best = -1e10f;
    std::size_t place = 0;
    std::int64_t joined = -1;
    for (std::size_t i = 0; i + 1 < out.size(); ++i) {
      const auto found = ids.find(bytes(out[i]) + bytes(out[i + 1]));
      if (found != ids.end() && all[static_cast<std::size_t>(found->second)].score > best) {
        best = all[static_cast<std::size_t>(found->second)].score;
        place = i;
        joined = found->second;
      }
    }
    if (joined < 0) return out;
    out[place] = joined;
    out.erase(out.begin() + static_cast<std::ptrdiff_t>(place) + 1);
  }
}

TEST(BytePair, FindsWhatLlama2cFinds) {
  Random random(4);
  for (int round = 0; round < 40; ++round) {
    std::vector<Piece> more{{" ", -1}, {"a", -1}, {"b", -2}, {"é", -1}, {"中", -3}};
    for (int i = 0; i < 60; ++i) {
      std::string bytes;
      for (int n = 0; n < 2; ++n) bytes += more[random.below(more.size())].bytes;
      if (bytes.size() < 12) more.push_back({bytes, -static_cast<float>(random.below(round % 2 ? 5 : 1000))});
    }
    const auto all = pieces(more);
    const BytePair pairs(all, "test");
    for (int i = 0; i < 200; ++i) {
      std::string text;
      for (std::uint64_t n = random.below(40); n-- > 0;)
        text += random.below(10) ? more[random.below(5)].bytes : std::string(1, static_cast<char>(random.below(256)));
      const Ids ids = pairs.encode(text);
      ASSERT_EQ(ids, by_search(all, text)) << text;
      EXPECT_EQ(pairs.decode(ids), text);
      EXPECT_EQ(pairs.decode(pairs.encode(text, true, true)), text);
    }
  }
}

TEST(BytePair, LongTextsAreQuick) {
  const BytePair pairs = made({{" ", 0}, {"a", 0}, {"aa", -1}, {"aaaa", -2}});
  EXPECT_EQ(pairs.encode(std::string(1000000, 'a')).size(), 250002u);
}

TEST(BytePair, ReadsItsFile) {
  const auto all = pieces({{" ", -1.5f}, {"", -7}, {"the", std::numeric_limits<float>::infinity()}});
  const BytePair pairs = parse_byte_pair(file(all), "tok.bin");
  ASSERT_EQ(pairs.size(), first + 3);
  for (std::int64_t id = 0; id < pairs.size(); ++id) {
    EXPECT_EQ(pairs.piece(id).bytes, all[static_cast<std::size_t>(id)].bytes);
    EXPECT_EQ(pairs.piece(id).score, all[static_cast<std::size_t>(id)].score);
  }
}

TEST(BytePair, RefusesUnsoundFiles) {
  const auto message = [](const std::string& bytes) { return error_of([&] { parse_byte_pair(bytes, "tok.bin"); }); };
  const std::string sound = file(pieces({{" ", 0}}));
  const auto with = [&](std::size_t at, std::int32_t value) {
    std::string out = sound;
    std::memcpy(out.data() + at, &value, sizeof value);
    return out;
  };
  EXPECT_NO_THROW(parse_byte_pair(sound, "tok.bin"));
  EXPECT_THAT(message(""), HasSubstr("tok.bin: is cut off"));
  EXPECT_THAT(message(with(0, 0)), HasSubstr("pieces of up to 0 bytes"));
  EXPECT_THAT(message(with(0, -1)), HasSubstr("pieces of up to -1 bytes"));
  EXPECT_THAT(message(with(0, 1 << 30)), HasSubstr("pare reads 1 to 1024"));
  EXPECT_THAT(message(with(8, -5)), HasSubstr("piece 0 is -5 bytes long"));
  EXPECT_THAT(message(with(8, 1 << 30)), HasSubstr("the file declares at most 6"));
  EXPECT_THAT(message(with(4, 0x7fc00000)), HasSubstr("piece 0 has a score that is no number"));
  EXPECT_THAT(message(sound.substr(0, sound.size() - 9)), HasSubstr("has no piece for the space"));
  EXPECT_THAT(message(sound.substr(0, 300)), HasSubstr("is cut off"));
  auto fewer = pieces({{" ", 0}});
  fewer[3 + 0x41].bytes = "A";
  EXPECT_THAT(message(file(fewer)), HasSubstr("has no piece <0x41>"));
  std::string many = sound;
  const std::string empty(8, '\0');
  for (int i = 0; i < 1000000; ++i) many += empty;
  EXPECT_THAT(message(many), HasSubstr("more than 1,000,000 pieces"));
  EXPECT_THAT(message(std::string((64 << 20) + 1, '\0')), HasSubstr("64 MiB"));
}

TEST(BytePair, DamagedFilesAreRefusedOrRead) {
  // the space is the last piece, so no shorter file is whole
  io::expect_survives_damage(
      [](const std::string& bytes) {
        const BytePair pairs = parse_byte_pair(bytes, "tok.bin");
        EXPECT_EQ(pairs.decode(pairs.encode(bytes.substr(0, 50))), bytes.substr(0, 50));
      },
      file(pieces({{"a", 1}, {"aa", 2}, {" ", 0}})));
}

}  // namespace
}  // namespace pare::text
