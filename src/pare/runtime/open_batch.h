// Networks exported for one number of samples, run with any.
#pragma once
#include "pare/model/model.h"

namespace pare::runtime {

/// The model as model::with_open_batch makes it where its outputs then are, for another number of random samples, those
/// of the model as it is; else as it is.
model::Model open_batch(model::Model model);

}  // namespace pare::runtime
