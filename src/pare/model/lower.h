// pare's own operators as standard ONNX operators, bit for bit what encode and decode do.
//
// FakeQuantize with one scale: every border between two values of a format is a multiple of some power of two g, so the
// index trunc(x / (s g)) into a table of the values at step g rounds exactly (a border belongs to the larger magnitude;
// floor instead of trunc gives the published ties). Table entries are scale * value in float32. Formats whose values
// span more than 2^15 steps take several tables, each for a band of magnitudes. Even ties are Round.
// Dequantize: one byte a code, a table of values, a product with the scales; onnxruntime folds it when it loads.
#pragma once
#include "pare/model/model.h"
#include "pare/model/onnx_writer.h"

namespace pare::model {

/// Throws Error for what has no such form: scales that are not constant, activations with more than one scale. A
/// constant behind FakeQuantize (a weight that was trained) is written as its codes.
void lower_fake_quantize(const Model& model, const Node& node, GraphWriter& writer);
void lower_dequantize(const Model& model, const Node& node, GraphWriter& writer);

/// A FakeQuantize of a constant.
void lower_constant(const Model& model, const Node& node, GraphWriter& writer);

}  // namespace pare::model
