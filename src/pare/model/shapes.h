// Shape inference, and the sizes that follow from it.
#pragma once
#include "pare/model/model.h"

namespace pare::model {

/// Fills in type and shape of every value from the inputs' shapes; folds nodes whose outputs are known small integer
/// tensors, or constants laid out anew, into constants, and drops nodes that no output needs; ValueIds stay. Throws
/// Error naming the node whose inputs do not fit.
void infer_shapes(Model& model);

/// The usual length of a text where a network is counted
inline constexpr std::int64_t usual_tokens = 128;

/// The model with the unknown sizes of its inputs fixed: the first dimension to `batch`; of ids and masks (integers)
/// the others to `tokens`; of inputs named "past..." the others to 0. Throws Error for other unknown sizes.
Model with_batch(const Model& model, std::int64_t batch, std::int64_t tokens = usual_tokens);

}  // namespace pare::model
