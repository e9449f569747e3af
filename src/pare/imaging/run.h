// pare imaging run: the reference on image files.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "pare/study/study.h"

namespace pare::imaging {

struct RunRequest {
  std::filesystem::path pipeline;
  std::vector<std::string> images;  // FILE, in the order of the inputs, or INPUT=FILE
  std::filesystem::path output;     // folder; empty: nothing is written
  bool as_arrays = false;           // .npy instead of PNG
};

/// One candidate, whose details say of each output its size, type, least, greatest and mean value, hash and file.
study::Study run(const RunRequest& request);

}  // namespace pare::imaging
