#include "pare/text/wordpiece.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "hostile.h"
#include "pare/base/file.h"

namespace pare::text {
namespace {

using io::error_of;
using testing::HasSubstr;
using Tokens = std::vector<std::string>;

constexpr const char* small =
    "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nun\n##aff\n##able\nwant\n##ed\n,\nhello\ne\n!\n中\n文\nE\nHello\n";

Vocabulary vocabulary(const std::string& bytes = small) { return parse_vocabulary(bytes, "vocab.txt"); }

Tokens tokens(const WordPiece& pieces, std::string_view text, std::size_t most = 512) {
  Tokens out;
  for (const std::int64_t id : pieces.encode(text, most)) out.push_back(pieces.vocabulary().token(id));
  return out;
}

TEST(Vocabulary, LineIsId) {
  const Vocabulary words = vocabulary("[UNK]\r\nb\r\n##c");
  EXPECT_EQ(words.size(), 3);
  EXPECT_EQ(words.find("b"), 1);
  EXPECT_EQ(words.find("##c"), 2);
  EXPECT_EQ(words.find("c"), std::nullopt);
  EXPECT_EQ(words.token(2), "##c");
  EXPECT_EQ(words.longest(), 5u);
}

TEST(Vocabulary, RefusesWhatCannotBeMeant) {
  const auto message = [](const std::string& bytes) { return error_of([&] { vocabulary(bytes); }); };
  EXPECT_THAT(message("[UNK]\na\nb\na\n"), HasSubstr("vocab.txt: line 4 has the token 'a', as line 2 has"));
  EXPECT_THAT(message("a\nb\n"), HasSubstr("has no token [UNK]"));
  EXPECT_THAT(message(""), HasSubstr("has no token [UNK]"));
  EXPECT_THAT(message("[UNK]\n\nb\n"), HasSubstr("line 2 is empty"));
  EXPECT_THAT(message("[UNK]\n\n"), HasSubstr("line 2 is empty"));
  EXPECT_THAT(message("[UNK]\na\xff\n"), HasSubstr("line 2 is not UTF-8"));
  EXPECT_THAT(message("[UNK]\n" + std::string(1025, 'a')), HasSubstr("line 2 is longer than 1,024 bytes"));
  EXPECT_NO_THROW(vocabulary("[UNK]\n" + std::string(1024, 'a')));
  EXPECT_THAT(message(std::string((16 << 20) + 1, '\n')), HasSubstr("16 MiB"));
  std::string many = "[UNK]\n";
  for (int i = 0; i < 999999; ++i) many += std::to_string(i) + '\n';
  EXPECT_EQ(vocabulary(many).size(), 1000000);
  EXPECT_THAT(message(many + "x\n"), HasSubstr("line 1000001"));
  EXPECT_THAT(error_of([] { WordPiece(vocabulary("[UNK]\n[SEP]\n")); }), HasSubstr("has no token [CLS]"));
  EXPECT_THAT(error_of([] { read_vocabulary("/nonexistent/vocab.txt"); }), HasSubstr("cannot be read"));
}

TEST(WordPiece, PiecesOfTheirPaper) {
  const WordPiece pieces(vocabulary());
  EXPECT_EQ(tokens(pieces, "unaffable"), (Tokens{"[CLS]", "un", "##aff", "##able", "[SEP]"}));
  EXPECT_EQ(tokens(pieces, "  Wanted,HELLO!\n"), (Tokens{"[CLS]", "want", "##ed", ",", "hello", "!", "[SEP]"}));
  EXPECT_EQ(tokens(pieces, "unaffableX wanted"), (Tokens{"[CLS]", "[UNK]", "want", "##ed", "[SEP]"}));
  EXPECT_EQ(tokens(pieces, ""), (Tokens{"[CLS]", "[SEP]"}));
  EXPECT_EQ(tokens(pieces, " \t\u3000\u200b"), (Tokens{"[CLS]", "[SEP]"}));
  EXPECT_EQ(tokens(pieces, "中文hello"), (Tokens{"[CLS]", "中", "文", "hello", "[SEP]"}));
}

TEST(WordPiece, AccentsAndCase) {
  EXPECT_EQ(tokens(WordPiece(vocabulary()), "É é e\u0301"), (Tokens{"[CLS]", "e", "e", "e", "[SEP]"}));
  const WordPiece cased(vocabulary(), {.lower_case = false});
  EXPECT_EQ(tokens(cased, "E É Hello HELLO"), (Tokens{"[CLS]", "E", "[UNK]", "Hello", "[UNK]", "[SEP]"}));
  const WordPiece stripped(vocabulary(), {.lower_case = false, .strip_accents = true});
  EXPECT_EQ(tokens(stripped, "E É"), (Tokens{"[CLS]", "E", "E", "[SEP]"}));
  const WordPiece kept(vocabulary(), {.strip_accents = false});
  EXPECT_EQ(tokens(kept, "E É"), (Tokens{"[CLS]", "e", "[UNK]", "[SEP]"}));
}

TEST(WordPiece, LeavesOutWhatIsNoText) {
  const WordPiece pieces(vocabulary());
  EXPECT_EQ(tokens(pieces, "he\xff\xc3llo"), (Tokens{"[CLS]", "hello", "[SEP]"}));
  EXPECT_EQ(tokens(pieces, std::string_view("he\0l\u00adl\ufffdo", 11)), (Tokens{"[CLS]", "hello", "[SEP]"}));
  EXPECT_EQ(tokens(pieces, "\x80"), (Tokens{"[CLS]", "[SEP]"}));
}

TEST(WordPiece, SpecialTokensInTheText) {
  const WordPiece pieces(vocabulary());
  EXPECT_EQ(tokens(pieces, "e[MASK]e [SEP]"), (Tokens{"[CLS]", "e", "[MASK]", "e", "[SEP]", "[SEP]"}));
  EXPECT_EQ(tokens(pieces, "[[MASK]"), (Tokens{"[CLS]", "[UNK]", "[MASK]", "[SEP]"}));
  EXPECT_EQ(tokens(pieces, "[mask]"), (Tokens{"[CLS]", "[UNK]", "[UNK]", "[UNK]", "[SEP]"}));
}

TEST(WordPiece, KeepsTheEndWhenCut) {
  const WordPiece pieces(vocabulary());
  EXPECT_EQ(tokens(pieces, "hello unaffable", 2), (Tokens{"[CLS]", "[SEP]"}));
  EXPECT_EQ(tokens(pieces, "hello unaffable", 4), (Tokens{"[CLS]", "hello", "un", "[SEP]"}));
  EXPECT_EQ(tokens(pieces, "hello unaffable", 6), tokens(pieces, "hello unaffable"));
  EXPECT_EQ(tokens(pieces, "[MASK][MASK]", 3), (Tokens{"[CLS]", "[MASK]", "[SEP]"}));
  EXPECT_THAT(error_of([&] { pieces.encode("hello", 1); }), HasSubstr("at least 2"));
  EXPECT_THAT(error_of([&] { pieces.encode("hello", 0); }), HasSubstr("at least 2"));
}

TEST(WordPiece, WordsOfMoreThanHundredCharacters) {
  const WordPiece pieces(vocabulary(std::string(small) + "##e\n"));
  for (const std::string character : {"e", "é"}) {
    std::string word;
    for (int i = 0; i < 100; ++i) word += character;
    EXPECT_EQ(pieces.encode(word).size(), 102u);
    EXPECT_EQ(tokens(pieces, word + character), (Tokens{"[CLS]", "[UNK]", "[SEP]"}));
  }
}

// Whatever the bytes: ids of the vocabulary between [CLS] and [SEP], never more than allowed, and a shorter length
// gives the same beginning.
TEST(WordPiece, AnyBytes) {
  const WordPiece pieces(vocabulary());
  const std::string alphabet = "uneaff wantedhello,![]MASK\t\n";
  Random random(5);
  for (int i = 0; i < 5000; ++i) {
    std::string text(random.below(60), '\0');
    for (char& c : text)
      c = random.below(4) ? alphabet[random.below(alphabet.size())] : static_cast<char>(random.below(256));
    const auto whole = pieces.encode(text);
    ASSERT_GE(whole.size(), 2u);
    EXPECT_EQ(whole.front(), 2);
    EXPECT_EQ(whole.back(), 3);
    for (const std::int64_t id : whole) EXPECT_TRUE(id >= 0 && id < pieces.vocabulary().size());
    const std::size_t most = 2 + random.below(20);
    auto expected = whole;
    if (expected.size() > most) {
      expected.resize(most);
      expected.back() = 3;
    }
    EXPECT_EQ(pieces.encode(text, most), expected);
  }
}

TEST(WordPiece, LongTextsTakeLinearTime) {
  const WordPiece pieces(vocabulary());
  EXPECT_EQ(pieces.encode(std::string(3000000, 'e')).size(), 3u);
  EXPECT_EQ(pieces.encode(std::string(3000000, '[')).size(), 512u);
  std::string marks = "e";
  for (int i = 0; i < 500000; ++i) marks += i % 2 ? "\u0301" : "\u0323";
  EXPECT_EQ(tokens(pieces, marks), (Tokens{"[CLS]", "e", "[SEP]"}));
}

TEST(Vocabulary, DamagedFilesAreRefusedOrRead) {
  Random random(7);
  for (int i = 0; i < 5000; ++i) {
    std::string damaged = small;
    for (std::uint64_t flips = 1 + random.below(3); flips-- > 0;)
      damaged[random.below(damaged.size())] = static_cast<char>(random.below(256));
    io::survives([](const std::string& bytes) { WordPiece(vocabulary(bytes)).encode(bytes); }, damaged);
  }
}

}  // namespace
}  // namespace pare::text
