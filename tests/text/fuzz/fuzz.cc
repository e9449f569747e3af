// One libFuzzer program a format: a reader of outside bytes returns or throws Error, and what it returns holds its
// promises. PARE_FUZZ_FORMAT names the function.
#include <cstdint>
#include <string_view>

#include "pare/base/error.h"
#include "pare/text/byte_pair.h"
#include "pare/text/table.h"
#include "pare/text/wordpiece.h"

namespace pare::text {

// The beginning and the end are there, and every id lies between.
void check_ids(const WordPiece& pieces, std::string_view text, std::size_t most) {
  const auto ids = pieces.encode(text, most);
  if (ids.size() < 2 || ids.size() > most) __builtin_trap();
  if (ids.front() != pieces.vocabulary().at("[CLS]") || ids.back() != pieces.vocabulary().at("[SEP]")) __builtin_trap();
  for (const auto id : ids)
    if (id < 0 || id >= pieces.vocabulary().size()) __builtin_trap();
}

void vocabulary(std::string_view bytes) {
  const Vocabulary words = parse_vocabulary(bytes, "fuzz");
  for (std::int64_t id = 0; id < words.size(); ++id)
    if (words.find(words.token(id)) != id) __builtin_trap();
  check_ids(WordPiece(words), bytes, 16);
}

void words(std::string_view bytes) {
  static const Vocabulary vocabulary = parse_vocabulary("[UNK]\n[CLS]\n[SEP]\n[MASK]\na\n##a\n##b\ne\n!\n中\n", "fuzz");
  static const WordPiece uncased(vocabulary), cased(vocabulary, {.lower_case = false});
  check_ids(uncased, bytes, 64);
  check_ids(cased, bytes, 512);
}

// Any bytes come back; those of the file are as good as others.
void byte_pair(std::string_view bytes) {
  const BytePair pairs = parse_byte_pair(bytes, "fuzz");
  const std::string_view text = bytes.substr(bytes.size() - bytes.size() / 8);
  if (pairs.decode(pairs.encode(text)) != text) __builtin_trap();
}

void table(std::string_view bytes) {
  const Table table = parse_table(bytes, "fuzz");
  if (table.texts.empty() || table.texts.size() != table.labels.size()) __builtin_trap();
}

}  // namespace pare::text

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    pare::text::PARE_FUZZ_FORMAT({reinterpret_cast<const char*>(data), size});
  } catch (const pare::Error&) {
  }
  return 0;
}
