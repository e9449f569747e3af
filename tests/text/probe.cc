// Shows what this room makes of texts, for peers_test.py. Texts come on stdin: an int32 length, then the bytes; ids go
// to stdout as one line a text.
//   text_probe wordpiece VOCAB cased|uncased MOST < TEXTS
//   text_probe encode TOKENIZER < TEXTS          with BOS
//   text_probe decode TOKENIZER < IDS > TEXT     ids as decimal numbers
//   text_probe table FILE                        label, space, text in hexadecimal; one a line
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstdio>
#include <cstring>
#include <iostream>
#include <iterator>

#include "pare/text/byte_pair.h"
#include "pare/text/table.h"
#include "pare/text/wordpiece.h"
#include "probe_main.h"

namespace {

std::string input() { return {std::istreambuf_iterator<char>(std::cin), {}}; }

std::vector<std::string> texts() {
  const std::string all = input();
  std::vector<std::string> out;
  for (std::size_t at = 0; at < all.size();) {
    std::int32_t length;
    std::memcpy(&length, all.data() + at, sizeof length);
    out.push_back(all.substr(at + sizeof length, static_cast<std::size_t>(length)));
    at += sizeof length + out.back().size();
  }
  return out;
}

}  // namespace

int run(const std::vector<std::string>& words) {
  using namespace pare::text;
  const std::string verb = words.empty() ? "" : words[0];
  if (verb == "wordpiece" && words.size() == 4) {
    const WordPiece pieces(read_vocabulary(words[1]), {.lower_case = words[2] == "uncased"});
    for (const std::string& text : texts())
      fmt::print("{}\n", fmt::join(pieces.encode(text, std::stoul(words[3])), " "));
  } else if (verb == "encode" && words.size() == 2) {
    const BytePair pairs = read_byte_pair(words[1]);
    for (const std::string& text : texts()) fmt::print("{}\n", fmt::join(pairs.encode(text), " "));
  } else if (verb == "decode" && words.size() == 2) {
    const std::vector<std::int64_t> ids{std::istream_iterator<std::int64_t>(std::cin), {}};
    const std::string text = read_byte_pair(words[1]).decode(ids);
    std::fwrite(text.data(), 1, text.size(), stdout);
  } else if (verb == "table" && words.size() == 2) {
    const Table table = read_table(words[1]);
    for (std::size_t i = 0; i < table.texts.size(); ++i) {
      fmt::print("{} ", table.labels[i]);
      for (const char c : table.texts[i]) fmt::print("{:02x}", static_cast<unsigned char>(c));
      fmt::print("\n");
    }
  } else {
    return 2;
  }
  return 0;
}
