// Files that are written whole or not at all, and read whole.
#pragma once
#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

namespace pare {

/// The bytes of a file. Throws Error when it cannot be read or is larger than `most` bytes.
std::string read_file(const std::filesystem::path& path, std::size_t most = std::size_t{1} << 34);

/// Writes to a temporary name beside `path`, then renames: a reader sees the old file or the whole new one.
/// Makes missing folders. Throws Error when it cannot.
void write_file(const std::filesystem::path& path, std::string_view bytes);

/// 16 hexadecimal digits (64-bit FNV-1a over 8-byte words) that tie a recipe or a study to the bytes it belongs to.
/// Against mix-ups, not against attackers.
std::string content_hash(std::string_view bytes);

}  // namespace pare
