// Labelled sentences in a text file: one a line, `text<TAB>label`.
#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace pare::text {

struct Table {
  std::vector<std::string> texts;
  std::vector<std::int64_t> labels;  // one a text
};

/// `where` names the file in errors. Lines end with LF or CR LF; a byte order mark is skipped. Throws Error, with the
/// line's number, for a line without exactly one tab, a label that is no integer (or beyond 32 bits), bytes that are
/// not UTF-8, and a text of more than 1 MiB; also for a file without lines, of more than 1 GiB or 10,000,000 lines.
Table parse_table(std::string_view bytes, const std::string& where);
Table read_table(const std::filesystem::path& path);

}  // namespace pare::text
