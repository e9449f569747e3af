// safetensors files: eight bytes of header length, a JSON header, raw little-endian tensors.
#pragma once
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace pare::io {

struct SafeTensor {
  std::string dtype;  // "F32", "U8", "I64", ... as the format names them
  std::vector<std::int64_t> shape;
  std::string bytes;
};

/// `where` names the file in errors. Throws Error for overlapping, out-of-range or mis-sized tensors, and for gaps
/// between them, which the format forbids.
std::map<std::string, SafeTensor> parse_safetensors(std::string_view bytes, const std::string& where);
std::map<std::string, SafeTensor> read_safetensors(const std::filesystem::path& path);
/// The file's bytes; deterministic. Tensors by falling element size, then by name: without gaps each is aligned to its
/// elements. Throws Error for a name that is not UTF-8.
std::string to_safetensors(const std::map<std::string, SafeTensor>& tensors,
                           const std::map<std::string, std::string>& metadata = {});

}  // namespace pare::io
