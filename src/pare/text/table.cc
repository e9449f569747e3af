#include "pare/text/table.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "pare/base/error.h"
#include "pare/base/file.h"
#include "pare/text/unicode.h"

namespace pare::text {
namespace {

constexpr std::size_t most_bytes = std::size_t{1} << 30, most_lines = 10000000, longest_text = std::size_t{1} << 20;
constexpr const char* mend = "a line is text, a tab, and an integer label";

}  // namespace

Table parse_table(std::string_view bytes, const std::string& where) {
  if (bytes.size() > most_bytes) throw Error("is larger than 1 GiB", where);
  if (bytes.starts_with("\xef\xbb\xbf")) bytes.remove_prefix(3);
  Table out;
  while (!bytes.empty()) {
    const std::size_t end = std::min(bytes.find('\n'), bytes.size());
    std::string_view line = bytes.substr(0, end);
    bytes.remove_prefix(std::min(end + 1, bytes.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    const auto fail = [&](const std::string& what, const char* how) {
      throw Error(fmt::format("line {} {}", out.texts.size() + 1, what), where, how);
    };
    if (out.texts.size() == most_lines) fail("is one too many, the limit is 10,000,000", "split the file");
    const auto tabs = std::ranges::count(line, '\t');
    if (tabs == 0) fail("has no tab, so no label", mend);
    if (tabs > 1) fail(fmt::format("has {} tabs, one is expected", tabs), mend);
    const std::string_view text = line.substr(0, line.find('\t')), label = line.substr(text.size() + 1);
    if (text.size() > longest_text) fail("has a text longer than 1 MiB", "shorten it");
    if (first_malformed(line)) fail("is not UTF-8", "convert the file: iconv -f latin1 -t utf-8");
    std::int32_t value = 0;
    const auto [stop, code] = std::from_chars(label.data(), label.data() + label.size(), value);
    if (label.empty()) fail("has no label behind its tab", mend);
    if (code != std::errc() || stop != label.data() + label.size())
      fail(fmt::format("has the label '{}', which is no integer of 32 bits", printable(std::string(label), 40)), mend);
    out.texts.emplace_back(text);
    out.labels.push_back(value);
  }
  if (out.texts.empty()) throw Error("has no lines", where, mend);
  return out;
}

Table read_table(const std::filesystem::path& path) { return parse_table(read_file(path, most_bytes), path.string()); }

}  // namespace pare::text
