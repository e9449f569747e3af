// pare imaging extract: the first layers of a network, or some behind, as a pipeline of integers.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "pare/imaging/network.h"
#include "pare/study/study.h"

namespace pare::imaging {

struct ExtractRequest {
  std::filesystem::path model, recipe;  // recipe empty: the network's own weights
  ChainRequest chain;
  std::vector<int> channels;      // of the chain's output; empty: all
  std::vector<double> mean, std;  // of the image's channels, or one for all; empty: 0 and 1
  IntegerOptions integers;
  std::vector<std::filesystem::path> calibrate;  // images that ranges are taken from; none: interval arithmetic
  std::vector<std::filesystem::path> compare;    // images on which the error is measured
  std::filesystem::path output;                  // folder; empty: nothing is written
};

/// One candidate, "pipeline": what it computes with, and how far it is from the network in floats, and from that with
/// the recipe applied. Writes NAME.pipe, NAME the model's.
study::Study extract(const ExtractRequest& request);

}  // namespace pare::imaging
