// pare evaluate: a network, perhaps under a recipe, on a data set.
#pragma once
#include <cstddef>

#include "pare/io/dataset.h"
#include "pare/model/recipe.h"
#include "pare/study/study.h"

namespace pare::runtime {

struct EvaluateOptions {
  std::size_t samples = 0;  // the first so many; 0: all
  std::size_t batch = 128;
};

/// One candidate: float32, or the recipe (null: none). Costs: those of Accuracy where there are labels; seconds,
/// weight_bytes, peak_bytes.
study::Study evaluate(const model::Model& model, const model::Recipe* recipe, const io::Dataset& data,
                      const EvaluateOptions& options);

}  // namespace pare::runtime
