// What the importer can only settle once shapes are known.
#pragma once
#include "pare/model/model.h"

namespace pare::model {

/// Infers shapes, folds, and writes the forms of older opsets that depend on ranks and sizes in the newest form:
/// Softmax over one axis only, Pad with pads of every axis, Split with its sizes. Then drops what no output needs.
void normalise(Model& model, int opset);

}  // namespace pare::model
