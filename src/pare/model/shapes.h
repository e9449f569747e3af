// Shape inference, and the sizes that follow from it.
#pragma once
#include "pare/model/model.h"

namespace pare::model {

/// Fills in type and shape of every value from the inputs' shapes; folds nodes whose outputs are known small integer
/// tensors, or constants laid out anew, into constants, and drops nodes that no output needs; ValueIds stay. Throws
/// Error naming the node whose inputs do not fit.
void infer_shapes(Model& model);

/// A copy whose unknown input dimensions are fixed: a first dimension to `batch`; others must be known, else Error.
Model with_batch(const Model& model, std::int64_t batch);

}  // namespace pare::model
