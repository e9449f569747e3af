// pare quantize: methods and widths in, a Study with measured costs out.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "pare/io/dataset.h"
#include "pare/model/recipe.h"
#include "pare/quantize/options.h"
#include "pare/study/study.h"

namespace pare::quantize {

/// Methods: "ant"; "ant-tensor", ANT by the paper's rule whatever options.select says; "mixed", ANT with the worst
/// layers at eight bits; a family ("int", "float", "pot", "flint", or a float split such as "e2"), that format alone.
struct Request {
  std::vector<std::string> methods{"ant"};
  std::vector<int> bits{4};
  Options options;
  std::size_t test_samples = 0;  // the first so many; 0: all
  std::filesystem::path output;  // for recipes and ONNX files; empty: none are written
};

/// Every choice is made on `training`; `test` is read once, for the costs. Without labels in `test` accuracy is left
/// out. `test` may be null: then nothing is measured but what the search itself knows.
study::Study quantize(const model::Model& model, const io::Dataset& training, const io::Dataset* test,
                      const Request& request);

}  // namespace pare::quantize
