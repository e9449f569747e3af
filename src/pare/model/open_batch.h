// Networks exported for one number of samples, made to take any.
#pragma once
#include <optional>

#include "pare/model/model.h"

namespace pare::model {

/// The first size that all inputs have and that is fixed; nothing where one is open, or they differ.
std::optional<std::int64_t> fixed_batch(const Model& model);

/// The model with that size open in its inputs and in the shapes that it reshapes to, as exporters write them down.
/// Nothing unless by its shapes all outputs then have as many samples as the inputs; constants may still be of one
/// number of samples, which only running shows.
std::optional<Model> with_open_batch(const Model& model);

}  // namespace pare::model
