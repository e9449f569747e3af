// Frames from image files and into them.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "pare/imaging/interpret.h"

namespace pare::imaging {

/// PNG, JPEG, binary PGM and PPM, or integers in an .npy of [height, width] or [height, width, channels]. Arrays and
/// PNG of 16 bits hold codes. A byte v of another image is worth v where the type holds all of 0 .. 255, else its code
/// is v (so u0.8 counts from 0 to 1). Throws Error for what cannot be read; codes and channels are checked by
/// interpret.
Frame read_frame(const std::filesystem::path& path, const Type& type);
Frame decode_frame(const std::string& bytes, const Type& type, const std::string& where);

/// Codes as an image, in `bits` 8 or 16: unsigned types of up to 16 bits and one or three channels. Others have none.
bool has_png(const Type& type);
std::string to_png(const Frame& frame, const Type& type);
/// Codes as an array [height, width] or, of more than one channel, [height, width, channels]; integers of as few bytes
/// as the type needs.
std::string to_npy(const Frame& frame, const Type& type);

/// Writes STEM.png, or STEM.npy where there is no such image or `as_array`; returns the file's name.
std::filesystem::path write_frame(const std::filesystem::path& stem, const Frame& frame, const Type& type,
                                  bool as_array = false);

/// The file of each input, out of FILE and NAME=FILE: named ones first, the others in order. Throws UsageError where
/// one lacks, or is given twice.
std::vector<std::string> files_of(const std::vector<const Stage*>& inputs, const std::vector<std::string>& images);

}  // namespace pare::imaging
