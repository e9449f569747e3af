// One .npy array out of a source of bytes: shared by .npy files and the members of .npz archives.
#pragma once
#include <string>

#include "pare/io/npz.h"
#include "pare/io/source.h"

namespace pare::io {

/// Reads the array that fills exactly `total` bytes of `source`. The header is checked against `total` before the
/// array is allocated. Throws Error.
Array read_npy(Source& source, std::uint64_t total, const std::string& where);

/// Magic, version 1.0 and header, padded so that the data starts at a multiple of 64 bytes.
std::string npy_header(const Array& array);

}  // namespace pare::io
